/** How large the cells of a heat map are: as the count allows, in the house's few sizes. */

export interface Cells {
  width: number;
  height: number;
  gap: number;
  numbers: boolean;
  labels: boolean;
}

/** Room at 12 px for three digits of a gate or a cosine (−0.0421), and of a weight (0.00842, 1.31e−5). */
export const COSINE_WIDTH = 48;
export const WEIGHT_WIDTH = 56;
const SQUARES = [28, 20, 14];
const PIXELS = [8, 6, 4, 3, 2];

/**
 * The largest cells of which `count` side by side stay within `room` pixels: with their numbers where
 * each can be `numbered` wide, squares of the house's sizes otherwise, and pixels where nothing else fits.
 */
export function squareCells(count: number, room: number, numbered: number | null): Cells {
  const even = Math.floor(room / Math.max(count, 1)) - 2;
  if (numbered !== null && even >= numbered) {
    return { width: Math.min(even, 72), height: 28, gap: 2, numbers: true, labels: true };
  }
  const square = SQUARES.find((side) => count * (side + 2) <= room);
  if (square) return { width: square, height: square, gap: 2, numbers: false, labels: true };
  const side = PIXELS.find((pixels) => count * pixels <= room) ?? 2;
  return { width: side, height: side, gap: 0, numbers: false, labels: false };
}

/** As `squareCells`, but never too small for a label: a large map scrolls instead. */
export function labelledCells(count: number, room: number, numbered: number | null): Cells {
  const cells = squareCells(count, room, numbered);
  return cells.labels ? cells : { width: 14, height: 14, gap: 2, numbers: false, labels: true };
}

/** Cells in columns under words: they never get too small for a label, the figure scrolls instead. */
export function columnCells(count: number, room: number): Cells {
  const even = Math.floor(room / Math.max(count, 1)) - 2;
  if (even >= COSINE_WIDTH) return { width: Math.min(even, 104), height: 28, gap: 2, numbers: true, labels: true };
  if (count <= 24) return { width: COSINE_WIDTH, height: 28, gap: 2, numbers: true, labels: true };
  return { width: 20, height: 28, gap: 2, numbers: false, labels: true };
}

/** Which cell lies at a point of the drawing; null where there is none. */
export function cellAt(cells: Cells, at: number, axis: "x" | "y", count: number): number | null {
  const size = (axis === "x" ? cells.width : cells.height) + cells.gap;
  const index = Math.floor(at / size);
  return at < 0 || index >= count ? null : index;
}

/** Advance of one character of the mono face at 12 px. */
export const MONO_ADVANCE = 7.2;

const LONGEST_LABEL = 13;

/** Width of a label in pixels; characters of East Asian scripts and emoji take two advances. */
export function labelWidth(text: string): number {
  let advances = 0;
  for (const point of text) advances += (point.codePointAt(0) ?? 0) >= 0x2e80 ? 2 : 1;
  return advances * MONO_ADVANCE;
}

/** Room that the labels of one side need, at most that of the longest label that is shown whole. */
export function labelRoom(labels: readonly string[]): number {
  const widest = Math.max(0, ...labels.map(labelWidth));
  return Math.ceil(Math.min(widest, LONGEST_LABEL * MONO_ADVANCE)) + 8;
}

/** Neighboring indices joined: [1, 2, 3, 7] is [1, 4) and [7, 8). */
export function runs(indices: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  for (const index of indices) {
    const last = found.at(-1);
    if (last && last[1] === index) last[1] = index + 1;
    else found.push([index, index + 1]);
  }
  return found;
}
