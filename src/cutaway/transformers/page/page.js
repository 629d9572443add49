// The figures, from top to bottom; charts.js stands before this in the same script.
function header() {
  const answers = data.likeliest.map(([name, chance]) => `${name} ${number(chance)}`).join(", ");
  page.append(make("header", {},
    make("p", { class: "soft" }, `Attention of ${data.model}: ${data.layers} layers of ${data.heads} heads`),
    make("h1", {}, data.text || "(no text)"),
    ...(answers ? [make("p", {}, `Likeliest answers: ${answers}.`)] : []),
    make("p", { class: "note" }, data.warning)));
}

function atlas() {
  let measure = "previous";
  const entropy = data.most_entropy;
  const told = (down, across) => {
    const value = data.measures[measure].values[down][across];
    const part = measure === "entropy" ? value / Math.max(entropy, 1e-9) : value;
    return [fill("u", part), short(value), `${measure} ${number(value)}`];
  };
  const [grid, draw] = headGrid(told);
  const formula = make("p", { class: "mono soft" });
  const legend = make("div");
  const pick = (name) => {
    measure = name;
    formula.textContent = data.measures[name].formula;
    legend.replaceChildren(scale("u", "0", name === "entropy" ? `${number(entropy)} nats, all tokens alike` : "1"));
    draw();
  };
  const choices = Object.keys(data.measures).map((name) => {
    const input = make("input", { type: "radio", name: "measure", onchange: () => pick(name) });
    input.checked = name === measure;
    return make("label", {}, input, `${name}${name === "entropy" ? "" : " token"}`);
  });
  section("What each head does",
    make("p", {}, "Where a head's weight goes, on average over the tokens that look. Choose a head to see it below; " +
      "arrow keys move."),
    make("fieldset", { class: "choices", "aria-label": "measure" }, ...choices), formula, legend, grid);
  pick(measure);
}

function oneHead() {
  const value = (query, key) => weights[((layer * data.heads + head) * count + query) * count + key];
  const said = make("div", { class: "say", "aria-live": "polite" });
  const title = make("h3");
  const [map, draw] = tokenMap(value, (text) => { said.textContent = text; });
  const tokens = data.tokens.map((token, at) => make("span", {
    class: "token", tabindex: 0, onpointerenter: () => light(at), onfocus: () => light(at), onclick: () => light(at),
  }, make("bdi", {}, token)));
  let asked = 0;
  function light(query) {
    asked = query;
    tokens.forEach((token, key) => {
      token.className = `token ${fill("u", value(query, key))}${key === query ? " asks" : ""}`;
      token.title = number(value(query, key));
    });
  }
  const again = () => {
    title.textContent = `layer ${layer}, head ${head}`;
    draw();
    light(asked);
  };
  listeners.push(again);
  again();
  section("One head", title,
    make("p", {}, "Point at a token: the others are as dark as it looks at them. Below, all at once: " +
      "a row is a token that looks, a column one that is looked at; a row sums to 1."),
    make("div", { class: "strip" }, ...tokens), scale("u", "0", "1"), said, map);
}

function rolling() {
  let depth = data.layers - 1;
  const said = make("div", { class: "say", "aria-live": "polite" });
  const value = (query, key) => rolled[(depth * count + query) * count + key];
  const [map, draw] = tokenMap(value, (text) => { said.textContent = text.replace("looks at", "leads back to"); });
  const shown = make("output", { class: "mono" }, `layer ${depth}`);
  const slider = make("input", {
    type: "range", min: 0, max: data.layers - 1, value: depth, "aria-label": "after which layer",
    oninput: () => {
      depth = Number(slider.value);
      shown.textContent = `layer ${depth}`;
      draw();
    },
  });
  section("Rollout",
    make("p", {}, "The weights of all layers multiplied, half of each step for the vector that stays: what share " +
      "of a token after a layer would come from each token of the input, if attention were all that moves " +
      "information. It knows nothing of what the heads write."),
    make("p", {}, "after ", slider, " ", shown), scale("u", "0", "1"), said, map);
}

function grids(answer) {
  const largest = Math.max(...[...answer.wrote.heads.flat(), ...answer.change.heads.flat()].map(Math.abs), 1e-12);
  const of = (kind, verb) => headGrid(
    (down, across) => {
      const value = answer[kind].heads[down][across];
      return [fill("s", value / largest), short(value), `${verb} ${signed(value)}`];
    },
    {
      name: "feed",
      told: (down) => {
        const value = answer[kind].feed[down];
        return [fill("s", value / largest), short(value), `feed-forward ${down}: ${verb} ${signed(value)}`];
      },
    },
  )[0];
  return make("div", { class: "pair" },
    make("figure", { style: "margin:0;min-width:0" }, make("h3", {}, "What it wrote: the ledger"), of("wrote", "wrote"),
      scale("s", signed(-largest), signed(largest))),
    make("figure", { style: "margin:0;min-width:0" }, make("h3", {}, "What changes without it: ablation"),
      of("change", "without it"), scale("s", signed(-largest), signed(largest))));
}

