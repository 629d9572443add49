/** The tour on show: the text asked for, the answer, and what went wrong. */

import { ApiError, BODY_LIMIT, fetchHealth, fetchTour, tourBody, type Span, type Tour } from "../api";
import { markOf, marks } from "../marks/marks.svelte";
import { CodePoints } from "../text/codepoints";
import { count } from "../text/numbers";
import { parse, write } from "./address";

export const EXAMPLE = "I love learning about LLMs";

export type Keep = "push" | "replace";

class Session {
  draft = $state("");
  tour = $state.raw<Tour | null>(null);
  head = $state<string | null>(null);
  running = $state(false);
  error = $state<string | null>(null);
  /** Whether the same text may do better a second time. */
  retry = $state(false);
  addressHolds = $state(true);
  #limit = BODY_LIMIT;
  #asked = "";
  #current: AbortController | null = null;

  async start(): Promise<void> {
    this.#fromAddress();
    addEventListener("popstate", () => this.#fromAddress());
    try {
      this.#limit = (await fetchHealth()).body_limit;
    } catch {
      // The tour's own request says what is wrong.
    }
  }

  /** Take the draft through the rooms; an earlier request that still runs is dropped. */
  async run(keep: Keep, pin: Span | null = null): Promise<void> {
    const text = this.draft;
    this.#current?.abort();
    const body = tourBody(text);
    if (body.length > this.#limit) {
      this.running = false;
      this.retry = false;
      this.error = `This text takes ${count(body.length)} bytes and the lab takes ${count(this.#limit)}: shorten it.`;
      return;
    }
    const current = (this.#current = new AbortController());
    this.running = true;
    try {
      const tour = await fetchTour(body, current.signal);
      this.#show(tour, text, pin, keep);
    } catch (error) {
      if (current.signal.aborted) return;
      this.retry = error instanceof ApiError && error.kind === "gone";
      this.error = error instanceof ApiError ? error.message : `The page failed: ${String(error)}`;
    }
    if (this.#current === current) this.running = false;
  }

  enlarge(head: string | null): void {
    this.head = head;
    this.remember("replace");
  }

  /** Write the state on show into the address. */
  remember(keep: Keep): void {
    if (!this.tour) return;
    const { pinned } = marks;
    const pin = pinned && !pinned.special ? { start: pinned.start, end: pinned.end } : null;
    const query = write({ text: this.#asked, pin, head: this.head });
    this.addressHolds = query !== null;
    const url = new URL(location.href);
    url.search = query ?? "";
    if (url.href === location.href) return;
    history[keep === "push" ? "pushState" : "replaceState"](null, "", url);
  }

  #show(tour: Tour, text: string, pin: Span | null, keep: Keep): void {
    this.error = null;
    marks.clear();
    const pinned = pin ? new CodePoints(tour.text).slice(pin.start, pin.end) : "";
    marks.pinned = pin && pinned ? markOf(pinned, pin) : null;
    this.tour = tour;
    this.#asked = text;
    this.remember(keep);
  }

  #fromAddress(): void {
    const address = parse(location.search);
    this.draft = address.text ?? EXAMPLE;
    this.head = address.head;
    void this.run("replace", address.pin);
  }
}

export const session = new Session();
