/** Written by tools/api_types.py from what the API says of itself: change that, run it again. */

/** A trained classifier, and one of the layers that an adapter stands beside. */
export interface Adapter {
  array?: string | null;
  index?: number[];
  run?: string;
  layer?: number;
  target?: string;
}

/** Words to add and to subtract. */
export interface Analogy {
  array?: string | null;
  index?: number[];
  positive: string[];
  negative?: string[];
  vectors?: string;
}

/** A figure: `python` makes the same in a notebook, `answers` are the arrays that can be asked why. */
export interface Answer {
  trace: Trace;
  python: string;
  sources: Record<string, Source>;
  answers: string[];
}

/** One training, whichever kind. */
export interface Asked {
  training: TokenizerTraining | VectorTraining | LanguageTraining | FineTuning;
}

/** A text that all heads read. */
export interface Atlas {
  array?: string | null;
  index?: number[];
  text: string;
  run?: string;
}

/** A text, the head that reads it, and what is set by hand in it. */
export interface Bench {
  array?: string | null;
  index?: number[];
  text: string;
  layer?: number;
  head?: number;
  run?: string;
  edits?: Number[];
}

/** One attention head, and how many there are; tokens that the model had no room for. */
export interface BenchAnswer {
  trace: Trace;
  python: string;
  sources: Record<string, Source>;
  answers: string[];
  layers: number;
  heads: number;
  left_out: number;
}

/** Answers of similar confidence. */
export interface Bin {
  low: number;
  high: number;
  rows: number;
  confidence: number;
  accuracy: number;
}

/** A setting that two runs do not share. */
export interface Change {
  name: string;
  first: unknown;
  second: unknown;
  factor: number | null;
}

/** The two words with the highest cosine. */
export interface Closest {
  a: number;
  b: number;
  cosine: number;
}

/** One of two runs, with its epochs. */
export interface ComparedRun {
  id: string;
  name: string;
  kind: string;
  status: string;
  started: string;
  ended: string | null;
  note: string;
  measures: Record<string, number | null>;
  data: string;
  settings: Record<string, unknown>;
  seconds: number | null;
  recorded: boolean;
  here: boolean;
  answers: boolean;
  classifier: boolean;
  epochs: RunEpoch[];
}

/** What the shared examples say; of the flipped ones, the surest mistakes. */
export interface Comparison {
  examples: number;
  only_first: number;
  only_second: number;
  first: DiffSide;
  second: DiffSide;
  difference: Interval;
  test: McNemar;
  real: boolean;
  visible: number;
  flipped: number;
  flips: Flip[];
}

/** A small text whose words are counted, and fitted by GloVe. */
export interface Counting {
  array?: string | null;
  index?: number[];
  corpus: string;
}

/** A text and the tokenizer that cuts it. */
export interface Cut {
  array?: string | null;
  index?: number[];
  text: string;
  tokenizer?: string;
}

/** A text cut by one tokenizer, the others beside it. */
export interface CutAnswer {
  trace: Trace;
  python: string;
  sources: Record<string, Source>;
  answers: string[];
  text: string;
  left_out: number;
  kind: "wordpiece" | "bpe" | "unigram" | "other";
  tokenizers: string[];
  beside: Side[];
}

/** The reader's own text, or rows of a data set that is known by name. */
export interface Data {
  text?: string | null;
  name?: "imdb";
  limit?: number;
}

/** Two runs side by side. */
export interface DiffAnswer {
  runs: ComparedRun[];
  settings: Change[];
  surroundings: Change[];
  comparison: Comparison | null;
  verdict: string;
  cause: string;
  caveat: string;
}

/** One run on the examples that both held out. */
export interface DiffSide {
  accuracy: Interval;
  log_loss: Interval;
  calibration_error: number;
  overconfidence: number;
  bins: Bin[];
}

/** Room 2. */
export interface Embeddings {
  vectors: string;
  words: WordNeighbors[];
  similarity: Similarity;
  closest: Closest | null;
  steps: Step[];
}

/** How far open the gates of the networks stand whose gradients are measured. */
export interface Fading {
  array?: string | null;
  index?: number[];
  gate_bias?: number;
}

/** Gradients by distance: `lines` are the arrays, one a network. */
export interface FadingAnswer {
  trace: Trace;
  python: string;
  sources: Record<string, Source>;
  answers: string[];
  lines: string[];
}

/** Something that a run's numbers say. */
export interface Finding {
  rule: string;
  sentence: string;
  advice: string;
}

/** A pretrained encoder fine-tuned on labelled texts; one's own are CSV with columns text and label. */
export interface FineTuning {
  data?: Data;
  seed?: number;
  kind: "finetune";
  rank?: number;
  rate?: number;
  epochs?: number;
  max_tokens?: number;
}

