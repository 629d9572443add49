/** One training, followed while it runs: through reloads, a second tab, and a lab that goes away and comes back. */

import { ask } from "../api";
import { reason } from "../figures/asked.svelte";
import { empty, take, type JobKind, type JobState, type Listed, type Told, type View } from "./job";

const RETRY = 2_000;

export class Live {
  view = $state.raw<View | null>(null);
  id = $state<string | null>(null);
  state = $state<JobState | null>(null);
  error = $state<string | null>(null);
  /** The lab does not answer at the moment. */
  lost = $state(false);
  starting = $state(false);
  earlier = $state.raw<Listed[]>([]);
  #view = empty();
  #source: EventSource | null = null;
  #last = 0;
  #drawn = 0;
  #timer = 0;

  constructor(readonly kind: JobKind) {}

  get running(): boolean {
    return this.state === "running" || this.state === "stopping";
  }

  /** Follow the job of the address, else one of this kind that runs. */
  async find(wanted: string | null): Promise<void> {
    await this.list();
    const found = this.earlier.find((job) => job.id === wanted) ?? this.earlier.find((job) => job.state === "running");
    if (found) this.follow(found.id);
    else if (wanted) this.error = `There is no training “${wanted.slice(0, 80)}” of this kind here.`;
  }

  async list(): Promise<void> {
    try {
      this.earlier = ((await ask("/api/jobs", {})) as Listed[]).filter((job) => job.training.kind === this.kind);
    } catch (problem) {
      this.error = reason(problem);
    }
  }

  async start(training: Record<string, unknown>): Promise<void> {
    this.starting = true;
    this.error = null;
    try {
      const body = JSON.stringify({ training: { ...training, kind: this.kind } });
      const job = (await ask("/api/jobs", { method: "POST", headers: { "content-type": "application/json" }, body })) as Listed;
      this.follow(job.id);
    } catch (problem) {
      this.error = reason(problem);
    }
    this.starting = false;
  }

  async stop(): Promise<void> {
    try {
      this.state = ((await ask(`/api/jobs/${this.id}/stop`, { method: "POST" })) as Listed).state;
    } catch (problem) {
      this.error = reason(problem);
    }
  }

  /** Let it go on from what it kept. */
  async resume(): Promise<void> {
    this.error = null;
    try {
      const job = (await ask(`/api/jobs/${this.id}/resume`, { method: "POST" })) as Listed;
      this.follow(job.id);
    } catch (problem) {
      this.error = reason(problem);
    }
  }

  follow(id: string): void {
    this.close();
    this.id = id;
    this.state = "running";
    this.error = null;
    this.#view = empty();
    this.#last = 0;
    this.view = this.#view;
    this.#listen();
  }

  close(): void {
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#timer);
  }

  #listen(): void {
    const source = (this.#source = new EventSource(`/api/jobs/${this.id}/events`));
    source.onopen = () => (this.lost = false);
    source.onmessage = (event: MessageEvent<string>) => {
      const number = Number(event.lastEventId);
      if (number <= this.#last) return; // A stream that began anew tells again what is known.
      this.#last = number;
      take(this.#view, JSON.parse(event.data) as Told);
      this.#draw();
    };
    source.addEventListener("state", (event: MessageEvent<string>) => {
      this.state = JSON.parse(event.data) as JobState;
      this.close();
      this.#draw();
      void this.list();
    });
    source.onerror = () => {
      this.lost = true;
      // The browser tries again by itself, but not after an answer that was no stream.
      if (source.readyState === EventSource.CLOSED) this.#timer = window.setTimeout(() => this.#listen(), RETRY);
    };
  }

  /** Thousands of events may come at once: the page is drawn once a frame. */
  #draw(): void {
    if (this.#drawn) return;
    this.#drawn = requestAnimationFrame(() => {
      this.#drawn = 0;
      this.view = { ...this.#view };
    });
  }
}
