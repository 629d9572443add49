/** A figure as drawn shapes: what the page shows of it, with every computed style, for SVG and PNG alike. */

import { textShapes } from "./texts";

/** a, b, c, d, e, f: as in SVG and canvas. */
export type Matrix = readonly [number, number, number, number, number, number];

export interface Paint {
  fill: string | null;
  stroke: string | null;
  width: number;
  dash: readonly number[];
  opacity: number;
  /** The stroke goes under the fill: text on a halo of paper. */
  halo: boolean;
}

export interface Font {
  family: string;
  size: number;
  weight: string;
  style: string;
}

export type Geometry =
  | { kind: "rect"; x: number; y: number; width: number; height: number; radius: number }
  | { kind: "line"; x1: number; y1: number; x2: number; y2: number }
  | { kind: "circle"; cx: number; cy: number; r: number }
  | { kind: "path"; d: string }
  | { kind: "text"; x: number; y: number; text: string; width: number; anchor: "start" | "middle" | "end"; font: Font }
  | { kind: "image"; x: number; y: number; width: number; height: number; canvas: HTMLCanvasElement };

export type Shape = Geometry & { matrix: Matrix; paint: Paint };

export interface Picture {
  name: string;
  paper: string;
  x: number;
  y: number;
  width: number;
  height: number;
  shapes: Shape[];
}

export const IDENTITY: Matrix = [1, 0, 0, 1, 0, 0];
const MARGIN = 12;
/** What belongs to the page and not to the picture: controls, and what is there for screen readers only. */
const LEFT_OUT = ".hidden, .readout, details, input, kbd, title, script, style, [data-unsaved]";

/** Take a figure as it stands; boxes that scroll are laid open while it is measured, which nobody sees. */
export function pictureOf(figure: HTMLElement, name: string): Picture {
  figure.classList.add("laid-open");
  try {
    const shapes: Shape[] = [];
    const box = figure.getBoundingClientRect();
    const origin = { x: box.left, y: box.top };
    const extent = { right: 0, bottom: 0 };
    walk(figure, origin, 1, shapes, extent);
    const paper = getComputedStyle(document.body).backgroundColor;
    const [width, height] = [extent.right + 2 * MARGIN, extent.bottom + 2 * MARGIN];
    return { name, paper, x: -MARGIN, y: -MARGIN, width: Math.ceil(width), height: Math.ceil(height), shapes };
  } finally {
    figure.classList.remove("laid-open");
  }
}

interface Point {
  x: number;
  y: number;
}

interface Box extends Point {
  width: number;
  height: number;
}

function walk(element: Element, origin: Point, above: number, shapes: Shape[], extent: { right: number; bottom: number }): void {
  const style = getComputedStyle(element);
  if (element.matches(LEFT_OUT) || style.display === "none" || style.visibility === "hidden") return;
  const opacity = above * Number(style.opacity);
  const box = element.getBoundingClientRect();
  const found = shapesOf(element, style, placed(box, origin), origin, opacity);
  if (found.length) {
    extent.right = Math.max(extent.right, box.right - origin.x);
    extent.bottom = Math.max(extent.bottom, box.bottom - origin.y);
    shapes.push(...found);
  }
  if (element instanceof HTMLSelectElement || element instanceof SVGTextElement) return;
  for (const child of element.children) walk(child, origin, opacity, shapes, extent);
}

function shapesOf(element: Element, style: CSSStyleDeclaration, box: Box, origin: Point, opacity: number): Shape[] {
  if (element instanceof SVGGraphicsElement) {
    const shape = drawn(element, style, origin, opacity);
    return shape ? [shape] : [];
  }
  if (element instanceof HTMLCanvasElement) {
    return [{ kind: "image", ...box, canvas: element, matrix: IDENTITY, paint: plain(null, opacity) }];
  }
  return [...boxShapes(style, box, opacity), ...textShapes(element, style, origin, opacity)];
}

function placed(box: DOMRect, origin: Point): Box {
  return { x: box.left - origin.x, y: box.top - origin.y, width: box.width, height: box.height };
}

export function plain(fill: string | null, opacity: number): Paint {
  return { fill, stroke: null, width: 0, dash: [], opacity, halo: false };
}

