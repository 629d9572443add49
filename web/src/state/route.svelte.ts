/** Which page is on show, and its state in the address. */

export const PAGES = ["tour", "tokenization", "embeddings", "recurrent", "transformers", "finetuning", "runs", "catalog"] as const;
export type PageName = (typeof PAGES)[number];

export function pageOf(path: string): PageName | null {
  const name = path.replace(/^\/|\/$/g, "");
  if (name === "") return "tour";
  return PAGES.find((page) => page === name) ?? null;
}

/** An address must stay one that can be sent on: a longer text lives as long as the page. */
const LONGEST_VALUE = 8_000;
/** Milliseconds. */
const BETWEEN_WRITES = 150;

class Route {
  page = $state<PageName | null>("tour");
  /** The query as it stands; read with `get`, changed with `set`. */
  query = $state.raw(new URLSearchParams());
  #written = -BETWEEN_WRITES;
  #later: ReturnType<typeof setTimeout> | undefined;

  start(): void {
    this.#read();
    addEventListener("popstate", () => this.#read());
  }

  get(name: string, otherwise: string): string {
    return this.query.get(name) ?? otherwise;
  }

  /** A whole number within bounds; what stands in an address may be anything. */
  whole(name: string, otherwise: number, low: number, high: number): number {
    const given = this.query.get(name);
    const value = given !== null && /^-?\d{1,9}$/.test(given) ? Number(given) : otherwise;
    return Math.min(Math.max(value, low), high);
  }

  set(values: Record<string, string | number | null>, keep: "push" | "replace" = "replace"): void {
    const query = new URLSearchParams(this.query);
    for (const [name, value] of Object.entries(values)) {
      if (value === null || String(value).length > LONGEST_VALUE) query.delete(name);
      else query.set(name, String(value));
    }
    this.query = query;
    this.#write(keep);
  }

  /** At once, or while a scrubber sets a place in every frame a few times a second: browsers count these calls. */
  #write(keep: "push" | "replace"): void {
    clearTimeout(this.#later);
    const since = performance.now() - this.#written;
    if (keep === "replace" && since < BETWEEN_WRITES) {
      this.#later = setTimeout(() => this.#write("replace"), BETWEEN_WRITES - since);
      return;
    }
    this.#written = performance.now();
    const url = new URL(location.href);
    url.search = this.query.toString();
    if (url.href !== location.href) history[keep === "push" ? "pushState" : "replaceState"](null, "", url);
  }

  #read(): void {
    clearTimeout(this.#later);
    this.page = pageOf(location.pathname);
    this.query = new URLSearchParams(location.search);
  }
}

export const route = new Route();
