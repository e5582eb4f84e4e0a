// The stores with the age of what is known of them, the leader, and the checks.

import * as api from "./api.js";
import { h, keyed, setAttribute, setText } from "./dom.js";
import { age, ago, clock } from "./format.js";
import { ageNow, serverNow, since, viewAge } from "./live.js";
import { facts, nameOf, polled, section } from "./parts.js";

const REFRESH_MS = 10_000;

export function health({ signal }) {
  const stores = h("ul", { class: "states" });
  const updateStores = keyed(stores, nameOf, store);
  const leader = facts(
    ["Leader", ({ leader }) => leader?.candidate ?? "none"],
    ["Term", ({ leader }) => leader?.term ?? "–"],
    ["Leads for", ({ leader }) => (leader ? age(since(leader.since)) : "–")],
    ["Tick", ({ tick }) => `${tick.number}, every ${tick.length_ms} ms`],
    ["This view was made", () => ago(viewAge())],
  );
  leader.node.classList.add("small");
  const node = h(
    "div",
    h("h1", "Health"),
    section("Stores", stores),
    section("Leader", leader.node),
    section("Checks", checks(signal)),
  );
  function update(view) {
    updateStores(view.stores);
    leader.update(view);
  }
  return { title: "Health", node, update };
}

function store({ name }) {
  const { node, show } = state(name);
  const update = ({ ok, error, since, age_ms }) => {
    const known = `${ok ? "Reachable" : "Away"} since ${clock(since, serverNow())}. Its data is ${age(ageNow(age_ms))} old.`;
    show(ok ? "ok" : "failed", [error, known].filter(Boolean).join(". "));
  };
  return { node, update };
}

function checks(signal) {
  const list = h("ul", { class: "states" });
  const updateList = keyed(list, nameOf, check);
  const load = async () => updateList((await api.get("checks")).checks);
  return h("div", polled(load, REFRESH_MS, signal).node, list);
}

function check({ name }) {
  const { node, show } = state(name);
  const update = ({ state, text, guide }) => show(state, state === "ok" ? text : `${text} See ${guide} in the book.`);
  return { node, update };
}

function state(name) {
  const [badge, text] = [h("span"), h("span")];
  function show(state, words) {
    setText(badge, state);
    setAttribute(badge, "class", `state ${state}`);
    setText(text, words);
  }
  return { node: h("li", badge, h("strong", name), text), show };
}
