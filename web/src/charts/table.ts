/** Tables behind the figures, and the same as CSV with every digit. */

export interface Column {
  name: string;
  kind: "text" | "number";
}

/** A number, where in the API's answer it stands, and whether it is shown whole (an id). */
export interface NumberCell {
  value: number;
  path: string;
  plain?: boolean;
}

export type Row = (string | NumberCell)[];

/** What a figure's numbers are, for its table and its CSV; the rows are made when they are asked for. */
export interface Numbers {
  columns: readonly Column[];
  rows: () => Row[];
  cells: number;
}

export const text = (name: string): Column => ({ name, kind: "text" });
export const number = (name: string): Column => ({ name, kind: "number" });

export function csv(columns: readonly Column[], rows: readonly Row[]): string {
  const lines = [columns.map((column) => quote(column.name))];
  for (const row of rows) lines.push(row.map((cell) => (typeof cell === "object" ? String(cell.value) : quote(cell))));
  return lines.map((line) => line.join(",")).join("\r\n") + "\r\n";
}

/** Quoted where needed; a text that a spreadsheet would run as a formula is kept a text. */
function quote(cell: string): string {
  const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
