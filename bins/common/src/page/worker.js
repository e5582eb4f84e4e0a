// One worker: what it owns, why, and what is wished of it.

import * as actions from "./actions.js";
import * as api from "./api.js";
import { h, setHidden } from "./dom.js";
import { number } from "./format.js";
import { explanation } from "./explanation.js";
import { facts, failure, phase, poll } from "./parts.js";
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
    const failed = failure();
    const absent = h("p", { class: "soft", hidden: true }, "This worker is not a member at present.");
    const present = h("div", { hidden: true }, figures.node);
    const wishes = wishList((wish) => wish.worker === name, signal);
    const why = explanation({ worker: name }, signal);
    const head = h("div", { class: "title" }, h("h1", null, name), state.node);
    let found = null;

    async function load() {
        try {
            found = await find(name, found?.after);
            setHidden(absent, Boolean(found));
            setHidden(present, !found);
            if (found) [figures, state].forEach((part) => part.update(found.worker));
            failed.update(null);
        } catch (error) {
            failed.update(error);
        }
    }
    poll(load, REFRESH_MS, signal);
    const buttons = workerButtons(name, () => found?.worker.weight ?? 1);
    return { title: name, node: h("div", null, head, failed.node, absent, present, buttons, wishes, why), update() {} };
}

function workerButtons(name, weight) {
    return h(
        "div",
        null,
        actions.buttons(
            ["Cordon", () => actions.cordon(name), "wish"],
            ["Uncordon", () => actions.uncordon(name), "wish"],
            ["Drain by wish", () => actions.drain(name), "wish"],
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
        const index = page.workers.findIndex((worker) => worker.name === name);
        if (index >= 0) return { worker: page.workers[index], after: page.workers[index - 1]?.name ?? from };
        from = page.next;
    } while (from != null);
    return null;
}
