/** Runs as the lab tells them, and their curves. */

import type { RunEpoch as Epoch, RunSummary as Summary } from "../api";
import type { Curve } from "../charts/curves";

export type { Bin, Change, DiffAnswer as Diff, Finding, Flip, HeldOutRow as HeldOut, Interval, Measured, RunEpoch as Epoch, RunSummary as Summary, RunWhole as Whole } from "../api";

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
