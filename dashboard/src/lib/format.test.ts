import { expect, it } from 'vitest';
import * as format from './format';

it.each([
  [0, '0\u00a0B'],
  [1023, '1,023\u00a0B'],
  [1536, '1.5\u00a0KiB'],
  [5 * 1024 ** 3, '5\u00a0GiB'],
])('formatBytes(%i)', (bytes, text) => expect(format.formatBytes(bytes)).toBe(text));

it.each([
  ['2020', '2020'],
  ['2020-03', 'Mar 2020'],
  ['2020-03-01', '1 Mar 2020'],
  ['2020-Q3', '2020-Q3'],
  ['nonsense', 'nonsense'],
])('formatPeriod(%s)', (period, text) => expect(format.formatPeriod(period)).toBe(text));

it.each([
  ['2026-01-02T03:04', '2026-01-02T03:04:00Z'],
  ['2026-01-02T03:04:05', '2026-01-02T03:04:05Z'],
  ['2026-13-02T03:04', undefined],
  ['', undefined],
])('inputToTime(%s)', (value, time) => expect(format.inputToTime(value)).toBe(time));

it('turns a time into an input value and back', () => {
  const time = '2026-11-23T19:05:00Z';
  expect(format.inputToTime(format.timeToInput(time))).toBe(time);
});

it('shortens large axis values only', () => {
  expect([0, 950, 9999, 12_000, 3_400_000].map(format.formatAxis)).toEqual(['0', '950', '9,999', '12k', '3.4m']);
});

it('says nothing of a time that is none', () => {
  expect([format.formatTime(null), format.formatTime('never')]).toEqual(['–', '–']);
});