/** Background and borders of a box of the page. */
function boxShapes(style: CSSStyleDeclaration, box: Box, opacity: number): Shape[] {
  const radius = parseFloat(style.borderTopLeftRadius) || 0;
  const found: Shape[] = [];
  const fill = color(style.backgroundColor);
  if (fill) found.push({ kind: "rect", ...box, radius, matrix: IDENTITY, paint: plain(fill, opacity) });
  const [left, top, right, bottom] = [box.x, box.y, box.x + box.width, box.y + box.height];
  const sides = [
    ["Top", left, top, right, top],
    ["Right", right, top, right, bottom],
    ["Bottom", left, bottom, right, bottom],
    ["Left", left, top, left, bottom],
  ] as const;
  for (const [side, x1, y1, x2, y2] of sides) {
    const width = parseFloat(style[`border${side}Width`]);
    const stroke = style[`border${side}Style`] === "none" ? null : color(style[`border${side}Color`]);
    if (!width || !stroke) continue;
    const dash = style[`border${side}Style`] === "dashed" ? [4, 3] : [];
    found.push({ kind: "line", x1, y1, x2, y2, matrix: IDENTITY, paint: { fill: null, stroke, width, dash, opacity, halo: false } });
  }
  return found;
}

/** One element of an SVG drawing, placed by its own matrix. */
function drawn(element: SVGGraphicsElement, style: CSSStyleDeclaration, origin: Point, opacity: number): Shape | null {
  const geometry = geometryOf(element, style);
  const ctm = element.getScreenCTM();
  if (!geometry || !ctm) return null;
  const matrix: Matrix = [ctm.a, ctm.b, ctm.c, ctm.d, ctm.e - origin.x, ctm.f - origin.y];
  const paint: Paint = {
    fill: geometry.kind === "line" ? null : color(style.fill),
    stroke: color(style.stroke),
    width: parseFloat(style.strokeWidth) || 0,
    dash: style.strokeDasharray === "none" ? [] : style.strokeDasharray.split(/[\s,]+/).map(parseFloat),
    opacity,
    halo: style.paintOrder.startsWith("stroke"),
  };
  return { ...geometry, matrix, paint };
}

function geometryOf(element: SVGGraphicsElement, style: CSSStyleDeclaration): Geometry | null {
  if (element instanceof SVGRectElement) {
    const [x, y, width, height, rx] = lengths(element.x, element.y, element.width, element.height, element.rx);
    return { kind: "rect", x, y, width, height, radius: rx };
  }
  if (element instanceof SVGLineElement) {
    const [x1, y1, x2, y2] = lengths(element.x1, element.y1, element.x2, element.y2);
    return { kind: "line", x1, y1, x2, y2 };
  }
  if (element instanceof SVGCircleElement) {
    const [cx, cy, r] = lengths(element.cx, element.cy, element.r);
    return { kind: "circle", cx, cy, r };
  }
  if (element instanceof SVGPathElement) return { kind: "path", d: element.getAttribute("d") ?? "" };
  if (element instanceof SVGTextElement) {
    const at = (list: SVGAnimatedLengthList) => (list.baseVal.numberOfItems ? list.baseVal.getItem(0).value : 0);
    const anchor = style.textAnchor === "middle" || style.textAnchor === "end" ? style.textAnchor : "start";
    const width = element.getComputedTextLength();
    return { kind: "text", x: at(element.x), y: at(element.y), text: element.textContent.trim(), width, anchor, font: fontOf(style) };
  }
  return null;
}

function lengths<const L extends readonly SVGAnimatedLength[]>(...all: L): { [K in keyof L]: number } {
  return all.map((one) => one.baseVal.value) as { [K in keyof L]: number };
}

export function fontOf(style: CSSStyleDeclaration): Font {
  return { family: style.fontFamily, size: parseFloat(style.fontSize), weight: style.fontWeight, style: style.fontStyle };
}

/** Null for what is not painted. */
export function color(value: string): string | null {
  return value === "none" || value === "transparent" || /^rgba\(.*, 0\)$/.test(value) ? null : value;
}
