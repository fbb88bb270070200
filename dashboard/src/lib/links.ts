/** Addresses of the standard service that answer with exactly what a view shows. */
import { differing } from './series';
import type { Series } from './types';

const AGENCY = 'RCP';
const VERSION = '1.0.0';

/**
 * The SDMX 3 data query for the series shown: one key, a `*` where they differ.
 * `format` is `csv` (SDMX-CSV 2.0) or absent for the service's default.
 */
export function sdmxUrl(
  dataflow: string,
  dimensions: string[],
  series: Series[],
  options: { asOf?: string | undefined; format?: 'csv' } = {},
): string {
  const open = new Set(differing(dimensions, series));
  const first = series[0];
  const key = dimensions.map((dimension) => (open.has(dimension) ? '*' : (first?.key[dimension] ?? '*'))).join('.');
  const params = new URLSearchParams();
  if (options.asOf) params.set('asOf', options.asOf);
  if (options.format) params.set('format', options.format);
  const query = params.toString();
  return `sdmx/3/data/dataflow/${AGENCY}/${encodeURIComponent(dataflow)}/${VERSION}/${key}${query ? `?${query}` : ''}`;
}
