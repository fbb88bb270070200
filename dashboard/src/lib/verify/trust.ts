/** Which key could act for which member, for what, and when: delegations, revocations and suspensions under the charter. */
import { keyBytes, need } from './bytes';
import { member, share, states, type Chain } from './charter';
import { open, seconds, type Envelope } from './record';

export type Purpose = 'log' | 'witness' | 'publisher' | 'transport' | 'operator';

const DAY = 86_400;

interface Delegation {
  member: string;
  purpose: Purpose;
  key: string;
  name: string;
  authority: string;
  from: number;
  to: number;
}

interface Records {
  delegations: Envelope[];
  revocations?: Envelope[];
  suspensions?: Envelope[];
}

async function delegation(envelope: Envelope, chain: Chain): Promise<Delegation> {
  const record = await open<{ purpose: Purpose; key: string; name: string; not_before: string; not_after: string }>(envelope, 'delegation');
  const { forum, issuer, body, signers } = record;
  need(forum === chain.forum, 'a delegation is of another forum');
  const authority = chain.authorities(issuer).find((key) => signers.has(key));
  need(authority !== undefined, `no authority key of ${issuer} signed a delegation`);
  need(signers.has(body.key), `a delegated key of ${issuer} has not signed its delegation`);
  const owner = chain.holder(body.key);
  need(owner === undefined, `the authority key of ${owner} is delegated`);
  keyBytes(body.key);
  const [from, to] = [seconds(body.not_before), seconds(body.not_after)];
  need(to > from && to - from <= 90 * DAY, `a delegation of ${issuer} is not within 90 days`);
  return { member: issuer, purpose: body.purpose, key: body.key, name: body.name, authority, from, to };
}

async function revocation(envelope: Envelope, chain: Chain) {
  const { forum, issuer, body, signers, at } = await open<{ key: string; from: string }>(envelope, 'revocation');
  need(forum === chain.forum, 'a revocation is of another forum');
  const from = seconds(body.from);
  need(from <= at && from >= at - 30 * DAY, `a revocation of ${issuer} is not from within 30 days before it was issued`);
  const authority = chain.authorities(issuer).find((key) => signers.has(key));
  need(authority !== undefined, `a revocation was not signed by ${issuer}`);
  return { member: issuer, key: body.key, authority, from };
}

type Revocation = Awaited<ReturnType<typeof revocation>>;

/** A charter says when it was drafted, not when it was adopted: the signatures are enough if they are by one that can have been in force, each
 * key as it is there or in the one after. */
async function suspension(envelope: Envelope, chain: Chain) {
  const { forum, issuer, body, signers, at } = await open<{ member: string; from: string; until: string }>(envelope, 'suspension');
  need(forum === chain.forum, 'a suspension is of another forum');
  const [from, until] = [seconds(body.from), seconds(body.until)];
  need(from >= at && until > from && until - from <= 14 * DAY, `a suspension of ${body.member} is not within 14 days`);
  const holds = chain.versions.some(({ body: charter, at: drafted }, index) => {
    if (drafted > until || !member(charter, body.member) || !member(charter, issuer)) return false;
    const next = chain.versions[index + 1]?.body;
    const others = states(charter).filter(({ id }) => id !== body.member);
    const keys = (id: string): string[] => [charter, ...(next ? [next] : [])].flatMap((one) => member(one, id)?.authority_key ?? []);
    return others.filter(({ id }) => keys(id).some((key) => signers.has(key))).length >= share(charter.thresholds.suspend, others.length);
  });
  need(holds, `a suspension of ${body.member} was signed by too few`);
  return { member: body.member, from, until };
}

export class Trust {
  private constructor(
    readonly chain: Chain,
    readonly delegations: readonly Delegation[],
    private readonly revocations: readonly Revocation[],
    private readonly suspensions: readonly { member: string; from: number; until: number }[],
  ) {}

  static async verify(chain: Chain, records: Records): Promise<Trust> {
    const all = <T>(envelopes: Envelope[] | undefined, read: (envelope: Envelope, chain: Chain) => Promise<T>): Promise<T[]> =>
      Promise.all((envelopes ?? []).map((envelope) => read(envelope, chain)));
    const [delegations, revocations, suspensions] = [
      await all(records.delegations, delegation),
      await all(records.revocations, revocation),
      await all(records.suspensions, suspension),
    ];
    const serves = new Map<string, string>();
    for (const { member: of, purpose, key } of delegations) {
      const use = `${of} for ${purpose}`;
      need((serves.get(key) ?? use) === use, `one key is delegated to ${serves.get(key)} and to ${use}`);
      serves.set(key, use);
    }
    return new Trust(chain, delegations, revocations, suspensions);
  }

  suspended(of: string, at: number): boolean {
    return this.suspensions.some((one) => one.member === of && one.from <= at && at < one.until);
  }

  /** Whether the member was suspended at any time: when it cosigned is its own word. */
  everSuspended(of: string): boolean {
    return this.suspensions.some((one) => one.member === of);
  }

  /** Whether the member has revoked `key`, from whatever time on. */
  everRevoked(of: string, key: string): boolean {
    return this.revocations.some((one) => one.member === of && one.key === key);
  }

  /** The delegation by which `key` could act then. */
  inForce(of: string, purpose: Purpose, key: string, at: number): Delegation | undefined {
    const authority = member(this.chain.at(at), of)?.authority_key;
    if (this.suspended(of, at)) return undefined;
    // A date can be invented: a key that was replaced does not reach what its successor delegates.
    const authorities = this.chain.authorities(of);
    const reaches = (by: string): boolean => authority !== undefined && authorities.indexOf(by) <= authorities.indexOf(authority);
    if (this.revocations.some((one) => one.member === of && one.key === key && one.from <= at && reaches(one.authority))) return undefined;
    return this.delegations.find(
      (one) => one.member === of && one.purpose === purpose && one.key === key && one.authority === authority && one.from <= at && at < one.to,
    );
  }

  /** Every key ever delegated for a purpose: an old head stays checkable after its key's time. */
  keys(of: string, purpose: Purpose): string[] {
    return [...new Set(this.delegations.filter((one) => one.member === of && one.purpose === purpose).map(({ key }) => key))];
  }
}