/** An example that one run got right and the other wrong. */
export interface Flip {
  row: number;
  text: string;
  truth: string;
  first: string;
  second: string;
  first_confidence: number;
  second_confidence: number;
  right: string;
}

/** Means over all units, one a word. */
export interface Gates {
  input: number[];
  forget: number[];
  output: number[];
}

/** Parts of one kind, and what they come to. */
export interface Group {
  part: string;
  sum: number;
}

/** Words behind a mask: at which token, of how many masks, out of how many words. */
export interface GuessAnswer {
  trace: Trace;
  python: string;
  sources: Record<string, Source>;
  answers: string[];
  place: number;
  masks: number;
  vocabulary: number;
}

/** A text with a mask, and the pretrained model that guesses what stands behind it. */
export interface Guessing {
  array?: string | null;
  index?: number[];
  text: string;
  model: string;
}

/** One attention head. */
export interface Head {
  layer: number;
  head: number;
  score: number;
  weights: number[][];
}

/** What the page asks for first. */
export interface Health {
  version: string;
  body_limit: number;
}

/** A held-out example and what the run answered. */
export interface HeldOutRow {
  row: number;
  text: string;
  left_out: number;
  truth: string;
  answer: string;
  confidence: number;
  loss: number;
}

/** A number and where 95 % of those of other samples would lie. */
export interface Interval {
  value: number;
  low: number;
  high: number;
}

/** One training: what was asked of it (of a text only how long it is), and the last that it told. */
export interface JobAnswer {
  id: string;
  state: "running" | "stopping" | "done" | "failed" | "stopped" | "lost";
  training: Record<string, unknown>;
  last: Record<string, unknown> | null;
}

/** One name of the catalog: where it is here, and whether all of it or its tokenizer alone. */
export interface Known {
  name: string;
  kind: string;
  title: string;
  license: string;
  citation: string;
  bytes: number;
  here: string | null;
  whole: boolean;
  get: string | null;
}

/** A label with its score. */
export interface Label {
  label: string;
  logit: number;
  probability: number;
}

/** A text, and the trained classifier that answers. */
export interface Labeling {
  array?: string | null;
  index?: number[];
  text: string;
  run?: string;
}

/** An LSTM that learns to write, character by character. */
export interface LanguageTraining {
  data?: Data;
  seed?: number;
  kind: "language";
  hidden?: number;
  epochs?: number;
  rate?: number;
}

/** Words laid flat: those that the table does not have, and how many neighbors are counted. */
export interface MapAnswer {
  trace: Trace;
  python: string;
  sources: Record<string, Source>;
  answers: string[];
  missing: string[];
  near: number;
}

/** On how many examples one run alone was right, and how likely so uneven a split is. */
export interface McNemar {
  first_only: number;
  second_only: number;
  p: number;
  method: string;
}

/** What a run's answers are worth. */
export interface Measured {
  rows: number;
  classes: string[];
  accuracy: Interval;
  log_loss: Interval;
  macro_f1: Interval;
  micro_f1: number;
  matthews: number;
  calibration_error: number;
  overconfidence: number;
  roc_auc: number | null;
  average_precision: number | null;
  by_class: Record<string, Record<string, number | null>>;
  confusion: number[][];
  bins: Bin[];
}

/** A text, the LSTM that reads it, and the unit whose memory is split. */
export interface Memory {
  array?: string | null;
  index?: number[];
  text: string;
  unit?: number;
  model?: string;
}

/** A cell's memory: how many units there are, and the heaviest at the end; words that were not read. */
export interface MemoryAnswer {
  trace: Trace;
  python: string;
  sources: Record<string, Source>;
  answers: string[];
  units: number;
  telling: number[];
  left_out: number;
}

/** A near word. */
export interface Neighbor {
  word: string;
  cosine: number;
}

/** A number of a head that is set by hand. */
export interface Number {
  array: "q" | "k" | "v" | "scores";
  row: number;
  column: number;
  value: number;
}

/** A token with its id. */
export interface NumberedToken {
  start: number;
  end: number;
  token: string;
  word: number | null;
  id: number;
}

/** One thing that a figure can be drawn of: what to ask with, and what people call it. */
export interface Offered {
  name: string;
  said: string;
}

/** What the rooms' figures can be drawn of, whether it came with the package or was trained here. */
export interface Offers {
  vectors: Offered[];
  readers: Offered[];
  writers: Offered[];
  classifiers: Offered[];
  guessers: Offered[];
}

/** An array: its bytes, little-endian, in base64. */
export interface Packed {
  name: string;
  axes: string[];
  shape: number[];
  dtype: string;
  base64: string;
}

