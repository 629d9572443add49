/** Text by code points: the API's spans count these, while JavaScript's indices count UTF-16 units. */

export class CodePoints {
  readonly points: readonly string[];

  constructor(text: string) {
    this.points = Array.from(text);
  }

  slice(start: number, end: number): string {
    return this.points.slice(start, end).join("");
  }
}

const SHOWN: Record<string, string> = { " ": "·", "\t": "→", "\n": "¶", "\r": "␍", "\u00a0": "⍽", "\u007f": "␡" };

/** White space and control characters as marks that can be seen; everything else as it is. */
export function visible(text: string): string {
  return text.replace(/[\u0000-\u0020\u007f\u00a0]/g, (c) => SHOWN[c] ?? String.fromCharCode(0x2400 + c.charCodeAt(0)));
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** At most `most` graphemes, the last one an ellipsis where some were left out. */
export function shorten(text: string, most: number): string {
  const parts = Array.from(graphemes.segment(text), (part) => part.segment);
  return parts.length <= most ? text : `${parts.slice(0, most - 1).join("")}…`;
}

/** The pieces of a text in order: spans that were asked for, and what lies between them. */
export interface Piece {
  text: string;
  index: number | null;
}

export function cut(text: string, spans: readonly { start: number; end: number }[]): Piece[] {
  const points = new CodePoints(text);
  const pieces: Piece[] = [];
  let at = 0;
  spans.forEach((span, index) => {
    if (span.start > at) pieces.push({ text: points.slice(at, span.start), index: null });
    pieces.push({ text: points.slice(span.start, span.end), index });
    at = span.end;
  });
  if (at < points.points.length) pieces.push({ text: points.slice(at, points.points.length), index: null });
  return pieces;
}
