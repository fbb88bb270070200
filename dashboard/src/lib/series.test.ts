import { describe, expect, it } from 'vitest';
import { choices, chosenSeries, differing, meaning, SEPARATE, tableRows, toLine, usualStep } from './series';
import type { Observation, Series } from './types';

const observation = (period: string, value: number | null, obs_status = 'A', conf_status = 'F'): Observation => ({
  period,
  value,
  obs_status,
  conf_status,
  release: 'r',
});

const series = (key: Record<string, string>, observations: Observation[] = []): Series => ({
  key,
  labels: Object.fromEntries(Object.entries(key).map(([dimension, code]) => [dimension, `name of ${code}`])),
  observations,
});

const shape = (observations: Observation[]) =>
  toLine(observations).runs.map((run) => run.map(({ period }) => period).join(' '));

describe('meaning', () => {
  it.each([
    [observation('2020', 0), 'value'],
    [observation('2020', null, 'Q', 'A'), 'suppressed'],
    [observation('2020', null, 'A', 'C'), 'suppressed'],
    [observation('2020', null, 'O', 'F'), 'missing'],
    [observation('2020', null, 'L', 'F'), 'missing'],
  ])('%j is %s', (given, expected) => expect(meaning(given)).toBe(expected));
});

describe('toLine', () => {
  it('breaks at a withheld figure and remembers where', () => {
    const given = [observation('2020', 5), observation('2021', null, 'Q', 'A'), observation('2022', 7)];
    expect(shape(given)).toEqual(['2020', '2022']);
    expect(toLine(given).suppressed.map(({ period }) => period)).toEqual(['2021']);
  });

  it('breaks at a missing figure and never draws it as zero', () => {
    const given = [observation('2020', 5), observation('2021', null, 'O'), observation('2022', 0)];
    expect(shape(given)).toEqual(['2020', '2022']);
    expect(toLine(given).suppressed).toEqual([]);
  });

  it('breaks where a month is not there at all', () => {
    const months = ['2020-11', '2020-12', '2021-01', '2021-03', '2021-04'];
    expect(shape(months.map((month) => observation(month, 1)))).toEqual(['2020-11 2020-12 2021-01', '2021-03 2021-04']);
  });

  it('joins figures that come every five years, and a last one that comes after four', () => {
    const years = ['2005', '2010', '2015', '2020', '2024'];
    expect(shape(years.map((year) => observation(year, 1)))).toEqual([years.join(' ')]);
  });

  it('puts observations in order of time and skips unreadable periods', () => {
    expect(shape([observation('2021', 1), observation('x', 9), observation('2020', 1)])).toEqual(['2020 2021']);
  });
});

it.each([
  [[], 1],
  [[7], 1],
  [[1, 2, 3, 6], 1],
  [[0, 5, 10, 14], 5],
  [[0, 1, 6], 1],
])('usualStep(%j) is %i', (indices, step) => expect(usualStep(indices as number[])).toBe(step));

describe('choices', () => {
  const answer = [
    series({ FREQ: 'M', REF_AREA: 'XAA', SEX: '_T', AGE: '_T' }),
    series({ FREQ: 'M', REF_AREA: 'XAA', SEX: 'F', AGE: '_T' }),
    series({ FREQ: 'A', REF_AREA: 'XBB', SEX: '_T', AGE: '_T' }),
  ];

  it('offers only what differs and starts from the total, else the commonest', () => {
    const made = choices(['FREQ', 'SEX', 'AGE'], answer, {});
    expect(made.map(({ dimension, chosen }) => [dimension, chosen])).toEqual([
      ['FREQ', 'M'],
      ['SEX', '_T'],
    ]);
    expect(chosenSeries(answer, made)).toEqual([answer[0]]);
  });

  it('keeps codes apart on wish, but never frequencies', () => {
    const made = choices(['FREQ', 'SEX'], answer, { FREQ: SEPARATE, SEX: SEPARATE });
    expect(made.map(({ chosen }) => chosen)).toEqual(['M', SEPARATE]);
    expect(chosenSeries(answer, made)).toHaveLength(2);
    expect(differing(['FREQ', 'REF_AREA', 'SEX', 'AGE'], chosenSeries(answer, made))).toEqual(['SEX']);
  });

  it('ignores a wish for a code that does not occur', () => {
    expect(choices(['SEX'], answer, { SEX: 'M' })[0]?.chosen).toBe('_T');
  });
});

it('tableRows holds every period of every series and tells silence from a missing figure', () => {
  const rows = tableRows([
    series({ REF_AREA: 'XAA' }, [observation('2021', 2), observation('2020', null, 'O')]),
    series({ REF_AREA: 'XBB' }, [observation('2021', 3)]),
  ]);
  expect(rows.map(({ period, cells }) => [period, ...cells.map((cell) => cell?.meaning)])).toEqual([
    ['2020', 'missing', undefined],
    ['2021', 'value', 'value'],
  ]);
});