/** A text whose answer is divided, and what stands in the place of a part that is taken out. */
export interface Parts {
  array?: string | null;
  index?: number[];
  text: string;
  replacement?: "zero" | "mean";
  run?: string;
}

/** An answer divided among what was written towards it: the groups sum to `total`. */
export interface PartsAnswer {
  trace: Trace;
  python: string;
  sources: Record<string, Source>;
  answers: string[];
  groups: Group[];
  total: number;
  answer: number;
}

/** A token of a text, and its id. */
export interface Piece {
  text: string;
  id: number;
}

/** Room 5. */
export interface Prediction {
  model: string;
  label: string;
  labels: Label[];
  steps: Step[];
}

/** A text's label; the attributions sum to its lead over `against`, but for `error`. */
export interface PredictionAnswer {
  trace: Trace;
  python: string;
  sources: Record<string, Source>;
  answers: string[];
  label: string;
  against: string;
  confidence: number;
  error: number;
  tokens: Read[];
}

/** What went wrong, in one line. */
export interface Problem {
  error: string;
}

/** A token that a classifier read, and where it stands in the text, in code points. */
export interface Read {
  text: string;
  start: number;
  end: number;
}

/** Room 3. */
export interface Recurrent {
  model: string;
  words: number[];
  gates: Gates;
  cell_norm: number[];
  probability: number[];
  steps: Step[];
}

/** A table of plain values. */
export interface Rows {
  name: string;
  columns: string[];
  rows: ((string | number | boolean | null)[])[];
}

/** A page of held-out examples, of how many. */
export interface RowsAnswer {
  count: number;
  offset: number;
  rows: HeldOutRow[];
}

/** Which held-out rows: of a cell of the confusion matrix, of a bin of confidence, or all. */
export interface RowsAsked {
  truth?: number | null;
  answer?: number | null;
  part?: number | null;
  offset?: number;
}

/** One epoch of a training. */
export interface RunEpoch {
  epoch: number;
  training_loss: number | null;
  validation: Record<string, number | null>;
  seconds: number | null;
  best: boolean;
}

/** One step of a training. */
export interface RunStep {
  step: number;
  loss: number | null;
  rate: number | null;
  gradient_norm: number | null;
}

/** What a list shows of a run; a measure that is no number is told as none. */
export interface RunSummary {
  id: string;
  name: string;
  kind: string;
  status: string;
  started: string;
  ended: string | null;
  note: string;
  measures: Record<string, number | null>;
  data: string;
  settings: Record<string, unknown>;
  seconds: number | null;
  recorded: boolean;
  here: boolean;
  answers: boolean;
  classifier: boolean;
}

/** A run with its curves, its measures and what they say. */
export interface RunWhole {
  id: string;
  name: string;
  kind: string;
  status: string;
  started: string;
  ended: string | null;
  note: string;
  measures: Record<string, number | null>;
  data: string;
  settings: Record<string, unknown>;
  seconds: number | null;
  recorded: boolean;
  here: boolean;
  answers: boolean;
  classifier: boolean;
  steps: RunStep[];
  epochs: RunEpoch[];
  measured: Measured | null;
  findings: Finding[];
}

/** What one tokenizer makes of a text, and how densely it cuts. */
export interface Side {
  tokenizer: string;
  tokens: Piece[];
  vocabulary: number;
  tokens_per_word: number;
  bytes_per_token: number;
  unknown_rate: number;
}

/** The cosine of every two known words. */
export interface Similarity {
  words: number[];
  matrix: number[][];
}

/** The lines of one function, and the number of the first. */
export interface Source {
  first: number;
  lines: string[];
}

/** One equation of a trace, and the line that computed it. */
export interface Step {
  output: string;
  formula: string;
  inputs: string[];
  file: string;
  symbol: string;
  line: number;
}

/** One operand or product of operands. */
export interface Term {
  label: string;
  factors: [string, number][];
  value: number;
}

/** A token, and which word it belongs to, if to any. */
export interface Token {
  start: number;
  end: number;
  token: string;
  word: number | null;
}

/** Room 1. */
export interface Tokenization {
  tokenizer: string;
  tokens: NumberedToken[];
  tries: Try[];
  steps: Step[];
}

/** A tokenizer learned from text. */
export interface TokenizerTraining {
  data?: Data;
  seed?: number;
  kind: "tokenizer";
  model?: "bpe" | "wordpiece" | "unigram";
  vocab_size?: number;
}

/** What the five rooms made of a text. */
export interface Tour {
  text: string;
  words: Word[];
  tokenization: Tokenization;
  embeddings: Embeddings;
  recurrent: Recurrent;
  transformers: Transformers;
  finetuning: Prediction;
  notes: string[];
}

/** The text to take through the rooms. */
export interface TourRequest {
  text: string;
}

