// The first view: is it well, who owns what, and the running proof that nothing is done twice.

import { addItems, addWorkers, buttons, killWorker, pause, removeItems, stopWorker } from "./actions.js";
import { dial, huesByName } from "./dial.js";
import { h, keyed, setHidden, setText } from "./dom.js";
import { ago, count, number, ratio } from "./format.js";
import { since } from "./live.js";
import { bar, besideMost, eventList, facts, nameOf, phase, phases, section, workerName, words } from "./parts.js";
import { rebalanceTable } from "./rebalances.js";

export function overview() {
  const headline = h("h1", { class: "headline" });
  const map = dial();
  const workers = workerCards(map.highlight);
  const parts = [map, workers, proof(), totals(), controls()];
  const [, , ...summary] = parts.map(({ node }) => node);
  const rebalances = rebalanceTable("Last rebalances");
  const events = eventList();
  const node = h(
    "div",
    h("section", { class: "hero", "aria-label": "Summary" }, h("div", headline, summary), map.node),
    workers.node,
    section("Last rebalances", rebalances.node, h("a", { href: "#/rebalances" }, "All rebalances and events")),
    section("Last events", events.node),
  );
  function update(view) {
    setText(headline, sentence(view));
    for (const part of parts) part.update(view);
    rebalances.update(view.rebalances.slice(0, 4));
    events.update(view.events);
  }
  return { title: "Overview", node, update };
}

function sentence({ totals, audit }) {
  const load = `${count(totals.items, "item")} on ${count(totals.workers, "worker")}.`;
  if (!audit) return load;
  return audit.doubles ? `${load} ${number(audit.doubles)} processed twice.` : `${load} None processed twice.`;
}

function proof() {
  const node = h("p", { class: "proof" });
  const update = ({ audit }) => setText(node, audit ? audited(audit) : "No audit has compared the items with their ticks yet.");
  return { node, update };
}

const audited = ({ at, items, doubles, missed }) =>
  `Last audit ${ago(since(at))}: ${count(items, "item")}, ${count(doubles, "double")}, ${number(missed)} missed.`;

const totals = () =>
  facts(
    ["Increments a second", ({ totals }) => number(totals.increments_per_s)],
    ["Slots", ({ totals }) => number(totals.slots)],
    ["Most loaded over mean", ({ totals }) => ratio(totals.most_over_mean)],
    ["Slots without owner", ({ totals }) => number(totals.unowned_slots)],
    ["Slots late", ({ totals }) => number(totals.late_slots)],
    ["Items refused", ({ totals }) => number(totals.refused_items)],
  );

function controls() {
  const pausing = buttons(["Pause rebalancing", pause, "wish"]);
  const demo = buttons(
    ["Add workers", addWorkers, "demo"],
    ["Add items", addItems, "demo"],
    ["Delete items", removeItems, "demo"],
  );
  const update = ({ notices }) => setHidden(pausing, notices.some(isPaused));
  return { node: h("div", { class: "buttons" }, demo, pausing), update };
}

const isPaused = ({ kind }) => kind === "paused";

function workerCards(highlight) {
  const list = h("ul", { class: "cards" });
  const summary = h("p", { class: "soft" });
  const more = h("a", { href: "#/workers" }, "All workers");
  const updateCards = keyed(list, nameOf, worker => card(worker.name, highlight));
  function update({ workers, map }) {
    const hues = huesByName(map);
    setText(summary, phases(workers));
    setHidden(more, workers.total <= workers.shown.length);
    updateCards(besideMost(workers.shown).map(worker => ({ ...worker, hue: hues.get(worker.name) })));
  }
  return { node: section("Workers", summary, list, more), update };
}

function card(name, highlight) {
  const parts = [workerName(), phase(), bar(), words(load)];
  const [title, state, slots, text] = parts.map(({ node }) => node);
  const show = () => highlight(name);
  const hide = () => highlight(null);
  const events = { pointerenter: show, pointerleave: hide, focusin: show, focusout: hide };
  const head = h("div", { class: "card-head" }, h("h3", title), state);
  const node = h("li", { class: "card", ...events }, head, slots, text, cardButtons(name));
  function update(worker) {
    for (const part of parts) part.update(worker);
    node.classList.toggle("hueless", !(worker.hue >= 0));
    node.style.setProperty("--hue", worker.hue ?? 0);
  }
  return { node, update };
}

const load = ({ slots, items, weight, pinned_slots }) => {
  const special = [weight !== 1 && `weight ${number(weight)}`, pinned_slots > 0 && `${number(pinned_slots)} pinned`];
  return [count(slots, "slot"), count(items, "item"), ...special].filter(Boolean).join(" · ");
};

function cardButtons(name) {
  const group = buttons(["Kill", () => killWorker(name), "demo"], ["Drain", () => stopWorker(name), "demo"]);
  for (const button of group.children) button.setAttribute("aria-label", `${button.textContent} ${name}`);
  return group;
}
