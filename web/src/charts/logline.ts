/** Lines over a logarithmic axis: how a positive number falls or grows with distance. */

import { scaleLinear, scaleLog } from "d3-scale";
import { line } from "d3-shape";

export interface Frame {
  width: number;
  height: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface LogPlot {
  x: (at: number) => number;
  y: (value: number) => number;
  path: (values: readonly number[]) => string;
  /** Powers of ten on the axis. */
  ticks: number[];
}

/** What is below `floor` is drawn on it: a gradient of 1e−40 and one of 1e−12 are both none. */
export function logPlot(lines: readonly (readonly number[])[], frame: Frame, floor: number): LogPlot {
  const all = lines.flat().filter((value) => value > 0);
  const low = Math.max(floor, 10 ** Math.floor(Math.log10(Math.min(...all, 1))));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...all, 1)));
  const count = Math.max(...lines.map((one) => one.length), 2);
  const x = scaleLinear([0, count - 1], [frame.left, frame.width - frame.right]);
  const y = scaleLog([low, Math.max(high, low * 10)], [frame.height - frame.bottom, frame.top]);
  const drawn = line<number>(
    (_, at) => x(at),
    (value) => y(Math.max(value, low)),
  );
  const decades = Math.round(Math.log10(high / low));
  const every = Math.max(1, Math.ceil(decades / 6));
  const ticks = Array.from({ length: Math.floor(decades / every) + 1 }, (_, at) => high / 10 ** (at * every));
  return { x, y: (value) => y(Math.max(value, low)), path: (values) => drawn(values as number[]) ?? "", ticks };
}

/** A power of ten as it is written on an axis. */
export function power(value: number): string {
  const exponent = Math.round(Math.log10(value));
  if (exponent === 0) return "1";
  const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const raised = Array.from(String(Math.abs(exponent)), (digit) => digits[Number(digit)]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${raised}`;
}

/** Labels at the ends of lines, pushed apart so that none covers another; in the lines' order. */
export function spread(places: readonly number[], gap: number, low: number, high: number): number[] {
  const order = places.map((_, at) => at).sort((a, b) => (places[a] ?? 0) - (places[b] ?? 0));
  const found = [...places];
  let last = low - gap;
  for (const at of order) last = found[at] = Math.max(places[at] ?? 0, last + gap);
  let next = high + gap;
  for (const at of order.reverse()) next = found[at] = Math.min(found[at] ?? 0, next - gap);
  return found;
}
