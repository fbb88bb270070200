/** Figures shown against the signed file of a recorded release. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Figures, Observation } from '../types';
import { compare } from './figures';
import { readRows } from './parquet';

const file = () => new Uint8Array(readFileSync(fileURLToPath(new URL('../../../tests/bundles/2.parquet', import.meta.url))));
const DIMENSIONS = ['FREQ', 'REF_AREA', 'ORIGIN', 'DESTINATION', 'RETURN_TYPE', 'SEX', 'AGE'];
const PLACE = { ORIGIN: 'MEX', DESTINATION: 'GTM' };

function shown(change: (observations: Observation[]) => Observation[] = (all) => all, truncated = false): Figures {
  const one = (period: string, value: number) => ({ period, value, obs_status: 'A', conf_status: 'F', release: 'r' });
  const key = { FREQ: 'M', REF_AREA: 'GTM', ORIGIN: 'MEX', DESTINATION: 'GTM', RETURN_TYPE: '_T', SEX: '_T', AGE: '_T' };
  const observations = change([one('2024-01', 121), one('2024-02', 130)]);
  return { dimensions: DIMENSIONS, series: [{ key, labels: {}, observations }], attributes: {}, releases: {}, truncated } as unknown as Figures;
}

it('finds the figures of a real file, and anything that is shown otherwise', async () => {
  const rows = await readRows(file());
  const look = (figures: Figures, place: Record<string, string> = PLACE) => compare(figures, 'r', rows, place);
  expect(look(shown())).toEqual({ same: 2, differences: [] });
  expect(look(shown(([a, b]) => [{ ...a!, value: 122 }, b!])).differences).toEqual(['2024-01 M.GTM.MEX.GTM._T._T._T: shown 122, signed 121']);
  expect(look(shown(([a, b]) => [{ ...a!, value: null }, b!])).differences).toHaveLength(1);
  expect(look(shown(([a, b]) => [{ ...a!, obs_status: 'E' }, b!])).differences).toHaveLength(1);
  expect(look(shown(([a, b]) => [a!, { ...b!, period: '2024-03' }])).differences).toHaveLength(2);
  expect(look(shown(([a]) => [a!])).differences).toEqual(['2024-02: signed 130, not shown']);
  expect(look(shown(([a]) => [a!], true)).differences).toEqual([]);
  expect(look(shown(([a]) => [a!]), { ORIGIN: 'USA' }).differences).toEqual([]);
  expect(look(shown((all) => all.map((one) => ({ ...one, release: 'another' }))), { ORIGIN: 'USA' })).toEqual({ same: 0, differences: [] });
});

it('refuses a file that cannot be read', async () => {
  await expect(readRows(file().slice(0, 1000))).rejects.toThrow('cannot be read');
});
