// Search of an item, a slot or a worker.

import { explanation } from "./explanation.js";
import { h } from "./dom.js";
import { workerLink } from "./format.js";
import { wishList } from "./wishes.js";

const KINDS = { item: "Item", slot: "Slot", worker: "Worker" };

export function items({ query, signal }) {
  const kind = Object.keys(KINDS).find(each => query.has(each));
  const result = kind ? explanation({ [kind]: query.get(kind) }, signal) : hint();
  const pins = wishList(({ wish }) => wish === "pin", signal);
  const node = h("div", h("h1", "Items, slots and workers"), search(kind ?? "item", query.get(kind) ?? ""), result, pins);
  return { title: "Items", node, update() {} };
}

const hint = () =>
  h("p", { class: "soft" }, "Shows which worker owns it, why it is there, why it moved or does not move, and its history.");

function search(kind, value) {
  const options = Object.entries(KINDS).map(([name, label]) => h("option", { value: name, selected: name === kind }, label));
  const select = h("select", { "aria-label": "Kind" }, options);
  const input = h("input", {
    "aria-label": "Id, number or name",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    value,
  });
  const submit = event => {
    event.preventDefault();
    const value = input.value.trim();
    const explained = `#/items?${new URLSearchParams({ [select.value]: value })}`;
    location.hash = select.value === "worker" ? workerLink(value) : explained;
  };
  const button = h("button", { class: "primary" }, "Explain");
  return h("form", { class: "search", submit }, select, input, button);
}
