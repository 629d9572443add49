/** Numbers of an attention head set by hand, as the address writes them: q.3.5=1.25,scores.0.2=-4 */

export type Settable = "q" | "k" | "v" | "scores";

export interface Edit {
  array: Settable;
  row: number;
  column: number;
  value: number;
}

const ONE = /^(q|k|v|scores)\.(\d{1,4})\.(\d{1,4})=(-?\d{1,6}(?:\.\d{1,12})?)$/;
const MOST = 50;

/** What an address says; what is no edit is left out. */
export function parseEdits(given: string): Edit[] {
  return given
    .split(",")
    .flatMap((one) => {
      const found = ONE.exec(one);
      return found ? [{ array: found[1] as Settable, row: Number(found[2]), column: Number(found[3]), value: Number(found[4]) }] : [];
    })
    .slice(0, MOST);
}

export function writeEdits(edits: readonly Edit[]): string | null {
  const written = edits.map((one) => `${one.array}.${one.row}.${one.column}=${Number(one.value.toFixed(6))}`).join(",");
  return written || null;
}

/** An edit more; of one cell the later holds. */
export function withEdit(edits: readonly Edit[], edit: Edit): Edit[] {
  return [...edits.filter((one) => one.array !== edit.array || one.row !== edit.row || one.column !== edit.column), edit].slice(-MOST);
}
