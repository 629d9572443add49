/** What the lab's API answers, and how the page asks. Spans count code points, not UTF-16 units. */

import type { Health, Routes, Tour } from "./api.types";

export type * from "./api.types";

/** Bytes, until the lab has said what it takes. */
export const BODY_LIMIT = 256_000;

export interface Span {
  start: number;
  end: number;
}

/** The routes of one method, by their paths. */
export type Posts = { [K in keyof Routes as K extends `POST ${infer Path}` ? Path : never]: Routes[K] };
export type Gets = { [K in keyof Routes as K extends `GET ${infer Path}` ? Path : never]: Routes[K] };

/** "refused": the lab answered with a reason. "gone": nobody answered. */
export class ApiError extends Error {
  constructor(
    readonly kind: "refused" | "gone",
    message: string,
  ) {
    super(message);
  }
}

export async function fetchHealth(): Promise<Health> {
  return get("/api/health");
}

/** Ask a route that needs nothing but its path. */
export async function get<P extends keyof Gets>(path: P): Promise<Gets[P]["answer"]> {
  return (await ask(path, {})) as Gets[P]["answer"];
}

export function tourBody(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify({ text }));
}

export async function fetchTour(body: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<Tour> {
  const headers = { "content-type": "application/json" };
  return (await ask("/api/tour", { method: "POST", headers, body, signal })) as Tour;
}

/** Where others wait already the lab says when to come again; a wait longer than this is the reader's to decide. */
const LONGEST_WAIT = 3;
const MOST_TRIES = 5;

export async function ask(path: string, init: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = await inTurn(path, init);
    if (response.ok) return await response.json();
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError("gone", `No answer from the lab at ${location.host}. Start “cutaway lab” again; your text stays here.`);
  }
  throw new ApiError("refused", await reasonOf(response));
}

async function inTurn(path: string, init: RequestInit, tries = MOST_TRIES): Promise<Response> {
  const response = await fetch(path, init);
  const seconds = Number(response.headers.get("retry-after") ?? Infinity);
  if (response.status !== 429 || seconds > LONGEST_WAIT || tries <= 1) return response;
  await new Promise((wake) => setTimeout(wake, 1000 * seconds));
  init.signal?.throwIfAborted();
  return inTurn(path, init, tries - 1);
}

async function reasonOf(response: Response): Promise<string> {
  try {
    const answer = (await response.json()) as { error?: unknown };
    if (typeof answer.error === "string") return answer.error;
  } catch {
    // Not one of the lab's own answers: the status has to do.
  }
  return `The lab answered ${response.status} ${response.statusText}`.trim();
}
