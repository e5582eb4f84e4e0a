// How many workers the autoscaler wants, and why there are not as many yet.

import { h, setHidden, setText } from "./dom.js";
import { count, number } from "./format.js";

export function autoscaler() {
  const state = h("p", { class: "headline" });
  const why = h("p");
  const other = h("p", { class: "failure" });
  const node = h("div", h("h1", "Autoscaler"), state, why, other, h("a", { href: "#/rebalances" }, "Events"));
  function update({ autoscaler }) {
    setText(state, autoscaler ? sentence(autoscaler) : "The autoscaler is off.");
    setText(why, autoscaler?.why ?? "");
    setText(other, `Another client writes the number of replicas, too: ${autoscaler?.other_writer}`);
    setHidden(other, !autoscaler?.other_writer);
  }
  return { title: "Autoscaler", node, update };
}

const sentence = ({ wanted, replicas }) =>
  wanted === replicas ? `${count(replicas, "replica")}, as wanted.` : `${count(replicas, "replica")}, ${number(wanted)} wanted.`;
