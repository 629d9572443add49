/** The list of runs, and one of them as a whole. */

import { ask } from "../api";
import { reason } from "../figures/asked.svelte";
import type { Summary, Whole } from "./run";

export class Runs {
  all = $state.raw<Summary[] | null>(null);
  whole = $state.raw<Whole | null>(null);
  error = $state<string | null>(null);
  #asked = "";

  async list(): Promise<void> {
    try {
      this.all = (await ask("/api/runs", {})) as Summary[];
    } catch (problem) {
      this.error = reason(problem);
    }
  }

  /** Read a run; the answer to an earlier question that comes late is not shown. */
  async read(run: string): Promise<void> {
    if (run === this.#asked) return;
    this.#asked = run;
    this.error = null;
    try {
      const found = (await ask(`/api/runs/${encodeURIComponent(run)}`, {})) as Whole;
      if (this.#asked === run) this.whole = found;
    } catch (problem) {
      if (this.#asked !== run) return;
      this.whole = null;
      this.error = reason(problem);
    }
  }
}
