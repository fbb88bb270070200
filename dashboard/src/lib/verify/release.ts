/** The release's record: publisher, four eyes, leaf. */
import { base64, concat, need, sha256, signed, unhex, utf8, hex, type Bytes } from './bytes';
import { canonical, open, pae, payloadType, type Envelope, type Opened } from './record';
import type { Trust } from './trust';

export type SignedAudience = 'public' | 'forum' | { members: string[] };

export interface SignedArtefact {
  sha256: string;
  bytes: number;
  rows: number;
  chunk_bytes: number;
  chunks: string[];
}

export interface Intent {
  forum: string;
  issuer: string;
  dataflow: string;
  title: string;
  audience: SignedAudience;
  embargo: string | null;
  artefacts: SignedArtefact[];
}

export interface SignedRelease {
  intent: Intent;
  operators: { role: 'prepare' | 'approve'; key: string; sig: string }[];
  replaces: string | null;
}

export type Release = Opened<SignedRelease>;

/** Reads the record; its place and its publisher's signature must hold. */
export async function checkRecord(envelope: Envelope, trust: Trust): Promise<{ release: Release; publisher: string; authority: string }> {
  const release = await open<SignedRelease>(envelope, 'release');
  const { forum, issuer, at, signers, body } = release;
  const { intent } = body;
  need(forum === trust.chain.forum && intent.forum === forum, 'the release is of another forum');
  need(intent.issuer === issuer, 'the release was agreed for another member');
  const mandate = [...signers].map((key) => trust.inForce(issuer, 'publisher', key, at)).find((found) => found !== undefined);
  need(mandate !== undefined, `no publisher key of ${issuer} in force at ${release.issued_at} signed the release`);
  return { release, publisher: mandate.key, authority: mandate.authority };
}

export interface SignedWithdrawal {
  release: string;
  reason: string;
}

const MAX_REASON = 1000;

/** No longer than `max` characters, none of them a control or text-direction character: it is shown to people. */
const isPlainText = (text: unknown, max: number): boolean =>
  typeof text === 'string' && [...text].length <= max && !/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(text);

/** Reads the record by which the issuer has withdrawn the release; it must be of this one, and signed by the issuer's publisher. */
export async function checkWithdrawal(envelope: Envelope, { id, issuer, forum }: Release, trust: Trust): Promise<Opened<SignedWithdrawal>> {
  const withdrawal = await open<SignedWithdrawal>(envelope, 'withdrawal');
  need(withdrawal.forum === forum && withdrawal.issuer === issuer, 'the withdrawal is by another member or of another forum');
  need(withdrawal.body.release === id, 'the withdrawal is of another release');
  need(isPlainText(withdrawal.body.reason, MAX_REASON), `the withdrawal’s reason is over ${MAX_REASON} characters or not plain text`);
  const publisher = [...withdrawal.signers].find((key) => trust.inForce(issuer, 'publisher', key, withdrawal.at));
  need(publisher !== undefined, `no publisher key of ${issuer} in force at ${withdrawal.issued_at} signed the withdrawal`);
  return withdrawal;
}

/** Checks the operators' signatures. Returns their names, as delegated. */
export async function checkOperators({ body, issuer, at }: Release, trust: Trust): Promise<{ prepared: string[]; approved: string[] }> {
  const message = pae(payloadType('intent'), utf8(canonical(body.intent)));
  const keys = { prepare: new Set<string>(), approve: new Set<string>() };
  const names = { prepared: [] as string[], approved: [] as string[] };
  need(body.operators.length <= 8, 'the release has too many operators');
  for (const { role, key, sig } of body.operators) {
    const mandate = trust.inForce(issuer, 'operator', key, at);
    need(mandate !== undefined, 'an operator’s key was not in force');
    need(await signed(key, message, base64(sig, 'an operator’s signature')), `the signature of the operator ${mandate.name} does not hold`);
    need(role in keys, 'an operator has no part');
    keys[role].add(key);
    (role === 'prepare' ? names.prepared : names.approved).push(mandate.name);
  }
  need(keys.prepare.size > 0, 'nobody signed as the one who prepared it');
  const other = [...keys.approve].some((key) => !keys.prepare.has(key));
  need(!trust.chain.at(at).rules.four_eyes || other, 'nobody but the one who prepared it has approved it');
  return names;
}

/** The entry that must stand in the log: the record's id, or a salted commitment to it. */
export async function leafOf({ id, body }: Release, salt: string | undefined): Promise<Bytes> {
  const { audience } = body.intent;
  const label = typeof audience === 'string' ? audience : 'members';
  need((label === 'public') === (salt === undefined), 'a salt belongs to a release that is not public, and only there');
  const committed = salt === undefined ? id : hex(await sha256(concat(unhex(salt, 'the salt'), utf8(id))));
  return utf8(`chancery/leaf/v1\nrelease\n${label}\n${committed}\n`);
}
