// All workers, a page at a time.

import * as api from "./api.js";
import { h, setHidden, setText } from "./dom.js";
import { number } from "./format.js";
import { bar, besideMost, nameOf, phase, phases, polled, words, workerName } from "./parts.js";
import { table } from "./table.js";

const PAGE = 100;
const REFRESH_MS = 5000;

export function workers({ signal }) {
  const summary = h("p", { class: "soft" });
  const rows = workerTable();
  const first = h("button", { type: "button", click: () => turn(null) }, "First page");
  const following = h("button", { type: "button", click: () => turn(next) }, "Next page");
  const pager = h("div", { class: "buttons" }, first, following);
  const heading = h("h1", { tabindex: -1 }, "Workers");
  let after = null;
  let next = null;

  async function load() {
    const page = await api.get("workers", { limit: PAGE, ...(after != null && { after }) });
    next = page.next;
    rows.update(besideMost(page.workers));
    setHidden(first, after == null);
    setHidden(following, next == null);
  }
  async function turn(to) {
    after = to;
    await list.reload();
    heading.focus();
  }
  const list = polled(load, REFRESH_MS, signal);
  const node = h("div", heading, summary, list.node, rows.node, pager);
  return { title: "Workers", node, update: ({ workers }) => setText(summary, phases(workers)) };
}

function workerTable() {
  const columns = [
    ["Name", workerName],
    ["Phase", phase],
    ["Slots", slotsAndBar],
    ["Items", () => words(({ items }) => number(items))],
    ["Weight", () => words(({ weight }) => number(weight))],
    ["Pinned slots", () => words(({ pinned_slots }) => number(pinned_slots))],
  ];
  return table("Workers", columns, nameOf);
}

function slotsAndBar() {
  const parts = [words(({ slots }) => number(slots)), bar()];
  const node = h(
    "span",
    { class: "figure-and-bar" },
    parts.map(({ node }) => node),
  );
  return { node, update: worker => parts.forEach(part => part.update(worker)) };
}
