/** The span that the reader looks at: hovering previews it in every room, a click pins it. */

import type { Span } from "../api";

export interface Mark extends Span {
  text: string;
  /** A token that stands for no character ([CLS], [SEP]) is known by its name. */
  special: boolean;
}

export function markOf(text: string, span: Span, word: number | null = 0): Mark {
  return { text, start: span.start, end: span.end, special: word === null || span.start === span.end };
}

export function touches(a: Mark | null, b: Mark | null): boolean {
  if (!a || !b || a.special !== b.special) return false;
  return a.special ? a.text === b.text : a.start < b.end && b.start < a.end;
}

export function same(a: Mark | null, b: Mark | null): boolean {
  return !!a && !!b && a.special === b.special && a.start === b.start && a.end === b.end && (!a.special || a.text === b.text);
}

class Marks {
  hovered = $state.raw<Mark | null>(null);
  pinned = $state.raw<Mark | null>(null);

  get current(): Mark | null {
    return this.hovered ?? this.pinned;
  }

  preview(mark: Mark | null): void {
    this.hovered = mark;
  }

  /** Pin a span; pinning the pinned one again lets it go. */
  toggle(mark: Mark): void {
    this.pinned = same(this.pinned, mark) ? null : mark;
  }

  clear(): void {
    this.hovered = null;
    this.pinned = null;
  }
}

export const marks = new Marks();
