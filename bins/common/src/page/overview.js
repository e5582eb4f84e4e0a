// The first view: is it well, who owns what, and the running proof that nothing is done twice.

import { addItems, addWorkers, buttons, killWorker, removeItems, stopWorker } from "./actions.js";
import { dial, huesByName } from "./dial.js";
import { h, keyed, setHidden, setText } from "./dom.js";
import { ago, count, number } from "./format.js";
import { since } from "./live.js";
import { bar, eventList, facts, mostOverMean, phase, workerName, words } from "./parts.js";
import { rebalanceTable } from "./rebalances.js";

export function overview() {
    const headline = h("h1", { class: "headline" });
    const parts = {
        map: dial(),
        proof: proof(),
        totals: totals(),
        workers: null,
        rebalances: rebalanceTable("Last rebalances"),
        events: eventList(),
    };
    parts.workers = workerCards(parts.map.highlight);
    const node = h(
        "div",
        null,
        h(
            "section",
            { class: "hero", "aria-label": "Summary" },
            h("div", null, headline, parts.proof.node, parts.totals.node, controls()),
            parts.map.node,
        ),
        parts.workers.node,
        section("Last rebalances", parts.rebalances.node, h("a", { href: "#/rebalances" }, "All rebalances and events")),
        section("Last events", parts.events.node),
    );
    function update(view) {
        setText(headline, sentence(view));
        for (const part of [parts.map, parts.proof, parts.totals, parts.workers]) part.update(view);
        parts.rebalances.update(view.rebalances.slice(0, 4));
        parts.events.update(view.events);
    }
    return { title: "Overview", node, update };
}

const section = (title, ...content) => h("section", null, h("h2", null, title), ...content);

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
        ["Most loaded over mean", mostOverMean],
        ["Slots without owner", ({ totals }) => number(totals.unowned_slots)],
        ["Slots late", ({ totals }) => number(totals.late_slots)],
        ["Items refused", ({ totals }) => number(totals.refused_items)],
    );

const controls = () =>
    buttons(["Add workers", addWorkers, "demo"], ["Add items", addItems, "demo"], ["Delete items", removeItems, "demo"]);

function workerCards(highlight) {
    const list = h("ul", { class: "cards" });
    const phases = h("p", { class: "soft" });
    const more = h("a", { href: "#/workers" });
    const updateCards = keyed(
        list,
        ({ worker }) => worker.name,
        ({ worker }) => card(worker.name, highlight),
    );
    function update(view) {
        const { total, by_phase, shown } = view.workers;
        const most = Math.max(...shown.map(({ slots }) => slots));
        const hues = huesByName(view.map);
        setText(
            phases,
            Object.entries(by_phase)
                .map(([name, n]) => `${number(n)} ${name}`)
                .join(" · ") || "No worker has joined.",
        );
        setText(more, `All ${number(total)} workers`);
        setHidden(more, total <= shown.length);
        updateCards(shown.map((worker) => ({ worker, most, hue: hues.get(worker.name) })));
    }
    return { node: section("Workers", phases, list, more), update };
}

function card(name, highlight) {
    const parts = [
        of(workerName()),
        of(phase()),
        bar(
            ({ worker }) => worker.slots,
            ({ most }) => most,
        ),
        of(words(({ slots, items }) => `${count(slots, "slot")} · ${count(items, "item")}`)),
        of(words(remarks, { class: "soft" })),
    ];
    const [title, state, slots, load, more] = parts.map(({ node }) => node);
    const show = () => highlight(name);
    const hide = () => highlight(null);
    const head = h("div", { class: "card-head" }, h("h3", null, title), state);
    const events = { pointerenter: show, pointerleave: hide, focusin: show, focusout: hide };
    const node = h("li", { class: "card", ...events }, head, slots, load, more, cardButtons(name));
    function update(item) {
        for (const part of parts) part.update(item);
        node.classList.toggle("hueless", item.hue == null || item.hue < 0);
        node.style.setProperty("--hue", item.hue ?? 0);
    }
    return { node, update };
}

// Adapts a part that shows a worker to an item that holds one.
const of = ({ node, update }) => ({ node, update: ({ worker }) => update(worker) });

const remarks = ({ weight, pinned_slots }) =>
    [weight !== 1 && `weight ${number(weight)}`, pinned_slots && `${number(pinned_slots)} pinned`].filter(Boolean).join(" · ");

function cardButtons(name) {
    const group = buttons(["Kill", () => killWorker(name), "demo"], ["Drain", () => stopWorker(name), "demo"]);
    for (const button of group.children) button.setAttribute("aria-label", `${button.textContent} ${name}`);
    return group;
}
