/** What the lab's API answers, and how the page asks. Spans count code points, not UTF-16 units. */

export interface Step {
  output: string;
  formula: string;
  inputs: string[];
  file: string;
  symbol: string;
  line: number;
}

export interface Span {
  start: number;
  end: number;
}

export interface Word extends Span {
  text: string;
}

export interface Token extends Span {
  token: string;
  word: number | null;
}

export interface Try extends Span {
  word: number | null;
  piece: string;
  found: boolean;
}

export interface Tokenization {
  tokenizer: string;
  tokens: (Token & { id: number })[];
  tries: Try[];
  steps: Step[];
}

export interface Neighbor {
  word: string;
  cosine: number;
}

export interface Embeddings {
  vectors: string;
  words: { word: number; known: boolean; neighbors: Neighbor[] }[];
  similarity: { words: number[]; matrix: number[][] };
  closest: { a: number; b: number; cosine: number } | null;
  steps: Step[];
}

export interface Recurrent {
  model: string;
  words: number[];
  gates: { input: number[]; forget: number[]; output: number[] };
  cell_norm: number[];
  probability: number[];
  steps: Step[];
}

export interface Head {
  layer: number;
  head: number;
  score: number;
  weights: number[][];
}

export interface Transformers {
  model: string;
  tokens: Token[];
  heads: Head[];
  steps: Step[];
}

export interface Finetuning {
  model: string;
  label: string;
  labels: { label: string; logit: number; probability: number }[];
  steps: Step[];
}

export interface Tour {
  text: string;
  words: Word[];
  tokenization: Tokenization;
  embeddings: Embeddings;
  recurrent: Recurrent;
  transformers: Transformers;
  finetuning: Finetuning;
  notes: string[];
}

export interface Health {
  version: string;
  body_limit: number;
}

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
  return (await ask("/api/health", {})) as Health;
}

export function tourBody(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify({ text }));
}

export async function fetchTour(body: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<Tour> {
  const headers = { "content-type": "application/json" };
  return (await ask("/api/tour", { method: "POST", headers, body, signal })) as Tour;
}

export async function ask(path: string, init: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(path, init);
    if (response.ok) return await response.json();
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError("gone", `No answer from the lab at ${location.host}. Start “cutaway lab” again; your text stays here.`);
  }
  throw new ApiError("refused", await reasonOf(response));
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
