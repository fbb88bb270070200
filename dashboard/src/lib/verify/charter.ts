/** The charter's chain: each version signed by enough member states of the one before and of itself. */
import { hex, keyBytes, need, sha256 } from './bytes';
import { canonical, open, seconds, type Envelope, type Opened } from './record';

export interface Member {
  id: string;
  name: string;
  role: 'member-state' | 'observer' | 'secretariat';
  authority_key: string;
  next_key_hash?: string;
  /** What its national PKI says: CMS and X.509, which is not read here. */
  endorsement?: unknown;
}

export interface Charter {
  forum_name: string;
  version: number;
  previous: string | null;
  members: Member[];
  thresholds: Record<'admit' | 'remove' | 'schema' | 'amend' | 'suspend', string>;
  rules: { four_eyes: boolean; schema: string; witness_quorum?: number };
  expires: string;
}

type Version = Opened<Charter>;

/** How many of `states` a fraction such as `2/3` asks for. */
export function share(fraction: string, states: number): number {
  const [, numerator, denominator] = /^(\d{1,4})\/(\d{1,4})$/.exec(fraction) ?? [];
  const [n, d] = [Number(numerator), Number(denominator)];
  need(n > 0 && n <= d, `\`${String(fraction).slice(0, 20)}\` is not a share`);
  return Math.max(1, Math.ceil((states * n) / d));
}

export const states = ({ members }: Charter): Member[] => members.filter(({ role }) => role === 'member-state');
export const member = ({ members }: Charter, id: string): Member | undefined => members.find((one) => one.id === id);

/** A field that is null says the same as one that is not there. */
const same = (a: unknown, b: unknown): boolean => {
  const bare = (value: unknown) => JSON.parse(JSON.stringify(value, (_, inner: unknown) => (inner === null ? undefined : inner))) as unknown;
  return canonical(bare(a)) === canonical(bare(b));
};

/** Members of `from` that are not in `to`, or lose their vote there. */
const lost = (from: Charter, to: Charter): string[] =>
  from.members
    .filter(({ id, role }) => {
      const after = member(to, id);
      return !after || (role === 'member-state' && after.role !== role);
    })
    .map(({ id }) => id);

async function announced(before: Member, key: string): Promise<boolean> {
  return before.next_key_hash !== undefined && before.next_key_hash === hex(await sha256(keyBytes(key)));
}

async function isRotation(before: Member, after: Member): Promise<boolean> {
  const bare = ({ authority_key: _, next_key_hash: __, endorsement: ___, ...rest }: Member) => rest;
  return before.authority_key !== after.authority_key && same(bare(before), bare(after)) && announced(before, after.authority_key);
}

interface Acts {
  removed: string[];
  shares: ('admit' | 'remove' | 'schema' | 'amend')[];
}

/** What `next` does to `old`, as the thresholds that it falls under. */
async function acts(old: Charter, next: Charter): Promise<Acts> {
  const [removed, admitted] = [lost(old, next), lost(next, old)];
  let changed = false;
  let rotated = false;
  for (const before of old.members) {
    const after = member(next, before.id);
    if (!after || same(before, after)) continue;
    if (await isRotation(before, after)) rotated = true;
    else changed = true;
  }
  const schema = old.rules.schema !== next.rules.schema;
  const rest = { ...next, members: old.members, rules: { ...next.rules, schema: old.rules.schema }, version: old.version, previous: old.previous };
  const named = removed.length > 0 || admitted.length > 0 || rotated || schema;
  const shares: Acts['shares'] = [];
  if (admitted.length > 0) shares.push('admit');
  if (removed.length > 0) shares.push('remove');
  if (schema) shares.push('schema');
  if (!same(rest, old) || changed || !named) shares.push('amend');
  return { removed, shares };
}

function needSigned(version: Version, by: Charter, needed: number, without?: string): void {
  const found = states(by).filter(({ id, authority_key }) => id !== without && version.signers.has(authority_key)).length;
  need(found >= needed, `charter version ${version.body.version}: ${found} of the ${needed} member states signed that version ${by.version} asks for`);
}

