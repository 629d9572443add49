/** The texts of a page's boxes, where they stand: one shape for each stretch that no line break divides. */

import { color, fontOf, IDENTITY, plain, type Font, type Shape } from "./shapes";

export function textShapes(element: Element, style: CSSStyleDeclaration, origin: { x: number; y: number }, opacity: number): Shape[] {
  const fill = color(style.color);
  const font = fontOf(style);
  const found: Shape[] = [];
  for (const { text, box } of stretches(element)) {
    const x = box.left - origin.x;
    const y = box.top - origin.y + ascent(font, box.height);
    found.push({ kind: "text", x, y, text, width: box.width, anchor: "start", font, matrix: IDENTITY, paint: plain(fill, opacity) });
  }
  return found;
}

interface Stretch {
  text: string;
  box: DOMRect;
}

function stretches(element: Element): Stretch[] {
  if (element instanceof HTMLSelectElement) {
    // The chosen option: those of a closed list have no place of their own.
    const box = element.getBoundingClientRect();
    return [{ text: element.selectedOptions[0]?.textContent ?? "", box: new DOMRect(box.left + 4, box.top, 0, box.height) }];
  }
  return [...element.childNodes].flatMap((node) => (node instanceof Text ? ofNode(node) : []));
}

function ofNode(node: Text): Stretch[] {
  const text = node.data.trim();
  if (!text) return [];
  const start = node.data.indexOf(text);
  const whole = rangeOf(node, start, start + text.length);
  const boxes = [...whole.getClientRects()].filter((box) => box.width > 0);
  if (boxes.length === 1 && boxes[0]) return [{ text: text.replace(/\s+/g, " "), box: boxes[0] }];
  // On several lines: word by word, for no interface tells where the breaks are.
  return [...node.data.matchAll(/\S+/g)].flatMap((word) => {
    const box = rangeOf(node, word.index, word.index + word[0].length).getClientRects()[0];
    return box ? [{ text: word[0], box }] : [];
  });
}

function rangeOf(node: Text, start: number, end: number): Range {
  const range = document.createRange();
  range.setStart(node, start);
  range.setEnd(node, end);
  return range;
}

let measuring: CanvasRenderingContext2D | null = null;

/** How far below a box's top its letters stand. */
function ascent(font: Font, height: number): number {
  measuring ??= document.createElement("canvas").getContext("2d");
  if (!measuring) return height * 0.8;
  measuring.font = `${font.style} ${font.weight} ${font.size}px ${font.family}`;
  const { fontBoundingBoxAscent: up, fontBoundingBoxDescent: down } = measuring.measureText("x");
  return (height - up - down) / 2 + up;
}
