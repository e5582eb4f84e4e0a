// What moved, when and why, beside the fewest slots that could have moved.

import * as api from "./api.js";
import { h, setHidden } from "./dom.js";
import { duration, share } from "./format.js";
import { eventList, failure, poll, time, words } from "./parts.js";
import { table } from "./table.js";

const PAGE = 50;
const REFRESH_MS = 5000;

export function rebalances({ signal }) {
    const latest = rebalanceTable("Rebalances");
    const events = pagedEvents({}, signal);
    const node = h("div", null, h("h1", null, "Rebalances"), latest.node, h("h2", null, "Events"), events);
    return { title: "Rebalances", node, update: (view) => latest.update(view.rebalances) };
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
    return { node: h("div", null, rows.node, nothing), update };
}

// Events by `filter`. The newest page refreshes by itself until the viewer asks for older events.
export function pagedEvents(filter, signal) {
    const list = eventList();
    const failed = failure();
    const older = h("button", { type: "button", hidden: true, click: loadOlder }, "Older events");
    let shown = [];
    let next = null;
    let isPaged = false;

    async function loadOlder() {
        isPaged = true;
        await load({ before: next });
    }
    async function load(from) {
        try {
            const page = await api.get("events", { ...filter, ...from, limit: PAGE });
            shown = isPaged ? [...shown, ...page.events] : page.events;
            next = page.next;
            list.update(shown);
            setHidden(older, next == null);
            failed.update(null);
        } catch (error) {
            failed.update(error);
        }
    }
    poll(() => isPaged || load({}), REFRESH_MS, signal);
    return h("div", null, failed.node, list.node, older);
}
