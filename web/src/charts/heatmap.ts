/** What a heat map is given, and the geometry that its parts share. */

import { touches, type Mark } from "../marks/marks.svelte";
import { labelRoom, labelWidth, type Cells } from "./layout";
import type { Scale } from "./scales";

export interface Label {
  text: string;
  mark: Mark | null;
  /** Further spans that the label stands for: a word that comes again. */
  also?: readonly Mark[];
}

export function standsFor(label: Label, mark: Mark | null): boolean {
  return touches(label.mark, mark) || (label.also?.some((other) => touches(other, mark)) ?? false);
}

export interface Cell {
  row: number;
  column: number;
}

export interface HeatmapData {
  name: string;
  values: readonly (readonly number[])[];
  rows: readonly Label[];
  columns: readonly Label[];
  scale: Scale;
  /** Where in the API's answer a cell's number stands. */
  path: (row: number, column: number) => string;
}

export interface Geometry {
  left: number;
  top: number;
  width: number;
  height: number;
  upright: boolean;
}

/** Where the cells start and how large the drawing is; long column labels stand upright. */
export function geometry(data: HeatmapData, cells: Cells, gutter?: number): Geometry {
  const columnTexts = data.columns.map((label) => label.text);
  const upright = columnTexts.some((text) => labelWidth(text) > cells.width);
  const left = cells.labels ? (gutter ?? labelRoom(data.rows.map((label) => label.text))) : 0;
  const top = !cells.labels ? 0 : upright ? labelRoom(columnTexts) : 20;
  return {
    left,
    top,
    width: left + data.columns.length * (cells.width + cells.gap),
    height: top + data.rows.length * (cells.height + cells.gap),
    upright,
  };
}

const STEPS: Record<string, [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** The cell that a key leads to; null where the key is none of the grid's. */
export function moved(from: Cell, key: string, rows: number, columns: number): Cell | null {
  if (key === "Home") return { ...from, column: 0 };
  if (key === "End") return { ...from, column: columns - 1 };
  const step = STEPS[key];
  if (!step) return null;
  const within = (at: number, size: number) => Math.min(Math.max(at, 0), size - 1);
  return { row: within(from.row + step[0], rows), column: within(from.column + step[1], columns) };
}
