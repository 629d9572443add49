/** From a value to a fill. Two scales serve every figure; their domains do not depend on the data. */

import { scaleLinear } from "d3-scale";

export type Scheme = "light" | "dark";

export interface Scale {
  name: string;
  /** Where the stops lie: the first and the last are the ends of the domain. */
  stops: readonly number[];
  color: (value: number, scheme: Scheme) => string;
}

function scale(name: string, stops: readonly number[], colors: Record<Scheme, readonly string[]>): Scale {
  const make = (scheme: Scheme) => scaleLinear<string>().domain(stops).range(colors[scheme]).clamp(true);
  const ramps = { light: make("light"), dark: make("dark") };
  return { name, stops, color: (value, scheme) => ramps[scheme](value) };
}

const SIGNED_COLORS = {
  light: ["#b34700", "#f0a35e", "#f5f4f1", "#6aa9e0", "#0b5cad"],
  dark: ["#ffb066", "#a85a1c", "#23262d", "#2f6fae", "#8cc8ff"],
} as const;

/** Symmetric about zero, as far as `limit`: for numbers without natural bounds. */
export function signedTo(limit: number): Scale {
  return scale("signed", [-limit, -limit / 2, 0, limit / 2, limit], SIGNED_COLORS);
}

/** −1 to 1: negative orange, positive blue, zero paper. */
export const signed = signedTo(1);

/** 0 to 1. */
export const unsigned = scale("unsigned", [0, 1 / 3, 2 / 3, 1], {
  light: ["#f5f4f1", "#9fd3c7", "#2f8f9d", "#1b3a6b"],
  dark: ["#1c1f26", "#1f4f6b", "#2f9c95", "#e8f2b0"],
});

export function channels(color: string): [number, number, number] {
  const found = color.match(/\d+(\.\d+)?/g)?.slice(0, 3).map(Number) ?? [];
  return [found[0] ?? 0, found[1] ?? 0, found[2] ?? 0];
}

/** WCAG's relative luminance of an `rgb(…)` color. */
export function luminance(color: string): number {
  const [r, g, b] = channels(color).map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Black or white, whichever contrasts more. */
export function inkOn(color: string): "#000" | "#fff" {
  const light = luminance(color);
  return (light + 0.05) ** 2 >= 1.05 * 0.05 ? "#000" : "#fff";
}
