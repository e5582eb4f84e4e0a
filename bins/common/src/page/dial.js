// The map of the slots: 256 cells around a dial of four tracks, coloured by owner, and a mark for the second of the present tick.
// Around the dial go the slots in order, so the slots of one cell are neighbours of those of the next.

import { h, setAttribute, setText, svg } from "./dom.js";
import { count, number } from "./format.js";

const CELLS = 256;
const TRACKS = 4;
const CENTRE = 200;
const OUTER = 172;
const TRACK = 17;
const TURN = 2 * Math.PI;

export function dial() {
  const cells = Array.from({ length: CELLS }, cell);
  const seconds = Array.from({ length: 60 }, second);
  const proof = svg("text", { class: "dial-figure", x: CENTRE, y: CENTRE + 12 });
  const caption = svg("text", { class: "dial-caption", x: CENTRE, y: CENTRE + 38 });
  const legend = h("figcaption", { class: "soft" });
  const picture = svg(
    "svg",
    { viewBox: "0 0 400 400", role: "img" },
    seconds,
    cells.map(each => each.node),
    proof,
    caption,
  );
  const node = h("figure", { class: "dial" }, picture, legend);
  let now = seconds[0];

  function update(view) {
    cells.forEach((each, index) => each.update(view.map, index));
    setAttribute(picture, "aria-label", description(view));
    setAttribute(proof, "class", view.audit?.doubles ? "dial-figure bad" : "dial-figure");
    setText(legend, `${count(view.totals.slots, "slot")}, ${view.map.slots_per_cell} in a cell, coloured by owner`);
    setText(proof, view.audit ? number(view.audit.doubles) : "–");
    setText(caption, view.audit ? "doubles" : "no audit yet");
    now.classList.remove("now");
    now = seconds[view.tick.number % 60];
    now.classList.add("now");
  }
  // Dims all cells but those of one worker.
  const highlight = name => cells.forEach(each => each.dim(name));
  return { node, update, highlight };
}

function second(_, index) {
  const [x1, y1] = point(188, index / 60);
  const [x2, y2] = point(index % 5 ? 193 : 196, index / 60);
  return svg("line", { class: "second", x1, y1, x2, y2 });
}

function cell(_, index) {
  const title = svg("title");
  const node = svg("path", { class: "cell", d: outline(index) }, title);
  let owner = "";
  function update(map) {
    const hue = map.hues[index] ?? -1;
    owner = map.owners[index] ?? "";
    node.style.setProperty("--hue", Math.max(hue, 0));
    node.classList.toggle("empty", hue < 0);
    setText(title, `${slots(index, map.slots_per_cell)}: ${owner || (hue < 0 ? "no owner" : "owned")}`);
  }
  const dim = name => node.classList.toggle("dim", name !== null && owner !== name);
  return { node, update, dim };
}

// The ring sector of a cell: four tracks in each of 64 directions.
function outline(index) {
  const direction = Math.floor(index / TRACKS);
  const outer = OUTER - (index % TRACKS) * TRACK;
  const inner = outer - TRACK + 2;
  const gap = 0.0011;
  const [from, to] = [direction / 64 + gap, (direction + 1) / 64 - gap];
  const [a, b, c, d] = [point(outer, from), point(outer, to), point(inner, to), point(inner, from)].map(xy => xy.join(" "));
  return `M${a}A${outer} ${outer} 0 0 1 ${b}L${c}A${inner} ${inner} 0 0 0 ${d}Z`;
}

function point(radius, turn) {
  const angle = turn * TURN - TURN / 4;
  return [CENTRE + radius * Math.cos(angle), CENTRE + radius * Math.sin(angle)].map(value => value.toFixed(2));
}

const slots = (index, perCell) => `slots ${index * perCell} to ${(index + 1) * perCell - 1}`;

// The text alternative of the picture.
function description({ map, totals }) {
  const cells = new Map();
  for (const name of map.owners.filter(Boolean)) cells.set(name, (cells.get(name) ?? 0) + 1);
  const owners = [...cells].map(([name, n]) => `${name} ${count(n, "cell")}`).join(", ") || "too many workers to name";
  const empty = map.hues.filter(hue => hue < 0).length;
  return `Owners of ${count(totals.slots, "slot")}, in ${CELLS} cells: ${owners}; ${count(empty, "cell")} without an owner.`;
}

// Colours of the workers that the map names.
export const huesByName = map => new Map(map.owners.map((name, index) => [name, map.hues[index]]));
