import { describe, expect, it } from "vitest";
import { CodePoints, cut, shorten, visible } from "./codepoints";

describe("CodePoints", () => {
  it("counts an emoji as one, where UTF-16 counts two", () => {
    const points = new CodePoints("a🙃b");
    expect(points.points.length).toBe(3);
    expect(points.slice(1, 2)).toBe("🙃");
    expect(points.slice(2, 3)).toBe("b");
  });

  it("slices right-to-left text in its logical order", () => {
    expect(new CodePoints("שלום עולם").slice(5, 9)).toBe("עולם");
  });
});

describe("cut", () => {
  it("gives spans and what lies between, and loses nothing", () => {
    const text = "🙃 I love\nLLMs!";
    const spans = [
      { start: 2, end: 3 },
      { start: 4, end: 8 },
      { start: 9, end: 13 },
    ];
    const pieces = cut(text, spans);
    expect(pieces.map((piece) => piece.text).join("")).toBe(text);
    expect(pieces.filter((piece) => piece.index !== null).map((piece) => piece.text)).toEqual(["I", "love", "LLMs"]);
    expect(pieces[0]).toEqual({ text: "🙃 ", index: null });
  });
});

describe("visible", () => {
  it("shows white space and control characters, and leaves markup and letters alone", () => {
    expect(visible("a b\tc\nd\u0000")).toBe("a·b→c¶d␀");
    expect(visible("<b>é</b>")).toBe("<b>é</b>");
  });
});

describe("shorten", () => {
  it("never cuts through a grapheme", () => {
    expect(shorten("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 2)).toBe("👩‍👩‍👧…");
    expect(shorten("cafe", 4)).toBe("cafe");
  });
});
