const data = JSON.parse(document.getElementById("data").textContent);
const canvas = document.querySelector("canvas"), pen = canvas.getContext("2d");
const places = new Map(data.words.map((word, at) => [word, at]));
const deep = data.points[0].length === 3;
const sides = [...data.points[0].keys()].map((k) => data.points.map((p) => p[k]));
const middles = sides.map((s) => (Math.max(...s) + Math.min(...s)) / 2);
const reach = Math.max(...sides.map((s) => Math.max(...s) - Math.min(...s))) / 2 || 1;
let chosen = 0, zoom = 1, shift = [0, 0], turn = [0.4, 0.3], drawn = [];

// A canvas knows no variables: a hidden element tells what color one stands for, light or dark.
function colorOf(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}

function flat(point) {
  let [x, y, z] = point.map((v, k) => (v - middles[k]) / reach);
  if (deep) {
    [x, z] = [x * Math.cos(turn[0]) + z * Math.sin(turn[0]), z * Math.cos(turn[0]) - x * Math.sin(turn[0])];
    [y, z] = [y * Math.cos(turn[1]) - z * Math.sin(turn[1]), z * Math.cos(turn[1]) + y * Math.sin(turn[1])];
  }
  return [x, y, deep ? z : 0];
}

function draw() {
  const ratio = devicePixelRatio || 1, wide = canvas.clientWidth, high = canvas.clientHeight;
  canvas.width = wide * ratio; canvas.height = high * ratio; pen.scale(ratio, ratio);
  const ink = colorOf("--ink"), soft = colorOf("--soft"), point = colorOf("--point");
  const blue = colorOf("--chosen"), orange = colorOf("--near"), paper = colorOf("--paper");
  const unit = (Math.min(wide, high) / 2 - 24) * zoom;
  drawn = data.points.map((point) => {
    const [x, y, z] = flat(point);
    return [wide / 2 + x * unit + shift[0], high / 2 - y * unit + shift[1], z];
  });
  const near = new Set(data.neighbors[chosen].map(([word]) => places.get(word)));
  near.delete(undefined); // a neighbor that is not in the picture
  pen.clearRect(0, 0, wide, high);
  pen.strokeStyle = orange; pen.lineWidth = 1;
  for (const at of near) { pen.beginPath(); pen.moveTo(...drawn[chosen].slice(0, 2));
    pen.lineTo(...drawn[at].slice(0, 2)); pen.stroke(); }
  const order = [...drawn.keys()].sort((a, b) => drawn[a][2] - drawn[b][2]);
  for (const at of order) {
    const [x, y, z] = drawn[at];
    pen.globalAlpha = deep ? 0.45 + 0.55 * (z + 1) / 2 : 1;
    pen.fillStyle = at === chosen ? blue : near.has(at) ? orange : point;
    pen.beginPath(); pen.arc(x, y, at === chosen ? 6 : near.has(at) ? 5 : 3, 0, 7); pen.fill();
  }
  pen.globalAlpha = 1; pen.font = '13px "IBM Plex Sans", system-ui, sans-serif'; pen.textBaseline = "middle";
  const taken = [];
  for (const at of new Set([chosen, ...near, ...order.reverse()])) {
    const [x, y] = drawn[at], width = pen.measureText(data.words[at]).width;
    if (x < 0 || y < 0 || x > wide || y > high) continue;
    const free = ([a, b, c, d]) =>
      a >= 0 && c <= wide && !taken.some((o) => a < o[2] && c > o[0] && b < o[3] && d > o[1]);
    const sides = [x + 8, x - 8 - width].map((left) => [left, y - 8, left + width, y + 8]);
    const box = sides.find(free);
    if (!box) continue;
    const left = box[0];
    taken.push(box);
    const own = at === chosen || near.has(at);
    if (own) {
      pen.fillStyle = paper;
      pen.globalAlpha = 0.8;
      pen.fillRect(box[0] - 2, box[1], width + 4, 16);
      pen.globalAlpha = 1;
    }
    pen.fillStyle = at === chosen ? blue : near.has(at) ? orange : soft;
    pen.fillText(data.words[at], left, y);
  }
}

function choose(at) {
  chosen = at;
  document.querySelector("h2").textContent = data.words[at];
  const body = document.querySelector("tbody"); body.replaceChildren();
  for (const [word, cosine] of data.neighbors[at]) {
    const row = body.insertRow(), cell = row.insertCell();
    cell.textContent = word; cell.className = places.has(word) ? "here" : "";
    row.insertCell().textContent = cosine.toFixed(3).replace("-", "\u2212");
  }
  draw();
}

function nearest(x, y) {
  let best = 0, least = Infinity;
  drawn.forEach(([a, b], at) => {
    const far = (a - x) ** 2 + (b - y) ** 2;
    if (far < least) [best, least] = [at, far];
  });
  return [best, Math.sqrt(least)];
}

let held = null;
canvas.addEventListener("pointerdown", (e) => {
  held = [e.offsetX, e.offsetY];
  canvas.setPointerCapture(e.pointerId);
});
canvas.addEventListener("pointerup", () => {
  held = null;
});
canvas.addEventListener("pointermove", (e) => {
  if (held) {
    const [x, y] = [e.offsetX - held[0], e.offsetY - held[1]];
    held = [e.offsetX, e.offsetY];
    if (deep) turn = [turn[0] + x / 150, turn[1] + y / 150];
    else shift = [shift[0] + x, shift[1] + y];
    draw();
    return;
  }
  const [at, far] = nearest(e.offsetX, e.offsetY);
  if (far < 24 && at !== chosen) choose(at);
});
function scale(by, x, y) {
  const wide = canvas.clientWidth / 2, high = canvas.clientHeight / 2;
  zoom *= by;
  shift = [(shift[0] + wide - x) * by - wide + x, (shift[1] + high - y) * by - high + y];
  draw();
}
const turned = (e) => {
  e.preventDefault();
  scale(Math.exp(-e.deltaY / 500), e.offsetX, e.offsetY);
};
canvas.addEventListener("wheel", turned, { passive: false });
canvas.addEventListener("keydown", (e) => {
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const way = ways[e.key];
  if (way) {
    e.preventDefault();
    let best = chosen, least = Infinity;
    drawn.forEach(([x, y], at) => {
      const [a, b] = [x - drawn[chosen][0], y - drawn[chosen][1]], along = a * way[0] + b * way[1];
      const across = Math.abs(a * way[1]) + Math.abs(b * way[0]);
      if (at !== chosen && along > 0 && along + 2 * across < least) [best, least] = [at, along + 2 * across];
    });
    choose(best);
  } else if (e.key === "+" || e.key === "=") scale(1.25, canvas.clientWidth / 2, canvas.clientHeight / 2);
  else if (e.key === "-") scale(0.8, canvas.clientWidth / 2, canvas.clientHeight / 2);
  else if (e.key === "0") { zoom = 1; shift = [0, 0]; draw(); }
});
document.querySelector("input").addEventListener("input", (e) => {
  const wanted = e.target.value.trim();
  const at = places.get(wanted) ?? data.words.findIndex((word) => wanted && word.startsWith(wanted));
  if (at >= 0) choose(at);
});
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
choose(0);