function scatter(answer) {
  const points = answer.wrote.heads.flatMap((row, down) => row.map((wrote, across) =>
    ({ down, across, wrote, lost: -answer.change.heads[down][across] })));
  const reach = Math.max(...points.flatMap(({ wrote, lost }) => [Math.abs(wrote), Math.abs(lost)]), 1e-12);
  const [size, pad] = [360, 30];
  const place = (value) => size / 2 + (value / reach) * (size / 2 - pad);
  const svg = make("svg", { width: size, height: size, viewBox: `0 0 ${size} ${size}`, role: "img",
    "aria-label": "each head: what it wrote across, what is lost without it up" });
  svg.append(
    make("line", { x1: pad, x2: size - pad, y1: size / 2, y2: size / 2 }),
    make("line", { y1: pad, y2: size - pad, x1: size / 2, x2: size / 2 }),
    make("line", { x1: pad, y1: size - pad, x2: size - pad, y2: pad, "stroke-dasharray": "4 4" }),
    make("text", { x: size - pad, y: size / 2 - 6, "text-anchor": "end" }, `wrote ${signed(reach)}`),
    make("text", { x: size / 2 + 6, y: pad - 8 }, `lost without it ${signed(reach)}`));
  const circles = points.map(({ down, across, wrote, lost }) => {
    const name = `layer ${down}, head ${across}: wrote ${signed(wrote)}, without it ${signed(-lost)}`;
    const circle = make("circle", { cx: place(wrote), cy: size - place(lost), r: 4, onclick: () => choose(down, across) },
      make("title", {}, name));
    svg.append(circle);
    return circle;
  });
  const draw = () => circles.forEach((circle, at) => {
    const here = points[at].down === layer && points[at].across === head;
    circle.setAttribute("class", here ? "chosen" : "");
    circle.setAttribute("r", here ? 7 : 4);
  });
  listeners.push(draw);
  draw();
  return svg;
}

function explained(answer) {
  const shown = answer.parts.slice(0, 12);
  const rest = answer.parts.slice(12).reduce((sum, { part }) => sum + part, 0);
  const lines = shown.map(({ name, part }) => [name, part]);
  if (answer.parts.length > shown.length) lines.push([`${answer.parts.length - shown.length} other parts`, rest]);
  const largest = Math.max(...lines.map(([, value]) => Math.abs(value)), 1e-12);
  const rows = answer.parts.map(({ name, layer: down, head: across, part }) => {
    const change = down === null ? null
      : across !== null ? answer.change.heads[down][across]
      : name.endsWith("feed-forward") ? answer.change.feed[down] : null;
    return make("tr", {}, make("td", {}, name), make("td", {}, signed(part)),
      make("td", {}, change === null ? "" : signed(change)));
  });
  const off = Math.abs(answer.total - answer.value);
  section("What the answer is made of",
    make("p", {}, `Explained is the ${answer.name}: ${number(answer.value)}. Every part of the model adds to a stream ` +
      "of vectors, and the answer is read from the last ones: it is the sum of what each part added."),
    make("div", { class: "bars" }, ...bars(lines, largest),
      make("span", { class: "sum" }, "sum of all parts"), make("span"), make("span", { class: "sum" }, number(answer.total)),
      make("span", { class: "soft" }, "the model's answer"), make("span", { class: "soft" }, `off by ${off.toExponential(0)}`),
      make("span", {}, number(answer.value))),
    make("h3", {}, "Each head, two ways"),
    make("p", {}, "Left, what a head wrote towards the answer here. Right, how the answer changes when its output is " +
      "set to zero and the model is asked again: later parts then read something else. The last column is each " +
      "layer's feed-forward, which may go beyond the scale of the heads. On the dashed line below both agree."),
    grids(answer), make("h3", {}, "Wrote, against lost without it"), scatter(answer),
    make("details", {}, make("summary", {}, `All ${answer.parts.length} parts`),
      make("table", {}, make("tr", {}, make("th", {}, "part"), make("th", {}, "wrote"), make("th", {}, "change without it")),
        ...rows)));
}

function leaned(answer) {
  const { slopes, integrated, baseline } = answer.tokens;
  const largest = Math.max(...slopes.map(Math.abs), ...integrated.map(Math.abs), 1e-12);
  const lines = data.tokens.map((token, at) => [token, slopes[at], integrated[at]]);
  const sum = (values) => signed(values.reduce((total, value) => total + value, 0));
  section("Which tokens the answer leans on",
    make("p", {}, "Gradient × input: how the answer would move if a token's vector grew a little. Integrated gradients: " +
      `the same slopes summed along the way from zero vectors, where the answer is ${number(baseline)}, to this text; ` +
      "they add up to the difference."),
    make("div", { class: "bars two" },
      make("span", { class: "head" }, "token"), make("span", { class: "head" }, "gradient × input"), make("span"),
      make("span", { class: "head" }, "integrated gradients"), make("span"),
      ...bars(lines, largest),
      make("span", { class: "sum" }, "sum"), make("span"), make("span", { class: "sum" }, sum(slopes)), make("span"),
      make("span", { class: "sum" }, sum(integrated))));
}

page.replaceChildren();
header();
atlas();
oneHead();
rolling();
if (data.answer) {
  explained(data.answer);
  leaned(data.answer);
} else {
  section("No answer to explain",
    make("p", {}, "This checkpoint has no head: it answers nothing that a ledger could be kept of. Name a model that " +
      "does, such as --model sentiment."));
}
