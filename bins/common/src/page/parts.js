// Parts that several views share.

import { h, keyed, setAttribute, setHidden, setText } from "./dom.js";
import { clock, count, number, workerLink } from "./format.js";
import { live, serverNow } from "./live.js";

// A text that follows what is shown: `value(item)` at each update.
export function words(value) {
  const node = h("span");
  return { node, update: item => setText(node, value(item)) };
}

export const section = (title, ...content) => h("section", h("h2", title), ...content);

export const nameOf = ({ name }) => name;

export function workerName() {
  const node = h("a");
  const update = ({ name }) => {
    setText(node, name);
    setAttribute(node, "href", workerLink(name));
  };
  return { node, update };
}

export function time() {
  const node = h("time");
  const update = ({ at }) => {
    setText(node, clock(at, live.view ? serverNow() : undefined));
    setAttribute(node, "datetime", at);
    setAttribute(node, "title", at);
  };
  return { node, update };
}

// The phase of a worker, and what it is told to be. The shape differs with the phase, not the colour alone.
export function phase() {
  const node = h("span");
  const update = ({ phase, cordoned, draining }) => {
    setAttribute(node, "class", `phase ${phase.replace(" ", "-")}`);
    const more = [cordoned && "cordoned", draining && phase !== "draining" && "draining"].filter(Boolean);
    setText(node, [phase, ...more].join(", "));
  };
  return { node, update };
}

// A bar of the slots of a worker beside `most`. It only repeats a number that stands beside it.
export function bar() {
  const filled = h("span");
  const node = h("span", { class: "bar", "aria-hidden": "true" }, filled);
  const update = ({ slots, most }) => filled.style.setProperty("--part", slots / Math.max(1, most));
  return { node, update };
}

// Workers with the most slots that one of them owns.
export function besideMost(workers) {
  const most = Math.max(...workers.map(({ slots }) => slots));
  return workers.map(worker => ({ ...worker, most }));
}

export const phases = ({ total, by_phase }) =>
  [count(total, "worker"), ...Object.entries(by_phase).map(([name, n]) => `${number(n)} ${name}`)].join(" · ");

// Terms and their values: `[term, value(view)]` each.
export function facts(...entries) {
  const rows = entries.map(([term, value]) => ({ term, value, node: h("dd") }));
  const node = h(
    "dl",
    { class: "facts" },
    rows.map(({ term, node }) => h("div", h("dt", term), node)),
  );
  return { node, update: view => rows.forEach(({ node, value }) => setText(node, value(view))) };
}

// Events, newest first.
export function eventList(empty = "Nothing has happened yet.") {
  const list = h("ol", { class: "events" });
  const nothing = h("p", { class: "soft" }, empty);
  const updateList = keyed(list, ({ id }) => id, event);
  const update = events => {
    setHidden(nothing, events.length > 0);
    updateList(events);
  };
  return { node: h("div", list, nothing), update };
}

function event(entry) {
  const at = time();
  at.update(entry);
  // The text of a move ends with its cause.
  const cause = entry.text.includes(entry.cause) ? "" : entry.cause;
  const more = [cause, entry.by && `by ${entry.by}`].filter(Boolean).join(", ");
  const text = h("span", entry.text, more && h("span", { class: "soft" }, ` (${more})`));
  return { node: h("li", at.node, h("span", { class: "kind" }, entry.kind), text) };
}

// Calls `load` now, every `ms`, and after each change by the viewer, until `signal` is aborted. The node shows why it failed.
export function polled(load, ms, signal) {
  const node = h("p", { class: "failure", hidden: true });
  async function reload() {
    const error = await load().then(
      () => null,
      error => error,
    );
    setHidden(node, !error);
    setText(node, error?.message ?? "");
  }
  const timer = setInterval(reload, ms);
  signal.addEventListener("abort", () => clearInterval(timer));
  document.addEventListener("changed", reload, { signal });
  reload();
  return { node, reload };
}
