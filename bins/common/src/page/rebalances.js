// What moved, when and why, beside the fewest slots that could have moved.

import * as api from "./api.js";
import { h, setHidden } from "./dom.js";
import { duration, share } from "./format.js";
import { eventList, polled, time, words } from "./parts.js";
import { table } from "./table.js";

const PAGE = 50;
const REFRESH_MS = 5000;

export function rebalances({ signal }) {
  const latest = rebalanceTable("Rebalances");
  const events = pagedEvents(signal);
  const node = h("div", h("h1", "Rebalances"), latest.node, h("h2", "Events"), events);
  return { title: "Rebalances", node, update: view => latest.update(view.rebalances) };
}

export function rebalanceTable(caption) {
  const columns = [
    ["Time", time],
    ["Cause", () => words(({ cause }) => cause)],
    ["Slots moved", () => words(({ slots, slots_minimum }) => share(slots, slots_minimum))],
    ["Items moved", () => words(({ items, items_minimum }) => share(items, items_minimum))],
    ["Duration", () => words(({ duration_ms }) => (duration_ms == null ? "running" : duration(duration_ms)))],
  ];
  const rows = table(caption, columns, ({ id }) => id);
  const nothing = h("p", { class: "soft" }, "No rebalance yet.");
  function update(list) {
    setHidden(nothing, list.length > 0);
    setHidden(rows.node, list.length === 0);
    rows.update(list);
  }
  return { node: h("div", rows.node, nothing), update };
}

// All events. The newest page refreshes by itself until the viewer asks for older events.
function pagedEvents(signal) {
  const list = eventList();
  const older = h("button", { type: "button", hidden: true, click: loadOlder }, "Older events");
  let shown = [];
  let next = null;
  let before = null;

  async function load() {
    if (before !== null && before !== next) return;
    const page = await api.get("events", { limit: PAGE, ...(before !== null && { before }) });
    shown = before === null ? page.events : [...shown, ...page.events];
    next = page.next;
    list.update(shown);
    setHidden(older, next == null);
  }
  function loadOlder() {
    before = next;
    pages.reload();
  }
  const pages = polled(load, REFRESH_MS, signal);
  return h("div", pages.node, list.node, older);
}
