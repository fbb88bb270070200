/**
 * Checks a release's proof bundle in the reader's own browser, from the specifications and without any code of the node's: each thing
 * holds, is refused, or could not be checked, and the report says which.
 */
import type { Release as Shown } from '../types';
import { checkArtefact } from './artefact';
import { base64, CannotCheck, equal, need, Refused, type Bytes } from './bytes';
import { Chain, member, states } from './charter';
import { checkHead, checkInclusion, cosigners, readHead } from './log';
import type { Envelope } from './record';
import { checkOperators, checkRecord, checkWithdrawal, leafOf, type Release, type SignedArtefact } from './release';
import { differences } from './shown';
import { Trust } from './trust';

export interface Bundle {
  format: string;
  charters: Envelope[];
  delegations: Envelope[];
  revocations?: Envelope[];
  suspensions?: Envelope[];
  record: Envelope;
  salt?: string;
  leaf: string;
  index: number;
  tree_size: number;
  inclusion: string[];
  checkpoint: string;
  timestamp?: string;
  withdrawal?: Envelope;
}

/** In the order in which they are made and shown. */
export const STEPS = ['charter', 'genesis', 'delegations', 'record', 'withdrawal', 'foureyes', 'head', 'inclusion', 'cosignatures', 'shown', 'file', 'outside'] as const;
export type StepName = (typeof STEPS)[number];

export interface Step {
  name: StepName;
  /** `withdrawn`: the release was published as proved, and its issuer no longer stands by it. */
  state: 'ok' | 'failed' | 'undone' | 'withdrawn';
  /** What was found, or why not. */
  detail: string;
}

export interface Asked {
  bundle: Bundle;
  /** What the page shows of the release. */
  shown: Shown;
  /** The forum's id as the reader was told it, not by the node. */
  genesis?: string | undefined;
  /** Gets a file; none leaves the files unchecked. */
  file?: (artefact: SignedArtefact) => Promise<ReadableStream<Bytes>>;
}

/** Something to say that is no success: not done, with the reason. */
class Undone {
  constructor(readonly why: string) {}
}

/** What is proved, and is no reason to use the figures. */
class Withdrawn {
  constructor(readonly how: string) {}
}

/** What each check rests on: it is not made where that did not hold. */
const RESTS_ON: Partial<Record<StepName, StepName>> = {
  genesis: 'charter',
  delegations: 'charter',
  record: 'delegations',
  withdrawal: 'record',
  foureyes: 'record',
  head: 'record',
  inclusion: 'head',
  cosignatures: 'head',
  shown: 'record',
  file: 'record',
  outside: 'record',
};

/** Why the time of what `authority` vouches for is nobody else's word, if it is not. */
function replaced(chain: Chain, issuer: string, authority: string): string[] {
  const now = member(chain.current, issuer);
  if (!now) return [`${issuer} was removed from the forum since, and could date all of this back`];
  if (now.authority_key !== authority) return [`the authority key of ${issuer} was replaced since, and who has stolen the old one could date all of this back`];
  return [];
}

