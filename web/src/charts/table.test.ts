import { expect, it } from "vitest";
import { csv, number, text } from "./table";

it("writes every digit, and quotes what needs it", () => {
  const written = csv(
    [text("a,b"), number("n")],
    [
      ['say "hi"\n', { value: 0.123456789, path: "" }],
      ["=SUM(A1)", { value: 2, path: "" }],
    ],
  );
  expect(written).toBe('"a,b",n\r\n"say ""hi""\n",0.123456789\r\n\'=SUM(A1),2\r\n');
});
