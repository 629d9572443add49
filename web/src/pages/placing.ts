/** Where names stand beside points so that they cover neither each other nor a point. */

export interface Point {
  x: number;
  y: number;
  /** Of its name, in the drawing's units. */
  width: number;
}

export interface Place {
  dx: number;
  dy: number;
  anchor: "start" | "middle" | "end";
}

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const HIGH = 14;
const DOT = 8;
/** Tried in this order; above is where the eye looks first. */
const PLACES: readonly Place[] = [
  { dx: 0, dy: -12, anchor: "middle" },
  { dx: 12, dy: 4, anchor: "start" },
  { dx: 0, dy: 21, anchor: "middle" },
  { dx: -12, dy: 4, anchor: "end" },
  { dx: 9, dy: -9, anchor: "start" },
  { dx: 9, dy: 17, anchor: "start" },
  { dx: -9, dy: -9, anchor: "end" },
  { dx: -9, dy: 17, anchor: "end" },
  { dx: 0, dy: -26, anchor: "middle" },
  { dx: 0, dy: 35, anchor: "middle" },
];

function boxOf(point: Point, place: Place): Box {
  const share = { start: 0, middle: 0.5, end: 1 }[place.anchor];
  const left = point.x + place.dx - share * point.width;
  const bottom = point.y + place.dy + 3;
  return { left, right: left + point.width, top: bottom - HIGH, bottom };
}

function shared(a: Box, b: Box): number {
  const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return across > 0 && down > 0 ? across * down : 0;
}

/** A place for each name: of the ten around its point the one that covers least of what stands already. */
export function placed(points: readonly Point[], width: number, height: number): Place[] {
  const dots = points.map(({ x, y }) => ({ left: x - DOT, right: x + DOT, top: y - DOT, bottom: y + DOT }));
  const names: Box[] = [];
  return points.map((point, at) => {
    let best = PLACES[0] as Place;
    let least = Infinity;
    for (const place of PLACES) {
      const box = boxOf(point, place);
      const outside = Math.max(0, -box.left) + Math.max(0, box.right - width) + Math.max(0, -box.top) + Math.max(0, box.bottom - height);
      let covered = outside * HIGH * 4;
      for (const name of names) covered += 2 * shared(box, name);
      dots.forEach((dot, other) => (covered += other === at ? 0 : shared(box, dot)));
      if (covered < least) [best, least] = [place, covered];
      if (covered === 0) break;
    }
    names.push(boxOf(point, best));
    return best;
  });
}
