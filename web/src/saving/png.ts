/** A picture as PNG: the shapes that the SVG holds, painted onto a canvas with the page's own fonts. */

import type { Picture, Shape } from "./shapes";

const SHARP = 2;
/** Browsers refuse canvases with longer sides. */
const LONGEST = 16_000;

export async function pngOf(picture: Picture): Promise<Blob> {
  const scale = Math.min(SHARP, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("the browser gave no canvas");
  context.fillStyle = picture.paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = false;
  for (const shape of picture.shapes) {
    const [a, b, c, d, e, f] = shape.matrix;
    context.setTransform(scale, 0, 0, scale, -picture.x * scale, -picture.y * scale);
    context.transform(a, b, c, d, e, f);
    paint(context, shape);
  }
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser made no PNG"))), "image/png"),
  );
}

function paint(context: CanvasRenderingContext2D, shape: Shape): void {
  context.globalAlpha = shape.paint.opacity;
  context.fillStyle = shape.paint.fill ?? "";
  context.strokeStyle = shape.paint.stroke ?? "";
  context.lineWidth = shape.paint.width;
  context.setLineDash([...shape.paint.dash]);
  if (shape.kind === "image") {
    context.drawImage(shape.canvas, shape.x, shape.y, shape.width, shape.height);
    return;
  }
  const fill = () => shape.paint.fill && (shape.kind === "text" ? context.fillText(shape.text, shape.x, shape.y) : context.fill(pathOf(shape)));
  const stroke = () =>
    shape.paint.stroke && shape.paint.width && (shape.kind === "text" ? context.strokeText(shape.text, shape.x, shape.y) : context.stroke(pathOf(shape)));
  if (shape.kind === "text") {
    context.font = `${shape.font.style} ${shape.font.weight} ${shape.font.size}px ${shape.font.family}`;
    context.textAlign = shape.anchor === "middle" ? "center" : shape.anchor === "end" ? "right" : "left";
    context.lineJoin = "round";
  }
  if (shape.paint.halo) {
    stroke();
    fill();
  } else {
    fill();
    stroke();
  }
}

function pathOf(shape: Exclude<Shape, { kind: "text" | "image" }>): Path2D {
  if (shape.kind === "path") return new Path2D(shape.d);
  const path = new Path2D();
  if (shape.kind === "line") {
    path.moveTo(shape.x1, shape.y1);
    path.lineTo(shape.x2, shape.y2);
  } else if (shape.kind === "circle") {
    path.arc(shape.cx, shape.cy, shape.r, 0, 2 * Math.PI);
  } else {
    path.roundRect(shape.x, shape.y, shape.width, shape.height, shape.radius);
  }
  return path;
}
