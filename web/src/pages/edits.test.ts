import { describe, expect, it } from "vitest";
import { parseEdits, withEdit, writeEdits } from "./edits";

const edit = { array: "q", row: 3, column: 5, value: -1.25 } as const;

describe("edits", () => {
  it("come back from the address as they went", () => {
    const all = [edit, { array: "scores", row: 0, column: 2, value: 4 } as const];
    expect(writeEdits(all)).toBe("q.3.5=-1.25,scores.0.2=4");
    expect(parseEdits(writeEdits(all) ?? "")).toEqual(all);
    expect(writeEdits([])).toBeNull();
  });

  it("leave out what is none", () => {
    expect(parseEdits("w.1.1=2,q.a.1=2,q.1.1=1e9,q.1.1=NaN,q.1=3,,<b>")).toEqual([]);
  });

  it("hold one value a cell", () => {
    expect(withEdit([edit], { ...edit, value: 2 })).toEqual([{ ...edit, value: 2 }]);
    expect(withEdit([edit], { ...edit, array: "k" })).toHaveLength(2);
  });
});
