"use strict";
// What the figures of the page are drawn with. Every text from the data becomes a text node, never markup.
const data = JSON.parse(document.getElementById("data").textContent);
const page = document.getElementById("page");
const count = data.tokens.length;
const weights = unpack(data.weights);
const rolled = unpack(data.rollout);
let [layer, head] = data.start;
const listeners = [];

function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float64Array.from({ length: bytes.length / 2 }, (_, at) => view.getUint16(2 * at, true) / data.fixed);
}

function make(tag, attributes = {}, ...inside) {
  const svg = ["svg", "circle", "line", "text", "title"].includes(tag);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...inside);
  return made;
}

function number(value) {
  return (Math.abs(value) < 5e-6 ? "0" : value.toPrecision(3)).replaceAll("-", "−");
}

// As a cell has room for it; what stands in its title has three digits that count.
function short(value) {
  return value.toFixed(2).replace("-", "−");
}

function signed(value) {
  return (value > 0 ? "+" : "") + number(value);
}

function fill(scale, value) {
  const part = scale === "s" ? (value + 1) / 2 : value;
  return scale + Math.round(Math.min(Math.max(part, 0), 1) * data.shades);
}

function scale(kind, low, high) {
  const strips = Array.from({ length: data.shades + 1 }, (_, at) => make("i", { class: kind + at }));
  return make("div", { class: "scale" }, low, make("span", {}, ...strips), high);
}

function section(title, ...inside) {
  page.append(make("section", {}, make("h2", {}, title), ...inside));
}

function choose(toLayer, toHead) {
  [layer, head] = [toLayer, toHead];
  listeners.forEach((listen) => listen());
}

// Arrow keys move between the cells of a grid; only one of them is a stop of the tab key.
function walk(cells, columns, event, at) {
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
  const to = at + (steps[event.key] ?? 0);
  if (!(event.key in steps) || to < 0 || to >= cells.length) return;
  event.preventDefault();
  cells[at].tabIndex = -1;
  cells[to].tabIndex = 0;
  cells[to].focus();
}

// Layers down, heads across, one button each; `extra` is a last column that belongs to no head.
function headGrid(told, extra) {
  const columns = data.heads + (extra ? 2 : 1);
  const grid = make("div", { class: "grid", style: `grid-template-columns:repeat(${columns},max-content)` });
  const cells = [];
  grid.append(make("span", { class: "name" }, "layer"));
  for (let at = 0; at < data.heads; at++) grid.append(make("span", { class: "name top" }, String(at)));
  if (extra) grid.append(make("span", { class: "name top" }, extra.name));
  for (let down = 0; down < data.layers; down++) {
    grid.append(make("span", { class: "name" }, String(down)));
    for (let across = 0; across < data.heads; across++) {
      const at = cells.length;
      const cell = make("button", {
        class: "cell", type: "button", tabindex: at ? -1 : 0,
        onclick: () => choose(down, across),
        onkeydown: (event) => walk(cells, data.heads, event, at),
      });
      cells.push(cell);
      grid.append(cell);
    }
    if (extra) {
      const [kind, value, name] = extra.told(down);
      grid.append(make("span", { class: `cell ${kind}`, title: name }, value));
    }
  }
  const draw = () => cells.forEach((cell, at) => {
    const [down, across] = [Math.floor(at / data.heads), at % data.heads];
    const [kind, value, name] = told(down, across);
    const here = down === layer && across === head;
    cell.className = `cell ${kind}${here ? " chosen" : ""}`;
    cell.textContent = value;
    cell.title = name;
    cell.setAttribute("aria-label", `layer ${down}, head ${across}: ${name}`);
    cell.setAttribute("aria-pressed", String(here));
  });
  listeners.push(draw);
  draw();
  return [make("div", { class: "wide" }, grid), draw];
}

// Queries down, keys across; pointing at a cell says its number and lights its two tokens.
function tokenMap(value, say) {
  const grid = make("div", {
    class: "grid small", style: `grid-template-columns:max-content repeat(${count},16px)`, tabindex: 0,
    role: "img", "aria-label": "one row for each token that looks, one column for each that is looked at",
  });
  const tops = data.tokens.map((token) => make("span", { class: "name top" }, make("bdi", {}, token)));
  const sides = data.tokens.map((token) => make("span", { class: "name", title: token }, make("bdi", {}, token)));
  const cells = [];
  let [down, across] = [0, 0];
  grid.append(make("span"), ...tops);
  for (let query = 0; query < count; query++) {
    grid.append(sides[query]);
    for (let key = 0; key < count; key++) {
      cells.push(make("span", { class: "cell" }));
      grid.append(cells.at(-1));
    }
  }
  function point() {
    tops.forEach((top, at) => top.classList.toggle("lit", at === across));
    sides.forEach((side, at) => side.classList.toggle("lit", at === down));
    cells.forEach((cell, at) => cell.classList.toggle("chosen", at === down * count + across));
    say(`${data.tokens[down]} looks at ${data.tokens[across]}: ${number(value(down, across))}`);
  }
  grid.addEventListener("pointermove", (event) => {
    const at = cells.indexOf(event.target);
    if (at < 0) return;
    [down, across] = [Math.floor(at / count), at % count];
    point();
  });
  grid.addEventListener("focus", point);
  grid.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
    if (!(event.key in steps)) return;
    event.preventDefault();
    down = Math.min(Math.max(down + steps[event.key][0], 0), count - 1);
    across = Math.min(Math.max(across + steps[event.key][1], 0), count - 1);
    point();
  });
  const draw = () => cells.forEach((cell, at) => {
    cell.className = `cell ${fill("u", value(Math.floor(at / count), at % count))}`;
  });
  draw();
  return [make("div", { class: "wide" }, grid), draw];
}

function bars(lines, largest) {
  return lines.flatMap(([name, ...values]) => [
    make("span", {}, make("bdi", {}, name)),
    ...values.flatMap((value) => {
      const width = (50 * Math.abs(value)) / largest;
      const style = `width:${width}%;left:${value < 0 ? 50 - width : 50}%`;
      return [
        make("span", { class: "bar" }, make("i", { class: value < 0 ? "less" : "more", style })),
        make("span", {}, signed(value)),
      ];
    }),
  ]);
}
