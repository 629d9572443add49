/** One figure of a page: what was asked, the answer on show, and the cell that is asked why. */

import { count } from "../text/numbers";
import { ApiError, ask, BODY_LIMIT, type Posts, type Why } from "../api";

export interface Asking {
  array: string;
  index: number[];
}

/** What a route of figures sends back when no cell is asked why. */
export type Shown<P extends keyof Posts> = Exclude<Posts[P]["answer"], Why>;

export class Asked<P extends keyof Posts> {
  answer = $state.raw<Shown<P> | null>(null);
  error = $state<string | null>(null);
  running = $state(false);
  cell = $state.raw<Asking | null>(null);
  why = $state.raw<Why | null>(null);
  #body: Posts[P]["body"] | null = null;
  #current: AbortController | null = null;

  constructor(readonly path: P) {}

  /** Ask for a figure; an earlier request that still runs is dropped, and its answer never shown. */
  async ask(body: Posts[P]["body"]): Promise<void> {
    this.#current?.abort();
    const current = (this.#current = new AbortController());
    const bytes = new Blob([JSON.stringify(body)]).size;
    if (bytes > BODY_LIMIT) {
      this.running = false;
      this.error = `This takes ${count(bytes)} bytes and the lab takes ${count(BODY_LIMIT)}: shorten it.`;
      return;
    }
    this.running = true;
    this.error = null;
    try {
      const answer = (await ask(this.path, post(body, current.signal))) as Shown<P>;
      if (current.signal.aborted) return;
      this.answer = answer;
      this.#body = body;
      this.close();
    } catch (error) {
      if (current.signal.aborted) return;
      this.error = reason(error);
    }
    if (this.#current === current) this.running = false;
  }

  /** Ask why a number is what it is. */
  async open(array: string, index: number[], more: Partial<Posts[P]["body"]> = {}): Promise<void> {
    const cell = (this.cell = { array, index });
    try {
      const why = (await ask(this.path, post({ ...this.#body, ...more, array, index }))) as Why;
      if (this.cell === cell) this.why = why;
    } catch (error) {
      this.error = reason(error);
    }
  }

  close(): void {
    this.cell = null;
    this.why = null;
  }
}

function post(body: object | null, signal?: AbortSignal): RequestInit {
  const init: RequestInit = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return signal ? { ...init, signal } : init;
}

export function reason(error: unknown): string {
  return error instanceof ApiError ? error.message : `The page failed: ${String(error)}`;
}
