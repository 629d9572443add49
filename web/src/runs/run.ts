/** Runs as the lab tells them, and their curves. */

import type { Curve } from "../charts/curves";

export interface Summary {
  id: string;
  name: string;
  kind: string;
  status: string;
  started: string;
  ended: string | null;
  note: string;
  measures: Record<string, number | null>;
  data: string;
  settings: Record<string, unknown>;
  seconds: number | null;
  /** It came with the package. */
  recorded: boolean;
  here: boolean;
  answers: boolean;
  classifier: boolean;
}

export interface Epoch {
  epoch: number;
  training_loss: number;
  validation: Record<string, number>;
  best: boolean;
}

export interface Bin {
  low: number;
  high: number;
  rows: number;
  confidence: number;
  accuracy: number;
}

export interface Interval {
  value: number;
  low: number;
  high: number;
}

export interface Measured {
  rows: number;
  classes: string[];
  accuracy: Interval;
  log_loss: Interval;
  macro_f1: Interval;
  calibration_error: number;
  overconfidence: number;
  confusion: number[][];
  bins: Bin[];
}

export interface Finding {
  rule: string;
  sentence: string;
  advice: string;
}

export interface Whole extends Summary {
  steps: { step: number; loss: number; rate: number; gradient_norm: number }[];
  epochs: Epoch[];
  measured: Measured | null;
  findings: Finding[];
}

export interface HeldOut {
  row: number;
  text: string;
  left_out: number;
  truth: string;
  answer: string;
  confidence: number;
  loss: number;
}

export interface Change {
  name: string;
  first: unknown;
  second: unknown;
  factor: number | null;
}

export interface Flip {
  row: number;
  text: string;
  truth: string;
  first: string;
  second: string;
  first_confidence: number;
  second_confidence: number;
  right: string;
}

export interface Diff {
  runs: (Summary & { epochs: Epoch[] })[];
  settings: Change[];
  surroundings: Change[];
  comparison: {
    examples: number;
    only_first: number;
    only_second: number;
    first: { accuracy: Interval; log_loss: Interval; calibration_error: number };
    second: { accuracy: Interval; log_loss: Interval; calibration_error: number };
    difference: Interval;
    test: { first_only: number; second_only: number; p: number; method: string };
    real: boolean;
    flipped: number;
    flips: Flip[];
  } | null;
  verdict: string;
  cause: string;
  caveat: string;
}

/** Training and held-out loss, an epoch a point. */
export function lossCurves(epochs: readonly Epoch[]): Curve[] {
  return [
    { name: "training loss", look: 0, points: epochs.map((one) => ({ x: one.epoch, y: one.training_loss })) },
    { name: "held-out loss", look: 1, points: epochs.map((one) => ({ x: one.epoch, y: one.validation["loss"] ?? null })) },
  ];
}

/** Nested settings as dotted names. */
export function flat(settings: Record<string, unknown>, prefix = ""): [string, unknown][] {
  return Object.entries(settings).flatMap(([name, value]) =>
    typeof value === "object" && value !== null && !Array.isArray(value) ? flat(value as Record<string, unknown>, `${prefix}${name}.`) : [[prefix + name, value] as [string, unknown]],
  );
}

export function said(value: unknown): string {
  if (value === null || value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Whether a run is meant by what was typed: every word stands in its name, kind, status, data or settings. */
export function matches(run: Summary, typed: string): boolean {
  const held = [run.name, run.id, run.kind, run.status, run.data, ...flat(run.settings).map(([name, value]) => `${name}=${said(value)}`)].join("\n").toLowerCase();
  return typed.toLowerCase().split(/\s+/).every((word) => held.includes(word));
}
