/** What the small and the enlarged map of one head share. */

import type { Head } from "../../api";
import type { Label } from "../../charts/heatmap";
import { touches, type Mark } from "../../marks/marks.svelte";
import { number, text, type Column, type Row } from "../../charts/table";

/** Counted from 1, as on the room's page; the API counts from 0. */
export const nameOf = (head: Head) => `layer ${head.layer + 1}, head ${head.head + 1}`;

export const headPath = (at: number) => (row: number, column: number) =>
  `transformers.heads.${at}.weights.${row}.${column}`;

export function headColumns(labels: readonly Label[]): Column[] {
  return [text("query"), ...labels.map((label) => number(label.text))];
}

export function headRows(head: Head, labels: readonly Label[], path: (row: number, column: number) => string): Row[] {
  return head.weights.map((line, i) => [labels[i]?.text ?? "", ...line.map((value, j) => ({ value, path: path(i, j) }))]);
}

/** The token in view; where there is none the first word's, so that pointing at one moves nothing. */
export function queryOf(labels: readonly Label[], current: Mark | null): number {
  const pointed = labels.findIndex((label) => touches(current, label.mark));
  if (pointed >= 0) return pointed;
  return Math.max(
    labels.findIndex((label) => label.mark && !label.mark.special),
    0,
  );
}

/** Indices of the `most` largest weights, largest first. */
export function strongest(weights: readonly number[], most: number): number[] {
  return weights
    .map((_, i) => i)
    .sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0) || a - b)
    .slice(0, most);
}
