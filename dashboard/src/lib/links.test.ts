import { expect, it } from 'vitest';
import { sdmxUrl } from './links';
import type { Series } from './types';

const series = (key: Record<string, string>): Series => ({ key, labels: {}, observations: [] });
const dimensions = ['FREQ', 'REF_AREA', 'SEX'];

it('names each common code and leaves open what differs', () => {
  const shown = [series({ FREQ: 'M', REF_AREA: 'XAA', SEX: '_T' }), series({ FREQ: 'M', REF_AREA: 'XBB', SEX: '_T' })];
  expect(sdmxUrl('RETURNS', dimensions, shown, { format: 'csv' })).toBe(
    'sdmx/3/data/dataflow/RCP/RETURNS/1.0.0/M.*._T?format=csv',
  );
});

it('carries the day on which the figures were known', () => {
  expect(sdmxUrl('RETURNS', dimensions, [], { asOf: '2026-01-02T03:04:05Z' })).toBe(
    'sdmx/3/data/dataflow/RCP/RETURNS/1.0.0/*.*.*?asOf=2026-01-02T03%3A04%3A05Z',
  );
});
