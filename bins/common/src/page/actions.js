// What a viewer may change: the wishes that the leader respects, and the processes of the demo.

import * as api from "./api.js";
import { ask } from "./dialog.js";
import { h } from "./dom.js";
import { isDemo, may } from "./live.js";

export const pause = () =>
  askWish("Pause rebalancing", "The leader stops rebalancing until someone resumes it. Workers keep ticking.", {
    wish: "pause",
  });

export const cordon = worker =>
  askWish(`Cordon ${worker}`, `${worker} keeps its slots and is given no more.`, { wish: "cordon", worker });

export const drain = worker =>
  askWish(`Drain ${worker}`, `Other workers take over all slots of ${worker}. It works on until they have. No tick is missed.`, {
    wish: "drain",
    worker,
  });

export const weigh = (worker, weight) =>
  askWish(
    `Weight of ${worker}`,
    "A worker of weight 2 owns twice the slots of a worker of weight 1.",
    { wish: "weight", worker },
    [{ name: "weight", label: "Weight", type: "number", min: 1, max: 1000, required: true, value: weight }],
  );

export const pin = (slot, owner) =>
  askWish(
    `Pin slot ${slot}`,
    "The slot moves to this worker and stays there. All items of the slot move with it.",
    { wish: "pin", slot },
    [{ name: "worker", label: "Worker", required: true, value: owner ?? "" }],
  );

// Removes a wish, as the server lists it.
export function withdraw({ wish, worker, slot }) {
  const named = Object.fromEntries(Object.entries({ wish, worker, slot }).filter(([, value]) => value != null));
  const text = "It is recorded, and takes effect with the next rebalance.";
  change(removal({ wish, worker, slot }), text, [], values => api.deleteWish({ ...named, ...values }));
}

// Name of the action that removes a wish.
export function removal({ wish, worker, slot }) {
  if (wish === "pause") return "Resume rebalancing";
  if (wish === "pin") return `Unpin slot ${slot}`;
  if (wish === "cordon") return `Uncordon ${worker}`;
  return `Remove the ${wish} of ${worker}`;
}

function askWish(title, text, wish, fields = []) {
  const note = { name: "note", label: "Note: why?", maxlength: 200 };
  change(title, text, [...fields, note], values => api.putWish({ ...wish, ...values }));
}

function change(title, text, fields, send) {
  ask({ title, text, fields: [...fields, ...identity()], run });

  async function run({ token = "", name = "demo", ...values }) {
    api.remember("token", token);
    api.remember("name", name);
    await send({ ...values, ...(values.weight && { weight: Number(values.weight) }), by: name });
    announce(`${title}: recorded.`);
  }
}

// A demo asks for neither a name nor a token.
function identity() {
  if (isDemo()) return [];
  return [
    { name: "name", label: "Your name, recorded with the change", required: true, maxlength: 100, value: api.remembered("name") },
    { name: "token", label: "API token", type: "password", required: true, value: api.remembered("token") },
  ];
}

export const addWorkers = () =>
  askNumber("Add workers", "Each gets its share of the slots by the fewest moves.", 1, "workers add");

export const addItems = () => askNumber("Add items", "Owners of their slots process them from the next tick on.", 5, "items add");

export const removeItems = () => askNumber("Delete items", "So many rows of the table are deleted.", 1, "items remove");

export const killWorker = worker =>
  perform(`Kill ${worker}`, "It stops at once. Other workers own its items within two seconds.", `worker kill ${worker}`);

export const stopWorker = worker =>
  perform(`Drain ${worker}`, "It works on until others own its slots, then leaves. No tick is missed.", `worker drain ${worker}`);

function askNumber(title, text, value, command) {
  perform(title, text, command, [{ name: "n", label: "How many", type: "number", min: 1, required: true, value }]);
}

function perform(title, text, command, fields) {
  const run = async ({ n }) => announce((await api.demo(n ? `${command} ${n}` : command)).done);
  ask({ title, text, fields, run });
}

// Tells the notices, which show it, and the present view, which asks the server anew.
const announce = text => document.dispatchEvent(new CustomEvent("changed", { detail: text }));

// A group of buttons, `[label, action, right]` each. Those that the server does not allow are left out.
export const buttons = (...specs) =>
  h(
    "div",
    { class: "buttons" },
    ...specs.filter(([, , right]) => may(right)).map(([label, click]) => h("button", { type: "button", click }, label)),
  );
