// What operators told the leader: pauses, cordons, drains, weights and pins, with a button to remove each.

import { withdraw } from "./actions.js";
import * as api from "./api.js";
import { h, keyed, setHidden } from "./dom.js";
import { clock, number } from "./format.js";
import { may } from "./live.js";
import { failure, poll } from "./parts.js";

const REFRESH_MS = 5000;

// The wishes that `matches` chooses.
export function wishList(matches, signal) {
    const list = h("ul", { class: "wishes" });
    const failed = failure();
    const node = h("section", { hidden: true }, h("h2", null, "Wishes"), failed.node, list);
    const updateList = keyed(
        list,
        (wish) => JSON.stringify(wish),
        (wish) => ({ node: line(wish) }),
    );
    async function load() {
        try {
            const wishes = (await api.get("wishes")).wishes.filter(matches);
            setHidden(node, wishes.length === 0);
            updateList(wishes);
            failed.update(null);
        } catch (error) {
            setHidden(node, false);
            failed.update(error);
        }
    }
    poll(load, REFRESH_MS, signal);
    return node;
}

function line(wish) {
    const detail = [`since ${clock(wish.since)}`, wish.by && `by ${wish.by}`, wish.note].filter(Boolean).join(", ");
    const remove = may("wish") && h("button", { type: "button", click: () => withdraw(wish) }, "Remove");
    return h("li", null, h("span", null, subject(wish), h("span", { class: "soft" }, ` ${detail}`)), remove);
}

function subject({ wish, worker, slot, weight }) {
    if (wish === "weight") return `weight ${number(weight)}`;
    if (wish === "pin") return `slot ${number(slot)} pinned to ${worker}`;
    return wish;
}
