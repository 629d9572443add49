/** Which page is on show, and its state in the address. */

export const PAGES = ["tour", "tokenization", "embeddings", "recurrent", "transformers", "finetuning", "runs", "catalog"] as const;
export type PageName = (typeof PAGES)[number];

export function pageOf(path: string): PageName | null {
  const name = path.replace(/^\/|\/$/g, "");
  if (name === "") return "tour";
  return PAGES.find((page) => page === name) ?? null;
}

class Route {
  page = $state<PageName | null>("tour");
  /** The query as it stands; read with `get`, changed with `set`. */
  query = $state.raw(new URLSearchParams());

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
      if (value === null) query.delete(name);
      else query.set(name, String(value));
    }
    this.query = query;
    const url = new URL(location.href);
    url.search = query.toString();
    if (url.href !== location.href) history[keep === "push" ? "pushState" : "replaceState"](null, "", url);
  }

  #read(): void {
    this.page = pageOf(location.pathname);
    this.query = new URLSearchParams(location.search);
  }
}

export const route = new Route();
