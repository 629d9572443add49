/** A training as the lab tells it: events in, what the page shows out. */

export interface Point {
  x: number;
  y: number | null;
}

export interface EpochEvent {
  epoch: number;
  step: number;
  best?: boolean;
  training_loss?: number;
  loss?: number;
  held_out?: number;
  accuracy?: number;
  calibration_error?: number;
}

export type JobState = "running" | "stopping" | "done" | "failed" | "stopped" | "lost";

export interface Listed {
  id: string;
  state: JobState;
  training: { kind: JobKind; data: { characters: number | null; name: string; limit: number } } & Record<string, unknown>;
}

export type JobKind = "tokenizer" | "vectors" | "language" | "finetune";

export interface Told {
  kind: string;
  seconds: number;
  [field: string]: unknown;
}

export interface View {
  title: string;
  /** What the curves run over. */
  axis: string;
  curves: Record<string, Point[]>;
  done: number;
  of: number | null;
  note: string;
  seconds: number;
  epochs: EpochEvent[];
  snapshot: Told | null;
  result: Record<string, unknown> | null;
  error: string | null;
  kept: string[];
}

export function empty(): View {
  return { title: "", axis: "step", curves: {}, done: 0, of: null, note: "", seconds: 0, epochs: [], snapshot: null, result: null, error: null, kept: [] };
}

/** Take in one event; the view is changed in place, for there may be thousands. */
export function take(view: View, told: Told): void {
  view.seconds = told.seconds;
  if (told.kind === "began") {
    view.title = String(told["title"]);
    view.axis = String(told["x"]);
    for (const name of told["curves"] as string[]) view.curves[name] ??= [];
  } else if (told.kind === "progress") {
    for (const [name, x, y] of told["points"] as [string, number, number | null][]) add((view.curves[name] ??= []), { x, y });
    if (typeof told["done"] === "number") {
      view.done = told["done"];
      view.of = (told["of"] as number | null) ?? null;
      view.note = String(told["note"]);
    }
  } else if (told.kind === "epoch") view.epochs.push(told as unknown as EpochEvent);
  else if (told.kind === "snapshot") view.snapshot = told;
  else if (told.kind === "done") view.result = told["result"] as Record<string, unknown>;
  else if (told.kind === "failed") view.error = String(told["error"]);
  else if (told.kind === "stopped") view.kept = (told["kept"] as string[] | undefined) ?? [];
}

/** A training that went on from an earlier state tells some points again: the later ones count. */
function add(points: Point[], point: Point): void {
  while ((points.at(-1)?.x ?? -Infinity) >= point.x) points.pop();
  points.push(point);
}

/** Where the held-out loss was lowest, if it rose after that: from here on the model over-fits. */
export function overfitsFrom(points: readonly Point[]): Point | null {
  let best: Point | null = null;
  for (const point of points) if (point.y !== null && (best?.y == null || point.y < best.y)) best = point;
  const last = points.at(-1);
  return best && last && last.y !== null && best.y !== null && last.x > best.x && last.y > best.y ? best : null;
}