/** Makes every check in turn. */
export async function verify(asked: Asked): Promise<Step[]> {
  const steps: Step[] = [];
  const sound = new Set<StepName>();
  const step = async (name: StepName, check: () => Promise<string | Undone | Withdrawn>): Promise<void> => {
    const ground = RESTS_ON[name];
    if (ground && !sound.has(ground)) {
      steps.push({ name, state: 'undone', detail: 'not reached: what it rests on did not hold' });
      return;
    }
    try {
      const found = await check();
      sound.add(name);
      if (found instanceof Undone) steps.push({ name, state: 'undone', detail: found.why });
      else if (found instanceof Withdrawn) steps.push({ name, state: 'withdrawn', detail: found.how });
      else steps.push({ name, state: 'ok', detail: found });
    } catch (cause) {
      const unable = cause instanceof CannotCheck;
      // A bundle with fields of other types than it should have fails somewhere: it proves nothing.
      const detail = cause instanceof Refused || unable ? cause.message : `the proof is malformed: ${String(cause)}`;
      steps.push({ name, state: unable ? 'undone' : 'failed', detail });
    }
  };
  const { bundle, shown, genesis } = asked;
  let chain!: Chain;
  let trust!: Trust;
  let release!: Release;
  let authority!: string;
  let signers: string[] = [];
  await step('charter', async () => {
    need(bundle.format === 'chancery-proof/1', 'this is no proof bundle');
    chain = await Chain.verify(bundle.charters);
    const { forum_name, version } = chain.current;
    const signed = states(chain.current).filter(({ authority_key }) => chain.newest.signers.has(authority_key)).map(({ id }) => id);
    return `version ${version} of the charter of ${forum_name}, signed by ${signed.join(', ')}`;
  });
  await step('genesis', async () => {
    if (!genesis) return new Undone('you have not said which forum id you were told: whoever founded this one could have invented it');
    need(chain.forum === genesis, `the forum is ${chain.forum}, you were told ${genesis}`);
    return `the forum is the one you were told: ${chain.forum}`;
  });
  await step('delegations', async () => {
    trust = await Trust.verify(chain, bundle);
    return `${trust.delegations.length} delegated keys, each signed by its member’s authority key and by itself`;
  });
  await step('record', async () => {
    const found = await checkRecord(bundle.record, trust);
    release = found.release;
    authority = found.authority;
    return `signed at ${release.issued_at} by ${found.publisher}, the publisher of ${release.issuer}`;
  });
  const { withdrawal } = bundle;
  if (withdrawal) {
    await step('withdrawal', async () => {
      const { issuer, issued_at, id, body } = await checkWithdrawal(withdrawal, release, trust);
      return new Withdrawn(`withdrawn by ${issuer} at ${issued_at}: ${body.reason} (record ${id})`);
    });
  } else if (shown.state === 'withdrawn') {
    await step('withdrawal', () => Promise.resolve(new Undone('this page says that it was withdrawn, but its issuer’s record of that is not in the proof')));
  }
  await step('foureyes', async () => {
    const { prepared, approved } = await checkOperators(release, trust);
    return `prepared by ${prepared.join(', ')}, approved by ${approved.join(', ') || 'nobody: the charter does not ask for it'}`;
  });
  await step('head', async () => {
    const head = readHead(bundle.checkpoint);
    signers = await checkHead(head, trust, release.issuer);
    return `${head.size} entries, signed by the log key of ${release.issuer}`;
  });
  await step('inclusion', async () => {
    const [head, leaf] = [readHead(bundle.checkpoint), await leafOf(release, bundle.salt)];
    need(equal(leaf, base64(bundle.leaf, 'the leaf')) && bundle.tree_size === head.size, 'the leaf or the size beside the proof is another’s');
    await checkInclusion(leaf, bundle.index, head, bundle.inclusion.map((hash) => base64(hash, 'the inclusion proof')));
    return `entry ${bundle.index + 1} of ${head.size}`;
  });
  await step('cosignatures', async () => {
    const { rules, members } = chain.current;
    const others = members.filter(({ id, role }) => role === 'member-state' && id !== release.issuer).length;
    const quorum = Math.min(others, rules.witness_quorum ?? 0);
    const found = await cosigners(readHead(bundle.checkpoint), trust, release.issuer);
    const named = found.join(', ');
    const witnessed = quorum > 0 && found.length >= quorum;
    const doubts = witnessed ? [] : replaced(chain, release.issuer, authority);
    if (!witnessed && signers.every((key) => trust.everRevoked(release.issuer, key))) doubts.push(`the log key of ${release.issuer} was revoked since, and a head has no date`);
    const doubtful = found.filter((id) => trust.everSuspended(id));
    if (doubtful.length > 0 && found.length - doubtful.length < quorum) doubts.push(`${doubtful.join(', ')} was suspended for a time, and when it cosigned is its own word`);
    const also = doubts.map((doubt) => `; ${doubt}`).join('');
    if (found.length < quorum) return new Undone(`${found.length} of the ${quorum} other states that must have seen this log have cosigned it so far: ${named || 'none'}${also}`);
    if (found.length === 0) return new Undone(`no other state has cosigned this log, and the charter does not ask for it: its owner could show another to somebody else${also}`);
    const told = `cosigned by ${named}; the charter asks for ${quorum}${also}`;
    return doubts.length > 0 ? new Undone(told) : told;
  });
  await step('shown', async () => {
    const found = differences(shown, release);
    need(found.length === 0, `this page shows something else than was signed: ${found.join('; ')}`);
    return 'title, member, dataflow, time, audience, sizes and file hashes on this page are the signed ones';
  });
  await step('file', async () => {
    if (steps.some(({ state }) => state === 'withdrawn')) return new Undone('the files of a release that was withdrawn are handed out no more');
    if (!asked.file) return new Undone('the file was not fetched');
    for (const artefact of release.body.intent.artefacts) await checkArtefact(await asked.file(artefact), artefact);
    return 'every byte that this node serves is the signed one';
  });
  const outside = [
    ...(sound.has('record') && member(chain.current, release.issuer)?.endorsement ? ['what the national PKI says of the member’s key'] : []),
    ...(bundle.timestamp ? ['the time-stamp of an authority outside the forum'] : []),
  ];
  if (outside.length > 0) {
    await step('outside', () => Promise.resolve(new Undone(`${outside.join(' and ')}: this page does not read X.509 certificates, chancery verify does`)));
  }
  return steps;
}
