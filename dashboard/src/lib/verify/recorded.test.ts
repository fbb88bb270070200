/** Proof bundles that a real node made (`tests/bundles.sh`, or a running node's by CHANCERY_BUNDLES): sound ones hold, changed ones do not. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Release as Shown } from '../types';
import { Chain } from './charter';
import { verify, type Bundle, type Step } from './index';

const DIR = process.env.CHANCERY_BUNDLES ?? fileURLToPath(new URL('../../../tests/bundles', import.meta.url));
const names = readdirSync(DIR).flatMap((name) => /^(.+)\.proof\.json$/.exec(name)?.[1] ?? []);

const json = <T>(name: string): T => JSON.parse(readFileSync(`${DIR}/${name}`, 'utf8')) as T;
const stream = (bytes: Uint8Array, length = 1000) =>
  new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += length) controller.enqueue(new Uint8Array(bytes.slice(at, at + length)));
      controller.close();
    },
  });
const failed = (steps: Step[]) => steps.filter(({ state }) => state === 'failed').map(({ name }) => name);

/** Every text in a bundle, with where it stands. */
function* texts(value: unknown, path: (string | number)[] = []): Generator<{ path: (string | number)[]; text: string }> {
  if (typeof value === 'string') yield { path, text: value };
  else if (value !== null && typeof value === 'object') for (const [key, inner] of Object.entries(value)) yield* texts(inner, [...path, key]);
}

function changed(bundle: Bundle, path: (string | number)[], text: string): Bundle {
  const copy = structuredClone(bundle);
  const last = path.at(-1) as string;
  const parent = path.slice(0, -1).reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, copy as unknown as Record<string, unknown>);
  parent[last] = text;
  return copy;
}

it('there are bundles to look at', () => expect(names.length).toBeGreaterThan(0));

describe.each(names)('bundle %s', (name) => {
  const bundle = json<Bundle>(`${name}.proof.json`);
  const shown = json<Shown>(`${name}.release.json`);
  const file = existsSync(`${DIR}/${name}.parquet`) ? new Uint8Array(readFileSync(`${DIR}/${name}.parquet`)) : new Uint8Array();
  const genesis = async () => (await Chain.verify(bundle.charters)).forum;
  const asked = async (more: object = {}) => ({ bundle, shown, genesis: await genesis(), file: () => Promise.resolve(stream(file)), ...more });

  it('holds, and what was not checked is said', async () => {
    const steps = await verify(await asked());
    expect(failed(steps), JSON.stringify(steps, null, 1)).toEqual([]);
    const undone = steps.filter(({ state }) => state === 'undone').map(({ name: which }) => which);
    expect(undone.every((which) => which === 'cosignatures')).toBe(true);
    expect(steps).toHaveLength(10);
  });

  it('is not sure of the forum without an id, and refuses another', async () => {
    const state = async (id: string | undefined) => (await verify(await asked({ genesis: id }))).find((step) => step.name === 'genesis')?.state;
    expect(await state(undefined)).toBe('undone');
    expect(await state('0'.repeat(64))).toBe('failed');
  });

  it('is refused with any one character of any text changed', async () => {
    const accepted: string[] = [];
    const more = await asked();
    for (const { path, text } of texts(bundle)) {
      if (text === '') continue;
      // The head's cosignatures are not needed by all charters: a changed one is left out, not refused.
      const places = new Set([0, Math.floor(text.length / 3), Math.floor(text.length / 2), text.length - 1]);
      for (const place of places) {
        const swapped = text[place] === 'A' ? 'B' : 'A';
        const wrong = text.slice(0, place) + swapped + text.slice(place + 1);
        const own = path[0] === 'checkpoint' ? text.split('\n\n')[0]!.length + 120 : Infinity;
        if (place > own) continue;
        const steps = await verify({ ...more, bundle: changed(bundle, path, wrong) });
        if (failed(steps).length === 0) accepted.push(`${path.join('/')} at ${place}`);
      }
    }
    expect(accepted).toEqual([]);
  }, 120_000);

  it('is refused with a number changed or a part left out', async () => {
    const more = await asked();
    const wrong: Record<string, Partial<Record<keyof Bundle, unknown>>> = {
      index: { index: bundle.index + 1 },
      fraction: { index: bundle.index + 0.5 },
      size: { tree_size: bundle.tree_size + 1 },
      salt: { salt: '00'.repeat(32) },
      'no charter': { charters: [] },
      'the genesis alone, of several': { charters: bundle.charters.slice(1) },
      'no delegation': { delegations: [] },
      'half a proof': { inclusion: bundle.inclusion.slice(1) },
      'a longer proof': { inclusion: [...bundle.inclusion, 'A'.repeat(43) + '='] },
      'no record': { record: {} },
      'a number for a text': { checkpoint: 7 },
      nothing: { format: undefined },
    };
    for (const [what, change] of Object.entries(wrong)) {
      const steps = await verify({ ...more, bundle: { ...bundle, ...change } as Bundle });
      expect(failed(steps), what).not.toEqual([]);
    }
  });

  it('is refused when the page says something else', async () => {
    const others: Partial<Shown>[] = [
      { title: 'Another' },
      { rows: shown.rows + 1 },
      { member: 'XZZ' },
      { dataflow: 'ASYLUM_APPLICATIONS' },
      { issued_at: '2026-01-01T00:00:00Z' },
      { audience: 'forum' },
      { artefacts: shown.artefacts.map((one) => ({ ...one, sha256: '0'.repeat(64) })) },
    ];
    for (const other of others) expect(failed(await verify(await asked({ shown: { ...shown, ...other } })))).toEqual(['shown']);
  });

  it.skipIf(file.length === 0)('is refused with any byte of the file changed, and with a file cut short or longer', async () => {
    const check = async (bytes: Uint8Array) => failed(await verify(await asked({ file: () => Promise.resolve(stream(bytes, 777)) })));
    for (let at = 0; at < file.length; at += Math.max(1, Math.floor(file.length / 40))) {
      const wrong = file.slice();
      wrong[at] = (wrong[at] ?? 0) ^ 1;
      expect(await check(wrong), `byte ${at}`).toEqual(['file']);
    }
    expect(await check(file.slice(0, -1))).toEqual(['file']);
    expect(await check(new Uint8Array([...file, 0]))).toEqual(['file']);
    expect(await check(new Uint8Array())).toEqual(['file']);
  });
});
