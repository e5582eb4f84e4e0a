// One worker: what it owns, why, and what is wished of it.

import * as actions from "./actions.js";
import * as api from "./api.js";
import { h } from "./dom.js";
import { number } from "./format.js";
import { explanation } from "./explanation.js";
import { facts, phase, polled } from "./parts.js";
import { wishList } from "./wishes.js";

const REFRESH_MS = 3000;

export function worker({ name, signal }) {
  const state = phase();
  const figures = facts(
    ["Slots", ({ slots }) => number(slots)],
    ["Items", ({ items }) => number(items)],
    ["Weight", ({ weight }) => number(weight)],
    ["Pinned slots", ({ pinned_slots }) => number(pinned_slots)],
    ["Revision", ({ revision }) => revision ?? "–"],
  );
  let found = null;

  async function load() {
    found = await find(name, found?.after);
    if (!found) throw new Error(`${name} is not a member at present.`);
    [figures, state].forEach(part => part.update(found.worker));
  }
  const node = h(
    "div",
    h("div", { class: "title" }, h("h1", name), state.node),
    polled(load, REFRESH_MS, signal).node,
    figures.node,
    workerButtons(name, () => found?.worker.weight ?? 1),
    wishList(wish => wish.worker === name, signal),
    explanation({ worker: name }, signal),
  );
  return { title: name, node, update() {} };
}

function workerButtons(name, weight) {
  return h(
    "div",
    actions.buttons(
      ["Cordon", () => actions.cordon(name), "wish"],
      ["Drain", () => actions.drain(name), "wish"],
      ["Weight", () => actions.weigh(name, weight()), "wish"],
    ),
    actions.buttons(
      ["Kill the process", () => actions.killWorker(name), "demo"],
      ["Drain the process", () => actions.stopWorker(name), "demo"],
    ),
  );
}

// Looks a worker up in the pages of the list. `after`, the name before it at the last time, makes that one short page.
async function find(name, after) {
  if (after !== undefined) {
    const { workers } = await api.get("workers", { limit: 1, ...(after && { after }) });
    if (workers[0]?.name === name) return { worker: workers[0], after };
  }
  let from = null;
  do {
    const page = await api.get("workers", { limit: 1000, ...(from && { after: from }) });
    const index = page.workers.findIndex(worker => worker.name === name);
    if (index >= 0) return { worker: page.workers[index], after: page.workers[index - 1]?.name ?? from };
    from = page.next;
  } while (from != null);
  return null;
}
