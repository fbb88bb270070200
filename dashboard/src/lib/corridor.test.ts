import { expect, it } from 'vitest';
import { chooseCorridor, editions } from './corridor';
import type { DataflowDetail, Release } from './types';

const flow = {
  members: ['XAA', 'XBB'],
  corridors: [
    { origin: 'XCC', destination: 'XAA', members: ['XAA'] },
    { origin: 'XAA', destination: 'XBB', members: ['XAA'] },
    { origin: 'XBB', destination: 'XAA', members: ['XAA', 'XBB'] },
  ],
} as unknown as DataflowDetail;

it.each([
  [undefined, undefined, 'XBB', 'XAA'],
  ['XAA', 'XBB', 'XAA', 'XBB'],
  ['XCC', 'XBB', 'XCC', 'XAA'],
  [undefined, 'XBB', 'XAA', 'XBB'],
  ['nowhere', 'nowhere', 'XBB', 'XAA'],
])('from %s to %s shows %s to %s', (origin, destination, shownOrigin, shownDestination) => {
  const { origin: from, destination: to } = chooseCorridor(flow, origin, destination) ?? {};
  expect([from, to]).toEqual([shownOrigin, shownDestination]);
});

it('knows when an edition was last in force', () => {
  const release = (id: string, issued_at: string, replaced_by: string | null) =>
    ({ id, issued_at, replaced_by, member_name: 'M' }) as Release;
  const given = [
    release('a', '2026-01-01T00:00:00Z', 'b'),
    release('b', '2026-02-01T00:00:00Z', 'c'),
    release('c', '2026-02-01T00:00:00Z', null),
  ];
  expect(editions(given).map(({ asOf }) => asOf).sort()).toEqual(['2026-01-31T23:59:59Z', '2026-02-01T00:00:00Z']);
});
