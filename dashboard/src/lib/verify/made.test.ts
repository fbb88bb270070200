/** What a hostile node could put together: forums whose keys the test has, so that every signature can be made. */
import { webcrypto } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Release as Shown } from '../types';
import { concat, hex, sha256, utf8, type Bytes } from './bytes';
import type { Charter, Member } from './charter';
import { verify, type Bundle, type StepName } from './index';
import { canonical, pae, payloadType, type Envelope } from './record';

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

interface Key {
  name: string;
  bytes: Bytes;
  sign(message: Bytes): Promise<Bytes>;
}

async function key(): Promise<Key> {
  const pair = (await webcrypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const bytes = new Uint8Array(await webcrypto.subtle.exportKey('raw', pair.publicKey));
  const sign = async (message: Bytes) => new Uint8Array(await webcrypto.subtle.sign('Ed25519', pair.privateKey, message));
  return { name: `ed25519:${base64(bytes)}`, bytes, sign };
}

async function seal(kind: string, forum: string, issuer: string, at: string, body: unknown, keys: Key[]): Promise<Envelope> {
  const payload = utf8(canonical({ forum, issuer, issued_at: at, kind, body }));
  const message = pae(payloadType(kind), payload);
  const signatures = await Promise.all(keys.map(async (one) => ({ keyid: one.name, sig: base64(await one.sign(message)) })));
  return { payloadType: payloadType(kind), payload: base64(payload), signatures };
}
const idOf = async ({ payload }: Envelope) => hex(await sha256(new Uint8Array(Buffer.from(payload, 'base64'))));

const STATES = ['XAA', 'XBB', 'XCC', 'XDD', 'XEE'];
const [START, BACK, THEN, LATER] = ['2026-01-01T00:00:00Z', '2026-01-20T00:00:00Z', '2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z'];
/** All keys, made once. */
const KEYS = Object.fromEntries(
  await Promise.all([...STATES, 'OBS', 'SEC', 'STRANGER', 'NEXT', 'NEXT2', 'log', 'publisher', 'preparer', 'approver', 'witness', 'witness2'].map(async (name) => [name, await key()] as const)),
);
const k = (name: string): Key => KEYS[name] as Key;

const founding = (): Charter => ({
  forum_name: 'Made-up forum',
  version: 1,
  previous: null,
  members: [...STATES, 'OBS', 'SEC'].map((id) => {
    const role: Member['role'] = id === 'OBS' ? 'observer' : id === 'SEC' ? 'secretariat' : 'member-state';
    return { id, name: id, role, authority_key: k(id).name, addresses: [] };
  }),
  thresholds: { admit: '2/3', remove: '2/3', schema: '4/5', amend: '1/2', suspend: '1/3' },
  rules: { four_eyes: true, schema: 'RCP 1.0.0', witness_quorum: 1 },
  expires: '2027-01-01T00:00:00Z',
});

interface World {
  /** Version 2, if there is one: what it changes, and whose signatures it has. */
  change?: (charter: Charter) => void;
  by?: string[];
  /** When it was drafted. */
  at?: string;
  founders?: string[];
  mandates?: { purpose: string; key: string; of?: string; by?: string; held?: boolean; from?: string; to?: string }[];
  publisher?: string;
  operators?: ['prepare' | 'approve', string][];
  revoked?: string;
  /** Whose key revokes; the issuer's own otherwise. */
  revokedBy?: string;
  suspendedBy?: string[];
  /** Who is suspended; the issuer otherwise. */
  suspended?: string[];
  /** Whose key signs a withdrawal, and how it differs from a sound one. */
  withdrawn?: { by?: string; as?: string; release?: string; at?: string; reason?: string };
  cosigned?: { key: string; as: string; at?: number }[];
  /** The release that the signed record says it replaces. */
  replaces?: string;
}

async function bundle(world: World): Promise<{ bundle: Bundle; shown: Shown; genesis: string }> {
  const genesis = await seal('charter', '', 'SEC', START, founding(), (world.founders ?? STATES).map(k));
  const forum = await idOf(genesis);
  const charters = [genesis];
  if (world.change) {
    const next = { ...founding(), version: 2, previous: forum };
    world.change(next);
    charters.push(await seal('charter', forum, 'SEC', world.at ?? THEN, next, (world.by ?? STATES).map(k)));
  }
  const mandates = world.mandates ?? [];
  const usual = ['log', 'publisher', 'preparer', 'approver'].map((name) => ({ purpose: name.endsWith('er') && name !== 'publisher' ? 'operator' : name, key: name }));
  const delegations = await Promise.all(
    [...usual.filter(({ key: name }) => !mandates.some((one) => one.key === name)), { purpose: 'witness', key: 'witness', of: 'XBB' }, ...mandates].map((one) => {
      const { purpose, key: name, of = 'XAA', by, held = true, from = '2026-02-10T00:00:00Z', to = '2026-05-01T00:00:00Z' } = one as NonNullable<World['mandates']>[number];
      const body = { purpose, key: k(name).name, name, not_before: from, not_after: to };
      return seal('delegation', forum, of, THEN, body, held ? [k(by ?? of), k(name)] : [k(by ?? of)]);
    }),
  );
  const intent = { forum, issuer: 'XAA', dataflow: 'RCP:RETURNS(1.0.0)', structure: 'RCP:RETURNS(1.0.0)', title: 'Made up', audience: 'public', embargo: null, artefacts: [], disclosure: {} };
  const message = pae(payloadType('intent'), utf8(canonical(intent)));
  const operators = await Promise.all(
    (world.operators ?? [['prepare', 'preparer'], ['approve', 'approver']]).map(async ([role, name]) => ({ role, key: k(name).name, sig: base64(await k(name).sign(message)) })),
  );
  const record = await seal('release', forum, 'XAA', LATER, { intent, operators, replaces: world.replaces ?? null }, [k(world.publisher ?? 'publisher')]);
  const id = await idOf(record);
  const leaf = utf8(`chancery/leaf/v1\nrelease\npublic\n${id}\n`);
  const [other, own] = [await sha256(utf8('another')), await sha256(concat(Uint8Array.of(0), leaf))];
  const root = await sha256(concat(Uint8Array.of(1), other, own));
  const origin = `chancery/${forum}/XAA`;
  const text = utf8(`${origin}\n2\n${base64(root)}\n`);
  const line = async (name: string, algorithm: number, by: Key, signature: Bytes) => {
    const keyId = (await sha256(concat(utf8(`${name}\n`), Uint8Array.of(algorithm), by.bytes))).slice(0, 4);
    return `\u2014 ${name} ${base64(concat(keyId, signature))}\n`;
  };
  let note = `${new TextDecoder().decode(text)}\n${await line(origin, 1, k('log'), await k('log').sign(text))}`;
  for (const { key: name, as, at = Date.parse(LATER) / 1000 } of world.cosigned ?? [{ key: 'witness', as: 'XBB' }]) {
    const time = new Uint8Array(8);
    new DataView(time.buffer).setBigUint64(0, BigInt(at));
    const signature = await k(name).sign(concat(utf8(`cosignature/v1\ntime ${at}\n`), text));
    note += await line(`chancery/${forum}/${as}/witness`, 4, k(name), concat(time, signature));
  }
  const more: Partial<Bundle> = {};
  // Dated before the rotation, if there is one: so a thief would.
  const revoked = world.revokedBy ? LATER : BACK;
  if (world.revoked) more.revocations = [await seal('revocation', forum, 'XAA', revoked, { key: k(world.revoked).name, from: revoked, reason: 'lost' }, [k(world.revokedBy ?? 'XAA')])];
  if (world.suspendedBy) {
    const signers = world.suspendedBy.map(k);
    const suspend = (member: string) => {
      const body = { member, from: '2026-02-28T00:00:00Z', until: '2026-03-05T00:00:00Z', reason: 'emergency' };
      return seal('suspension', forum, 'XBB', '2026-02-28T00:00:00Z', body, signers);
    };
    more.suspensions = await Promise.all((world.suspended ?? ['XAA']).map(suspend));
  }
  if (world.withdrawn) {
    const { by = 'publisher', as = 'XAA', release = id, at = '2026-03-02T00:00:00Z', reason = 'a column was shifted' } = world.withdrawn;
    more.withdrawal = await seal('withdrawal', forum, as, at, { release, reason }, [k(by)]);
  }
  const shown = { id, member: 'XAA', title: 'Made up', dataflow: 'RETURNS', issued_at: LATER, audience: 'public', replaces: null, rows: 0, bytes: 0, artefacts: [] } as unknown as Shown;
  return {
    bundle: { format: 'chancery-proof/1', charters, delegations, ...more, record, leaf: base64(leaf), index: 1, tree_size: 2, inclusion: [base64(other)], checkpoint: note },
    shown,
    genesis: forum,
  };
}

const without = (id: string) => (charter: Charter) => {
  charter.members = charter.members.filter((one) => one.id !== id);
};
const extend = (charter: Charter) => {
  charter.expires = '2027-06-01T00:00:00Z';
};
const member = (charter: Charter, id: string) => charter.members.find((one) => one.id === id) as Member;
const rotateTo = (charter: Charter, id: string, key: string) => void (member(charter, id).authority_key = k(key).name);
const rotate = (charter: Charter) => void (member(charter, 'XAA').authority_key = k('NEXT').name);
/** All is delegated anew by the issuer's next authority key. */
const RENEWED = ['log', 'publisher', 'preparer', 'approver'].map((key) => ({ purpose: key === 'log' || key === 'publisher' ? key : 'operator', key, by: 'NEXT' }));
const three = (charter: Charter) => void (charter.rules = { ...charter.rules, witness_quorum: 3 });
const state = (id: string): Member => ({ id, name: id, role: 'member-state', authority_key: k('STRANGER').name, addresses: [] }) as Member;

describe('a proof with every signature made anew', () => {
  const cases: [string, World, StepName | null][] = [
    ['sound', {}, null],
    ['a founder missing', { founders: STATES.slice(1) }, 'charter'],
    ['amended by enough', { change: extend, by: STATES.slice(0, 3) }, null],
    ['amended by one too few', { change: extend, by: STATES.slice(0, 2) }, 'charter'],
    ['the observer counted', { change: extend, by: ['XAA', 'XBB', 'OBS'] }, 'charter'],
    ['the secretariat counted', { change: extend, by: ['XAA', 'XBB', 'SEC'] }, 'charter'],
    ['a stranger counted', { change: extend, by: ['XAA', 'XBB', 'STRANGER'] }, 'charter'],
    ['removed by the others', { change: without('XEE'), by: ['XAA', 'XBB', 'XCC'] }, null],
    ['removed with its own vote', { change: without('XEE'), by: ['XAA', 'XBB', 'XEE'] }, 'charter'],
    ['two removed at once', { change: (c) => (without('XEE')(c), without('XDD')(c)) }, 'charter'],
    ['a version skipped', { change: (c) => void (c.version = 3) }, 'charter'],
    ['another version before it', { change: (c) => void (c.previous = '0'.repeat(64)) }, 'charter'],
    ['expired when issued', { change: (c) => void (c.expires = START) }, 'charter'],
    ['thresholds lowered by few', { change: (c) => void (c.thresholds.amend = '1/5'), by: ['XAA'] }, 'charter'],
    ['a newcomer’s own vote', { change: (c) => void c.members.push(state('XFF')), by: ['XAA', 'XBB', 'XCC', 'STRANGER'] }, 'charter'],
    ['a newcomer admitted', { change: (c) => void c.members.push(state('XFF')), by: ['XAA', 'XBB', 'XCC', 'XDD'] }, null],
    ['a key changed by the others', { change: (c) => void (member(c, 'XEE').authority_key = k('NEXT').name), by: ['XAA', 'XBB', 'XCC', 'XDD'] }, 'charter'],
    ['a key changed by both keys', { change: (c) => void (member(c, 'XEE').authority_key = k('NEXT').name), by: ['XAA', 'XBB', 'XCC', 'NEXT'] }, null],
    ['one key for two members', { change: (c) => void (member(c, 'XEE').authority_key = k('XAA').name) }, 'charter'],
    ['the schema by too few', { change: (c) => void (c.rules.schema = 'RCP 2.0.0'), by: ['XAA', 'XBB', 'XCC'] }, 'charter'],
    ['the issuer removed before', { change: without('XAA'), by: ['XBB', 'XCC', 'XDD'] }, 'record'],
    ['a delegation by another authority', { mandates: [{ purpose: 'publisher', key: 'publisher', by: 'XBB' }] }, 'delegations'],
    ['a delegation its key did not sign', { mandates: [{ purpose: 'publisher', key: 'publisher', held: false }] }, 'delegations'],
    ['a delegation of 91 days', { mandates: [{ purpose: 'publisher', key: 'publisher', to: '2026-05-12T00:00:00Z' }] }, 'delegations'],
    ['an expired delegation', { mandates: [{ purpose: 'publisher', key: 'publisher', to: '2026-02-20T00:00:00Z' }] }, 'record'],
    ['a delegation not begun', { mandates: [{ purpose: 'publisher', key: 'publisher', from: '2026-03-02T00:00:00Z' }] }, 'record'],
    ['a key for two purposes', { mandates: [{ purpose: 'log', key: 'publisher' }, { purpose: 'publisher', key: 'publisher' }] }, 'delegations'],
    ['an authority key delegated', { mandates: [{ purpose: 'publisher', key: 'XBB' }] }, 'delegations'],
    ['published by the log key', { publisher: 'log' }, 'record'],
    ['published by a stranger', { publisher: 'STRANGER' }, 'record'],
    ['a revoked publisher', { revoked: 'publisher' }, 'record'],
    ['a revoked approver', { revoked: 'approver' }, 'foureyes'],
    ['revoked by another state', { revoked: 'publisher', revokedBy: 'XBB' }, 'delegations'],
    ['revoked by the key that replaced the authority', { change: rotate, by: [...STATES, 'NEXT'], mandates: RENEWED, revoked: 'publisher', revokedBy: 'NEXT' }, 'record'],
    ['revoked by the replaced authority, dated back or not', { change: rotate, by: [...STATES, 'NEXT'], mandates: RENEWED, revoked: 'publisher' }, null],
    ['a suspended issuer', { suspendedBy: ['XBB', 'XCC'] }, 'record'],
    ['suspended by keys that a charter drafted before replaces', { change: (c) => void (rotateTo(c, 'XBB', 'NEXT'), rotateTo(c, 'XCC', 'NEXT2')), by: ['XAA', 'XDD', 'XEE', 'NEXT', 'NEXT2'], suspendedBy: ['XBB', 'XCC'], mandates: [{ purpose: 'witness', key: 'witness', of: 'XBB' }] }, 'record'],
    ['suspended by one key before and one after', { change: (c) => void (rotateTo(c, 'XBB', 'NEXT'), rotateTo(c, 'XCC', 'NEXT2')), by: ['XAA', 'XDD', 'XEE', 'NEXT', 'NEXT2'], suspendedBy: ['NEXT', 'XCC'] }, 'record'],
    ['a suspension by one too few', { suspendedBy: ['XBB'] }, 'delegations'],
    ['two eyes', { operators: [['prepare', 'preparer'], ['approve', 'preparer']] }, 'foureyes'],
    ['nobody prepared', { operators: [['approve', 'approver']] }, 'foureyes'],
    ['an operator of nobody', { operators: [['prepare', 'preparer'], ['approve', 'STRANGER']] }, 'foureyes'],
  ];
  it.each(cases)('%s', async (_, world, expected) => {
    const steps = await verify(await bundle(world));
    const found = steps.find((step) => step.state === 'failed')?.name ?? null;
    expect(found, JSON.stringify(steps, null, 1)).toBe(expected);
  });

  it.each<[string, World, 'ok' | 'undone']>([
    ['by another state', {}, 'ok'],
    ['by nobody', { cosigned: [] }, 'undone'],
    ['by the owner', { mandates: [{ purpose: 'witness', key: 'witness2' }], cosigned: [{ key: 'witness2', as: 'XAA' }] }, 'undone'],
    ['by an observer', { mandates: [{ purpose: 'witness', key: 'witness2', of: 'OBS' }], cosigned: [{ key: 'witness2', as: 'OBS' }] }, 'undone'],
    ['in another’s name', { cosigned: [{ key: 'witness', as: 'XCC' }] }, 'undone'],
    ['by a key that witnesses nothing', { cosigned: [{ key: 'publisher', as: 'XBB' }] }, 'undone'],
    ['after its time', { cosigned: [{ key: 'witness', as: 'XBB', at: Date.parse('2026-06-01T00:00:00Z') / 1000 }] }, 'undone'],
    ['by one of the three that must', { change: three }, 'undone'],
    ['by all that were not suspended', { change: three, suspended: ['XCC', 'XDD', 'XEE'], suspendedBy: ['XAA', 'XBB'] }, 'undone'],
    ['by one who was suspended until before', { suspended: ['XBB'], suspendedBy: ['XAA', 'XCC'], cosigned: [{ key: 'witness', as: 'XBB', at: Date.parse('2026-03-06T00:00:00Z') / 1000 }] }, 'undone'],
    ['by one, of a release by a key that was replaced', { change: (c) => void (rotate(c), (c.rules.witness_quorum = 0)), by: [...STATES, 'NEXT'], at: '2026-03-10T00:00:00Z' }, 'undone'],
    ['by one who was suspended', { suspended: ['XBB'], suspendedBy: ['XAA', 'XCC'] }, 'undone'],
  ])('cosigned %s', async (_, world, expected) => {
    const steps = await verify(await bundle(world));
    expect(steps.find(({ name }) => name === 'cosignatures')?.state).toBe(expected);
    expect(steps.some((step) => step.state === 'failed')).toBe(false);
  });

  it.each<[string, NonNullable<World['withdrawn']>, 'withdrawn' | 'failed']>([
    ['by the publisher', {}, 'withdrawn'],
    ['by the log key', { by: 'log' }, 'failed'],
    ['by a stranger', { by: 'STRANGER' }, 'failed'],
    ['by the publisher after its time', { at: '2026-05-02T00:00:00Z' }, 'failed'],
    ['in another’s name', { as: 'XBB' }, 'failed'],
    ['with a reason that turns text around', { reason: 'wrong \u202etable' }, 'failed'],
    ['with a reason without end', { reason: 'x'.repeat(1001) }, 'failed'],
    ['of another release', { release: '0'.repeat(64) }, 'failed'],
  ])('withdrawn %s', async (_, withdrawn, expected) => {
    const steps = await verify(await bundle({ withdrawn }));
    const found = steps.find(({ name }) => name === 'withdrawal');
    expect(found?.state, JSON.stringify(steps, null, 1)).toBe(expected);
    if (expected === 'withdrawn') expect(found?.detail).toMatch(/^withdrawn by XAA at 2026-03-02T00:00:00Z: a column was shifted \(record [0-9a-f]{64}\)$/);
    else expect(found?.detail).toMatch(/withdrawal/);
  });

  it.each<[string, World, boolean]>([
    ['was revoked', { cosigned: [], revoked: 'log' }, true],
    ['was not', { cosigned: [], revoked: 'witness2' }, false],
    ['was revoked after others had seen it', { revoked: 'log' }, false],
  ])('says where the log key %s', async (_, world, said) => {
    const steps = await verify(await bundle(world));
    expect(steps.find(({ name }) => name === 'cosignatures')?.detail.includes('the log key of XAA was revoked'), JSON.stringify(steps, null, 1)).toBe(said);
  });

  it('says that a withdrawal which the page tells of was not proved', async () => {
    const world = await bundle({});
    expect((await verify(world)).some(({ name }) => name === 'withdrawal')).toBe(false);
    const steps = await verify({ ...world, shown: { ...world.shown, state: 'withdrawn' } });
    expect(steps.find(({ name }) => name === 'withdrawal')?.state).toBe('undone');
  });

  it.each<[string, string | undefined, string | null, 'ok' | 'failed']>([
    ['the one signed', '1'.repeat(64), '1'.repeat(64), 'ok'],
    ['none, where one was signed', '1'.repeat(64), null, 'ok'],
    ['another', '1'.repeat(64), '2'.repeat(64), 'failed'],
    ['one, where none was signed', undefined, '2'.repeat(64), 'failed'],
  ])('shown to replace %s', async (_, signed, said, expected) => {
    const world = await bundle(signed === undefined ? {} : { replaces: signed });
    const steps = await verify({ ...world, shown: { ...world.shown, replaces: said } as Shown });
    const step = steps.find(({ name }) => name === 'shown');
    expect(step?.state, step?.detail).toBe(expected);
    // What the page does not show, it does not betray.
    if (said === null) expect(step?.detail).not.toContain(signed);
  });

  it('says that what came from outside the forum was not looked at', async () => {
    const world = await bundle({ change: (c) => Object.assign(member(c, 'XAA'), { endorsement: { national_ca: 'x' } }) });
    const steps = await verify({ ...world, bundle: { ...world.bundle, timestamp: 'AA==' } });
    const last = steps.at(-1);
    expect([last?.name, last?.state]).toEqual(['outside', 'undone']);
    expect(last?.detail).toMatch(/national PKI.* and the time-stamp/);
  });

  it('one state that cosigned twice counts once', async () => {
    const twice = { mandates: [{ purpose: 'witness', key: 'witness2', of: 'XBB' }], cosigned: [{ key: 'witness', as: 'XBB' }, { key: 'witness2', as: 'XBB' }] };
    const steps = await verify(await bundle(twice));
    expect(steps.find(({ name }) => name === 'cosignatures')?.detail).toMatch(/^cosigned by XBB;/);
  });
});
