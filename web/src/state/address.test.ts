import { describe, expect, it } from "vitest";
import { LONGEST_QUERY, parse, write } from "./address";

describe("address", () => {
  it("gives back what was written, markup and emoji included", () => {
    const state = { text: "<b>a & b</b> 🙃\n=?", pin: { start: 3, end: 9 }, head: "5.10" };
    expect(parse(`?${write(state)}`)).toEqual(state);
  });

  it("takes no nonsense", () => {
    expect(parse("?pin=9-x&head=javascript:1")).toEqual({ text: null, pin: null, head: null });
  });

  it("says so when a text is too long for it", () => {
    expect(write({ text: "a".repeat(LONGEST_QUERY), pin: null, head: null })).toBeNull();
  });
});