function needForm(version: Version, number: number): void {
  const { body } = version;
  const what = `charter version ${number}`;
  need(body.version === number, `${what} says that it is version ${body.version}`);
  const [ids, keys] = [new Set(body.members.map(({ id }) => id)), new Set(body.members.map(({ authority_key }) => authority_key))];
  need(ids.size === body.members.length && keys.size === ids.size, `${what} names a member or a key twice`);
  need(states(body).length > 0, `${what} has no member state`);
  need(seconds(body.expires) > version.at, `${what} had expired when it was issued`);
}

/** A verified chain. */
export class Chain {
  private constructor(
    readonly versions: readonly Version[],
    readonly forum: string,
  ) {}

  static async verify(envelopes: Envelope[]): Promise<Chain> {
    need(Array.isArray(envelopes) && envelopes.length > 0 && envelopes.length <= 1000, 'the proof holds no charter');
    const versions: Version[] = [];
    for (const envelope of envelopes) {
      const next = await open<Charter>(envelope, 'charter');
      needForm(next, versions.length + 1);
      const before = versions.at(-1);
      if (before) await followed(versions, before, next);
      else {
        need((next.body.previous ?? null) === null && next.forum === '', 'the first charter is no genesis');
        needSigned(next, next.body, states(next.body).length);
      }
      versions.push(next);
    }
    return new Chain(versions, versions[0]?.id ?? '');
  }

  get current(): Charter {
    return this.newest.body;
  }

  get newest(): Version {
    const last = this.versions.at(-1);
    need(last !== undefined, 'the proof holds no charter');
    return last;
  }

  /** The version in force then. */
  at(time: number): Charter {
    const found = this.versions.findLast(({ at }) => at <= time) ?? this.versions[0];
    need(found !== undefined, 'the proof holds no charter');
    return found.body;
  }

  /** Every authority key a member ever had, the newest first. */
  authorities(id: string): string[] {
    const found = this.versions.toReversed().flatMap(({ body }) => member(body, id)?.authority_key ?? []);
    return [...new Set(found)];
  }

  holder(key: string): string | undefined {
    return holder(this.versions, key);
  }
}

const holder = (versions: readonly Version[], key: string): string | undefined =>
  versions.flatMap(({ body }) => body.members).find(({ authority_key }) => authority_key === key)?.id;

async function followed(versions: Version[], before: Version, next: Version): Promise<void> {
  const [old, body] = [before.body, next.body];
  const what = `charter version ${body.version}`;
  need(body.previous === before.id, `${what} does not name the version before it`);
  need(next.forum === versions[0]?.id, `${what} is of another forum`);
  need(next.at >= before.at, `${what} was issued before the version it follows`);
  need(next.at <= seconds(old.expires) || same(old.members, body.members), `${what} changes members although the version before it had expired`);
  const { removed, shares } = await acts(old, body);
  need(removed.length <= 1, `${what} removes more than one member`);
  for (const by of [old, body]) {
    const counted = states(by).filter(({ id }) => id !== removed[0]).length;
    const asked = shares.map((act) => share(by.thresholds[act], counted));
    needSigned(next, by, Math.max(Math.floor(counted / 2) + 1, ...asked), removed[0]);
  }
  for (const after of body.members) {
    const had = member(old, after.id);
    const changed = had?.authority_key !== after.authority_key;
    const owner = holder(versions, after.authority_key);
    need(!changed || owner === undefined || (owner === after.id && !had), `${what}: the key of ${after.id} was an authority key before`);
    if (!had) continue;
    need(!changed || had.next_key_hash === undefined || (await announced(had, after.authority_key)), `${what}: the key of ${after.id} is not the one it had announced`);
    const consents = changed || had.next_key_hash !== after.next_key_hash;
    need(!consents || next.signers.has(after.authority_key), `${what}: ${after.id} has not signed the change of its own key`);
  }
}
