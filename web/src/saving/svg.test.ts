import { describe, expect, it } from "vitest";
import { slug } from "./file";
import { IDENTITY, plain, type Picture, type Shape } from "./shapes";
import { escape, svgOf } from "./svg";

const picture = (...shapes: Shape[]): Picture => ({ name: "a <b> & \"c\"", paper: "rgb(1, 2, 3)", x: -12, y: -12, width: 100, height: 50, shapes });

describe("svgOf", () => {
  it("escapes names, texts and numbers alike", () => {
    const font = { family: '"IBM Plex Mono", monospace', size: 12, weight: "400", style: "normal" };
    const svg = svgOf(
      picture({ kind: "text", x: 1, y: 2.345, text: "</text><script>", width: 40, anchor: "middle", font, matrix: IDENTITY, paint: plain("rgb(0, 0, 0)", 1) }),
      "word,p\r\n<a>,0.25\r\n",
    );
    expect(svg).toContain("<title>a &lt;b&gt; &amp; &quot;c&quot;</title>");
    expect(svg).toContain("<metadata>word,p\r\n&lt;a&gt;,0.25\r\n</metadata>");
    expect(svg).toContain('x="1" y="2.35" text-anchor="middle" textLength="40" lengthAdjust="spacingAndGlyphs" font-family="\'IBM Plex Mono\', monospace" font-size="12"');
    expect(svg).toContain("&lt;/text&gt;&lt;script&gt;</text>");
  });

  it("writes what is painted, and where", () => {
    const paint = { fill: null, stroke: "rgb(9, 9, 9)", width: 1.5, dash: [3, 3], opacity: 0.5, halo: true };
    const svg = svgOf(picture({ kind: "rect", x: 0, y: -0.001, width: 10, height: 5, radius: 0, matrix: [2, 0, 0, 2, 7, 8], paint }), "");
    expect(svg).toContain(
      '<rect x="0" y="0" width="10" height="5" transform="matrix(2 0 0 2 7 8)" fill="none" stroke="rgb(9, 9, 9)" stroke-width="1.5" stroke-dasharray="3 3" paint-order="stroke" opacity="0.5"/>',
    );
    expect(svg).not.toContain("metadata");
  });
});

describe("escape", () => {
  it("puts a sign for what XML cannot hold", () => {
    expect(escape("a\0b\ud800c\u{1f643}\n")).toBe("a\ufffdb\ufffdc\u{1f643}\n");
  });
});

describe("slug", () => {
  it("is safe as the name of a file", () => {
    expect(slug("Errors: rate · (y − σ(s))")).toBe("errors-rate-y-σ-s");
    expect(slug("../../etc/passwd")).toBe("etc-passwd");
    expect(slug("→ ÷")).toBe("figure");
  });
});
