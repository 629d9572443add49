/** Curves over steps: their bounds, ticks, a running mean, and the point under a cursor. */

import { scaleLinear, scaleLog } from "d3-scale";

export interface Place {
  x: number;
  y: number | null;
}

export interface Curve {
  name: string;
  points: readonly Place[];
  /** Which dash and tone: a curve keeps both in every figure. */
  look: 0 | 1 | 2 | 3;
  /** Many noisy points: drawn faint, with their running mean on top. */
  noisy?: boolean;
}

export interface Bounds {
  x: [number, number];
  y: [number, number];
}

export function bounds(curves: readonly Curve[], floor: number | null): Bounds {
  let [left, right, low, high] = [Infinity, -Infinity, floor ?? Infinity, -Infinity];
  for (const { points } of curves)
    for (const { x, y } of points) {
      if (y === null) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      low = Math.min(low, y);
      high = Math.max(high, y);
    }
  if (left > right) return { x: [0, 1], y: [0, 1] };
  return { x: [left, right > left ? right : left + 1], y: [low, high > low ? high : low + 1] };
}

/** A logarithmic axis only pays where the values span more than this. */
const LOG_FROM = 30;

export function scales(found: Bounds, width: number, height: number, kind: "linear" | "log") {
  const x = scaleLinear().domain(found.x).range([0, width]);
  const low = Math.max(found.y[0], found.y[1] / 1e6, Number.MIN_VALUE);
  const y = kind === "log" && found.y[1] / low > LOG_FROM ? scaleLog().domain([low, found.y[1]]).range([height, 0]).clamp(true) : scaleLinear().domain(found.y).nice(4).range([height, 0]);
  return { x, y };
}

/** The ticks of a vertical axis; of a logarithmic one 1, 2 and 5 times powers of ten. */
export function ticksOf(scale: { ticks: (count: number) => number[]; base?: unknown }): number[] {
  if (!scale.base) return scale.ticks(4);
  const round = scale.ticks(10).filter((tick) => /^[125]/.test(tick.toExponential(0)));
  return round.filter((_, at) => at % Math.ceil(round.length / 7) === 0);
}

/** Over how many points a running mean is taken: few where there are few, so that it does not lag far behind. */
export function windowOf(count: number): number {
  return Math.min(Math.max(Math.round(count / 24), 3), 16);
}

/** The mean of the last `count` values at each point, fewer at the start. */
export function runningMean(points: readonly Place[], count: number): Place[] {
  const kept = points.filter((point): point is { x: number; y: number } => point.y !== null);
  let sum = 0;
  return kept.map((point, at) => {
    sum += point.y - (at >= count ? (kept[at - count]?.y ?? 0) : 0);
    return { x: point.x, y: sum / Math.min(at + 1, count) };
  });
}

/** At most about `most` points, the lowest and highest of each stretch among them: a spike is never lost. */
export function thinned(points: readonly Place[], most: number): readonly Place[] {
  if (points.length <= most) return points;
  const size = Math.ceil((2 * points.length) / most);
  const kept: Place[] = [];
  for (let at = 0; at < points.length; at += size) {
    const part = points.slice(at, at + size);
    const order = [...part].filter((point) => point.y !== null).sort((a, b) => (a.y ?? 0) - (b.y ?? 0));
    const ends = [order[0], order.at(-1)].filter((point) => point !== undefined);
    kept.push(...new Set(ends.sort((a, b) => a.x - b.x)));
  }
  return kept;
}

/** The point whose x is nearest. */
export function nearest(points: readonly Place[], x: number): Place | null {
  let best: Place | null = null;
  for (const point of points) if (point.y !== null && (!best || Math.abs(point.x - x) < Math.abs(best.x - x))) best = point;
  return best;
}
