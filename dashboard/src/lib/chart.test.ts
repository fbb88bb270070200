import { describe, expect, it } from 'vitest';
import { layOut, nearestStop } from './chart';
import { allPeriods } from './series';
import type { Series } from './types';

const series = (values: Record<string, number | null>): Series => ({
  key: {},
  labels: {},
  observations: Object.entries(values).map(([period, value]) => ({
    period,
    value,
    obs_status: value === null ? 'Q' : 'A',
    conf_status: 'F',
    release: 'r',
  })),
});

const laid = (values: Record<string, number | null>, width = 600) => {
  const given = [series(values)];
  return layOut(given, allPeriods(given), width);
};

describe('layOut', () => {
  it.each([288, 600, 1100])('keeps everything inside %i px', (width) => {
    const layout = laid({ '2019-12': 3, '2020-01': 1_250_000, '2020-02': null, '2020-03': 8 }, width);
    expect(layout?.width).toBe(width);
    for (const { x, y } of layout?.lines[0]?.points ?? []) {
      expect(x).toBeGreaterThanOrEqual(layout?.plot.left ?? 0);
      expect(x).toBeLessThanOrEqual(layout?.plot.right ?? 0);
      expect(y).toBeGreaterThanOrEqual(layout?.plot.top ?? 0);
      expect(y).toBeLessThanOrEqual(layout?.plot.bottom ?? 0);
    }
  });

  it('starts the value axis at zero', () => {
    const layout = laid({ '2020': 900, '2021': 1000 });
    expect(layout?.yTicks[0]).toEqual({ at: layout?.plot.bottom, label: '0' });
  });

  it('marks a withheld figure and draws no line through it', () => {
    const layout = laid({ '2020': 1, '2021': 2, '2022': null, '2023': 2, '2024': 4 });
    expect(layout?.lines[0]?.paths).toHaveLength(2);
    expect(layout?.lines[0]?.points).toHaveLength(4);
    expect(layout?.lines[0]?.suppressed).toHaveLength(1);
  });

  it('labels years on a yearly axis and months on a short monthly one', () => {
    expect(laid({ '2020': 1, '2021': 2, '2022': 3 })?.xTicks.map(({ label }) => label)).toEqual(['2020', '2021', '2022']);
    expect(laid({ '2020-01': 1, '2020-06': 2 })?.xTicks[0]?.label).toBe('Jan 2020');
  });

  it('shows a single period in the middle and an all-zero series on the axis', () => {
    const layout = laid({ '2020': 0 });
    expect(layout?.lines[0]?.points[0]?.y).toBe(layout?.plot.bottom);
    expect(layout?.xTicks).toHaveLength(1);
  });

  it('draws nothing where every figure is withheld', () => expect(laid({ '2020': null })).toBeNull());
});

it('nearestStop finds the period under the pointer', () => {
  expect(nearestStop([{ x: 0 }, { x: 10 }, { x: 30 }], 19)).toBe(1);
});
