// How many workers the autoscaler wants, and why there are not as many yet.

import * as api from "./api.js";
import { h, setHidden, setText } from "./dom.js";
import { count, number } from "./format.js";
import { eventList, failure, poll } from "./parts.js";

const SEARCHED = 200;
const REFRESH_MS = 5000;

export function autoscaler({ signal }) {
    const state = h("p", { class: "headline" });
    const why = h("p");
    const other = h("p", { class: "failure" });
    const node = h("div", null, h("h1", null, "Autoscaler"), state, why, other, h("h2", null, "Last changes"), changes(signal));
    function update({ autoscaler }) {
        setText(state, autoscaler ? sentence(autoscaler) : "The autoscaler is off.");
        setText(why, autoscaler?.why ?? "");
        setText(
            other,
            autoscaler?.other_writer ? `Something else writes the number of replicas, too: ${autoscaler.other_writer}` : "",
        );
        setHidden(other, !autoscaler?.other_writer);
    }
    return { title: "Autoscaler", node, update };
}

const sentence = ({ wanted, replicas }) =>
    wanted === replicas
        ? `${count(replicas, "replica")}, as wanted.`
        : `${count(replicas, "replica")}, ${number(wanted)} wanted.`;

function changes(signal) {
    const list = eventList(`None of the last ${SEARCHED} events changed the number of replicas.`);
    const failed = failure();
    async function load() {
        try {
            const { events } = await api.get("events", { limit: SEARCHED });
            list.update(events.filter(({ kind }) => kind === "scale"));
            failed.update(null);
        } catch (error) {
            failed.update(error);
        }
    }
    poll(load, REFRESH_MS, signal);
    return h("div", null, failed.node, list.node);
}
