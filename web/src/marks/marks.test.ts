import { beforeEach, describe, expect, it } from "vitest";
import { markOf, marks, touches } from "./marks.svelte";

const llms = markOf("LLMs", { start: 22, end: 26 });
const ms = markOf("##ms", { start: 24, end: 26 });
const ll = markOf("ll", { start: 22, end: 24 });
const cls = markOf("[CLS]", { start: 0, end: 0 }, null);
const sep = markOf("[SEP]", { start: 0, end: 0 }, null);

describe("touches", () => {
  it("joins a word and its tokens, but not one token with the next", () => {
    expect(touches(llms, ms)).toBe(true);
    expect(touches(ms, llms)).toBe(true);
    expect(touches(ll, ms)).toBe(false);
  });

  it("knows special tokens by name: they stand for no character", () => {
    expect(touches(cls, cls)).toBe(true);
    expect(touches(cls, sep)).toBe(false);
    expect(touches(cls, markOf("I", { start: 0, end: 1 }))).toBe(false);
  });
});

describe("marks", () => {
  beforeEach(() => marks.clear());

  it("previews over the pin and falls back to it", () => {
    marks.toggle(llms);
    marks.preview(cls);
    expect(marks.current).toBe(cls);
    marks.preview(null);
    expect(marks.current).toBe(llms);
  });

  it("unpins what is pinned again", () => {
    marks.toggle(llms);
    marks.toggle(markOf("LLMs", { start: 22, end: 26 }));
    expect(marks.pinned).toBeNull();
  });
});
