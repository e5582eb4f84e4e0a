// Parts that several views share.

import { h, keyed, setAttribute, setHidden, setText } from "./dom.js";
import { clock, number, ratio, slotLink, workerLink } from "./format.js";
import { live, serverNow } from "./live.js";

// A text that follows what is shown: `value(item)` at each update.
export function words(value, attributes) {
    const node = h("span", attributes);
    return { node, update: (item) => setText(node, value(item)) };
}

export function link(text, href) {
    const node = h("a");
    const update = (item) => {
        setText(node, text(item));
        setAttribute(node, "href", href(item));
    };
    return { node, update };
}

export const workerName = () =>
    link(
        ({ name }) => name,
        ({ name }) => workerLink(name),
    );

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

// A bar of `value(item)` beside `most(item)`. It only repeats a number that stands beside it.
export function bar(value, most) {
    const filled = h("span");
    const node = h("span", { class: "bar", "aria-hidden": "true" }, filled);
    const update = (item) => filled.style.setProperty("--part", Math.min(1, value(item) / Math.max(1, most(item))));
    return { node, update };
}

// Terms and their values: `[term, value(view)]` each.
export function facts(...entries) {
    const rows = entries.map(([term, value]) => ({ term, value, node: h("dd") }));
    const node = h(
        "dl",
        { class: "facts" },
        rows.map(({ term, node }) => h("div", null, h("dt", null, term), node)),
    );
    return { node, update: (view) => rows.forEach(({ node, value }) => setText(node, value(view))) };
}

export const mostOverMean = ({ totals }) => (totals.most_over_mean == null ? "–" : ratio(totals.most_over_mean));

// Events, newest first.
export function eventList(empty = "Nothing has happened yet.") {
    const list = h("ol", { class: "events" });
    const nothing = h("p", { class: "soft" }, empty);
    const updateList = keyed(list, ({ id }) => id, event);
    const update = (events) => {
        setHidden(nothing, events.length > 0);
        updateList(events);
    };
    return { node: h("div", null, list, nothing), update };
}

function event(entry) {
    const at = time();
    at.update(entry);
    const more = [entry.cause, entry.by && `by ${entry.by}`].filter(Boolean).join(", ");
    const text = h("span", null, entry.text, more && h("span", { class: "soft" }, ` (${more})`));
    return { node: h("li", null, at.node, h("span", { class: "kind" }, entry.kind), text) };
}

export const slotName = (slot) => h("a", { href: slotLink(slot) }, `slot ${number(slot)}`);

// Calls `load` now, every `ms`, and after each change by the viewer, until `signal` is aborted.
export function poll(load, ms, signal) {
    const timer = setInterval(load, ms);
    signal.addEventListener("abort", () => clearInterval(timer));
    document.addEventListener("changed", load, { signal });
    load();
}

// Shows why something could not be loaded, and nothing once it could.
export function failure() {
    const node = h("p", { class: "failure", hidden: true, tabindex: -1 });
    const update = (error) => {
        setHidden(node, !error);
        setText(node, error?.message ?? "");
    };
    return { node, update };
}