/** One computation: arrays, tables, and the steps between them. */
export interface Trace {
  title: string;
  arrays: Record<string, Packed>;
  tables: Record<string, Rows>;
  steps: Step[];
  labels: Record<string, string[]>;
  facts: Record<string, string | number | boolean | null>;
}

/** Room 4. */
export interface Transformers {
  model: string;
  tokens: Token[];
  heads: Head[];
  steps: Step[];
}

/** One look into the vocabulary. */
export interface Try {
  start: number;
  end: number;
  word: number | null;
  piece: string;
  found: boolean;
}

/** A small text to learn from, and the step that is watched; `snapshot` is the one that is asked why. */
export interface Tug {
  array?: string | null;
  index?: number[];
  corpus: string;
  sentence: string[];
  center: number;
  negatives: string[];
  snapshot?: number;
}

/** One training step, once a snapshot. */
export interface TugAnswer {
  snapshots: Answer[];
}

/** A text, and one gate that is set by hand; unit −1 stands for all. */
export interface Valve {
  array?: string | null;
  index?: number[];
  text: string;
  gate?: "forget_gate" | "input_gate" | "output_gate";
  word?: number;
  unit?: number;
  value?: number;
  model?: string;
}

/** A gate set by hand: where it had stood, and the label whose probability `answers` holds. */
export interface ValveAnswer {
  trace: Trace;
  python: string;
  sources: Record<string, Source>;
  answers: string[];
  units: number;
  label: string;
  was: number;
}

/** Word vectors learned from the company that words keep; `watch` are words whose neighbors are told. */
export interface VectorTraining {
  data?: Data;
  seed?: number;
  kind: "vectors";
  model?: "skip-gram" | "cbow";
  dim?: number;
  window?: number;
  epochs?: number;
  min_count?: number;
  watch?: string[];
}

/** The arithmetic behind one number. */
export interface Why {
  name: string;
  formula: string;
  terms: Term[];
  join: "sum" | "product" | "given";
  then: string;
  value: number;
  shown: number;
  file: string;
  symbol: string;
  line: number;
}

/** A word of the sentence. */
export interface Word {
  start: number;
  end: number;
  text: string;
}

/** The reader's own words, and whose vectors are laid flat. */
export interface WordMap {
  array?: string | null;
  index?: number[];
  words: string[];
  vectors?: string;
}

/** One word of the sentence and its nearest words. */
export interface WordNeighbors {
  word: number;
  known: boolean;
  neighbors: Neighbor[];
}

/** For each route what is sent and what comes back. */
export interface Routes {
  "GET /api/health": { body: null; answer: Health };
  "POST /api/tour": { body: TourRequest; answer: Tour };
  "POST /api/figures/cut": { body: Cut; answer: CutAnswer | Why };
  "POST /api/figures/tug": { body: Tug; answer: TugAnswer | Why };
  "POST /api/figures/analogy": { body: Analogy; answer: Answer | Why };
  "POST /api/figures/map": { body: WordMap; answer: MapAnswer | Why };
  "POST /api/figures/memory": { body: Memory; answer: MemoryAnswer | Why };
  "POST /api/figures/bench": { body: Bench; answer: BenchAnswer | Why };
  "POST /api/figures/adapter": { body: Adapter; answer: Answer | Why };
  "POST /api/figures/prediction": { body: Labeling; answer: PredictionAnswer | Why };
  "POST /api/figures/counting": { body: Counting; answer: Answer | Why };
  "POST /api/figures/valve": { body: Valve; answer: ValveAnswer | Why };
  "POST /api/figures/fading": { body: Fading; answer: FadingAnswer | Why };
  "POST /api/figures/atlas": { body: Atlas; answer: Answer | Why };
  "POST /api/figures/parts": { body: Parts; answer: PartsAnswer | Why };
  "POST /api/figures/guess": { body: Guessing; answer: GuessAnswer | Why };
  "GET /api/catalog": { body: null; answer: Known[] };
  "GET /api/offers": { body: null; answer: Offers };
  "GET /api/jobs": { body: null; answer: JobAnswer[] };
  "POST /api/jobs": { body: Asked; answer: JobAnswer };
  "GET /api/jobs/{name}": { body: null; answer: JobAnswer };
  "POST /api/jobs/{name}/stop": { body: null; answer: JobAnswer };
  "POST /api/jobs/{name}/resume": { body: null; answer: JobAnswer };
  "GET /api/jobs/{name}/events": { body: null; answer: unknown };
  "GET /api/runs": { body: null; answer: RunSummary[] };
  "GET /api/runs/{name}": { body: null; answer: RunWhole };
  "POST /api/runs/{name}/rows": { body: RowsAsked; answer: RowsAnswer };
  "GET /api/runs/{name}/diff/{other}": { body: null; answer: DiffAnswer };
}
