// All workers, a page at a time.

import * as api from "./api.js";
import { h, setHidden, setText } from "./dom.js";
import { count, number, workerLink } from "./format.js";
import { bar, failure, phase, poll, words, workerName } from "./parts.js";
import { table } from "./table.js";

const PAGE = 100;
const REFRESH_MS = 5000;

export function workers({ signal }) {
    const summary = h("p", { class: "soft" });
    const failed = failure();
    const rows = workerTable();
    const first = h("button", { type: "button", click: () => turn(null) }, "First page");
    const following = h("button", { type: "button", click: () => turn(next) }, "Next page");
    const pager = h("div", { class: "buttons" }, first, following);
    const heading = h("h1", { tabindex: -1 }, "Workers");
    let after = null;
    let next = null;

    async function load() {
        try {
            const page = await api.get("workers", { limit: PAGE, ...(after == null ? {} : { after }) });
            next = page.next;
            rows.update(page.workers);
            setHidden(first, after == null);
            setHidden(following, next == null);
            failed.update(null);
        } catch (error) {
            failed.update(error);
        }
    }
    async function turn(to) {
        after = to;
        await load();
        heading.focus();
    }
    poll(load, REFRESH_MS, signal);
    const node = h("div", null, heading, summary, opener(), failed.node, rows.node, pager);
    return { title: "Workers", node, update: ({ workers }) => setText(summary, phases(workers)) };
}

const phases = ({ total, by_phase }) =>
    [count(total, "worker"), ...Object.entries(by_phase).map(([name, n]) => `${number(n)} ${name}`)].join(" · ");

// With a thousand workers, a name is faster typed than found.
function opener() {
    const input = h("input", { id: "name", autocomplete: "off", spellcheck: "false", required: true });
    const submit = (event) => {
        event.preventDefault();
        location.hash = workerLink(input.value.trim());
    };
    return h(
        "form",
        { class: "search", submit },
        h("label", { for: "name" }, "Worker by name"),
        input,
        h("button", { class: "primary" }, "Open"),
    );
}

function workerTable() {
    let most = 1;
    const slots = () => {
        const [figure, part] = [
            words((worker) => number(worker.slots)),
            bar(
                (worker) => worker.slots,
                () => most,
            ),
        ];
        const update = (worker) => [figure, part].forEach((each) => each.update(worker));
        return { node: h("span", { class: "figure-and-bar" }, figure.node, part.node), update };
    };
    const columns = [
        ["Name", workerName],
        ["Phase", phase],
        ["Slots", slots],
        ["Items", () => words(({ items }) => number(items))],
        ["Weight", () => words(({ weight }) => number(weight))],
        ["Pinned slots", () => words(({ pinned_slots }) => number(pinned_slots))],
    ];
    const rows = table("Workers", columns, ({ name }) => name);
    function update(list) {
        most = Math.max(1, ...list.map((worker) => worker.slots));
        rows.update(list);
    }
    return { node: rows.node, update };
}
