/** A picture as a file of SVG: every style at its shape, nothing to load, the numbers in its metadata. */

import type { Matrix, Paint, Picture, Shape } from "./shapes";

export function svgOf(picture: Picture, csv: string): string {
  const { x, y, width, height } = picture;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${x} ${y} ${width} ${height}">`,
    `<title>${escape(picture.name)}</title>`,
    csv && `<metadata>${escape(csv)}</metadata>`,
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${picture.paper}"/>`,
    ...picture.shapes.map(shapeOf),
    "</svg>",
    "",
  ]
    .filter((line, at, all) => line || at === all.length - 1)
    .join("\n");
}

function shapeOf(shape: Shape): string {
  const last = `${transform(shape.matrix)}${paintOf(shape.paint)}`;
  switch (shape.kind) {
    case "rect": {
      const radius = shape.radius ? ` rx="${n(shape.radius)}"` : "";
      return `<rect${attributes(shape, ["x", "y", "width", "height"])}${radius}${last}/>`;
    }
    case "line":
      return `<line${attributes(shape, ["x1", "y1", "x2", "y2"])}${last}/>`;
    case "circle":
      return `<circle${attributes(shape, ["cx", "cy", "r"])}${last}/>`;
    case "path":
      return `<path d="${escape(shape.d)}"${last}/>`;
    case "text": {
      const { family, size, weight, style } = shape.font;
      const slanted = style === "normal" ? "" : ` font-style="${style}"`;
      const anchor = shape.anchor === "start" ? "" : ` text-anchor="${shape.anchor}"`;
      // Where the face is missing another one takes its room, not more.
      const room = shape.width ? ` textLength="${n(shape.width)}" lengthAdjust="spacingAndGlyphs"` : "";
      const font = ` font-family="${escape(family.replaceAll('"', "'"))}" font-size="${n(size)}" font-weight="${weight}"${slanted}`;
      return `<text${attributes(shape, ["x", "y"])}${anchor}${room}${font} xml:space="preserve"${last}>${escape(shape.text)}</text>`;
    }
    case "image":
      return `<image${attributes(shape, ["x", "y", "width", "height"])} preserveAspectRatio="none" style="image-rendering:pixelated"${transform(shape.matrix)} href="${shape.canvas.toDataURL("image/png")}"/>`;
  }
}

function attributes<S extends Shape>(shape: S, names: readonly (keyof S & string)[]): string {
  return names.map((name) => ` ${name}="${n(Number(shape[name]))}"`).join("");
}

function transform(matrix: Matrix): string {
  const [a, b, c, d, e, f] = matrix.map(n);
  return `${a} ${b} ${c} ${d} ${e} ${f}` === "1 0 0 1 0 0" ? "" : ` transform="matrix(${a} ${b} ${c} ${d} ${e} ${f})"`;
}

function paintOf(paint: Paint): string {
  const parts = [` fill="${paint.fill ?? "none"}"`];
  if (paint.stroke && paint.width) {
    parts.push(` stroke="${paint.stroke}" stroke-width="${n(paint.width)}"`);
    if (paint.dash.length) parts.push(` stroke-dasharray="${paint.dash.map(n).join(" ")}"`);
    if (paint.halo) parts.push(' paint-order="stroke"');
  }
  if (paint.opacity !== 1) parts.push(` opacity="${n(paint.opacity)}"`);
  return parts.join("");
}

/** Hundredths of a pixel are enough, and "-0" is none. */
function n(value: number): string {
  return String(Math.round(value * 100) / 100 || 0);
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text as XML may hold it: control characters and halves of characters have no place in it. */
export function escape(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replace(/[&<>"]/g, (c) => ENTITIES[c] ?? c);
}
