import { describe, expect, it } from 'vitest';
import { comparePeriods, parsePeriod } from './period';

describe('parsePeriod', () => {
  it.each([
    ['2020', 'A', '2020-01-01'],
    ['2020-A1', 'A', '2020-01-01'],
    ['2020-S2', 'S', '2020-07-01'],
    ['2020-Q3', 'Q', '2020-07-01'],
    ['2020-01', 'M', '2020-01-01'],
    ['2020-M12', 'M', '2020-12-01'],
    ['2020-W01', 'W', '2019-12-30'],
    ['2021-W01', 'W', '2021-01-04'],
    ['2020-02-29', 'D', '2020-02-29'],
  ])('reads %s', (text, frequency, start) => {
    const period = parsePeriod(text);
    expect(period?.frequency).toBe(frequency);
    expect(period?.start.toISOString().slice(0, 10)).toBe(start);
  });

  it.each(['', '20', '2020-13', '2020-Q5', '2020-S3', '2021-02-29', '2020-1', 'x2020'])('refuses %s', (text) => {
    expect(parsePeriod(text)).toBeNull();
  });

  it.each([
    ['2020', '2021'],
    ['2020-12', '2021-01'],
    ['2020-Q4', '2021-Q1'],
    ['2020-S2', '2021-S1'],
    ['2020-W53', '2021-W01'],
    ['2020-12-31', '2021-01-01'],
  ])('%s and %s are neighbours', (a, b) => {
    expect((parsePeriod(b)?.index ?? 0) - (parsePeriod(a)?.index ?? 0)).toBe(1);
  });
});

it('orders periods by time and puts unreadable ones last', () => {
  expect(['?', '2021-01', '2020', '2020-Q4'].sort(comparePeriods)).toEqual(['2020', '2020-Q4', '2021-01', '?']);
});
