// What operators told the leader: pauses, cordons, drains, weights and pins, with a button to remove each.

import { removal, withdraw } from "./actions.js";
import * as api from "./api.js";
import { h, keyed, setHidden } from "./dom.js";
import { clock, number } from "./format.js";
import { may } from "./live.js";
import { polled } from "./parts.js";

const REFRESH_MS = 5000;

// The wishes that `matches` chooses.
export function wishList(matches, signal) {
  const list = h("ul", { class: "wishes" });
  const updateList = keyed(
    list,
    wish => JSON.stringify(wish),
    wish => ({ node: line(wish) }),
  );
  const heading = h("h2", { hidden: true }, "Wishes");
  async function load() {
    const wishes = (await api.get("wishes")).wishes.filter(matches);
    setHidden(heading, wishes.length === 0);
    updateList(wishes);
  }
  return h("div", heading, polled(load, REFRESH_MS, signal).node, list);
}

function line(wish) {
  const detail = [`since ${clock(wish.since)}`, wish.by && `by ${wish.by}`, wish.note].filter(Boolean).join(", ");
  const remove = may("wish") && h("button", { type: "button", click: () => withdraw(wish) }, removal(wish));
  return h("li", h("span", subject(wish), h("span", { class: "soft" }, ` ${detail}`)), remove);
}

function subject({ wish, worker, slot, weight }) {
  if (wish === "weight") return `weight ${number(weight)}`;
  if (wish === "pin") return `slot ${number(slot)} pinned to ${worker}`;
  return wish;
}
