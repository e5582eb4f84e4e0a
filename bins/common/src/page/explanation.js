// Why an item, a slot or a worker is where it is, from the causes that were recorded.

import { buttons, pin } from "./actions.js";
import * as api from "./api.js";
import { h, keepingFocus } from "./dom.js";
import { number, workerLink } from "./format.js";
import { eventList } from "./parts.js";

// The answer about `subject`, one of `{item}`, `{slot}` and `{worker}`. It is asked for again after each change by the viewer.
export function explanation(subject, signal) {
  const node = h("div", { tabindex: -1 });
  async function load() {
    const content = await api.get("explain", subject).then(
      found => answer(found, subject),
      error => [h("p", { class: "failure" }, error.message)],
    );
    keepingFocus(node, () => node.replaceChildren(...content));
  }
  document.addEventListener("changed", load, { signal });
  load();
  return node;
}

function answer(found, subject) {
  const history = eventList("No event is recorded.");
  history.update(found.history);
  return [
    h("h2", subject.worker == null ? found.subject : "Explanation"),
    subject.worker == null && place(found),
    found.refusal && h("p", { class: "failure" }, `Postgres refuses the item: ${found.refusal}`),
    ...reasons("Why here", found.why_here),
    ...reasons("Why it moved", found.why_moved),
    ...reasons("Why it does not move", found.why_not_moved),
    subject.worker == null &&
      found.slot != null &&
      buttons([`Pin slot ${found.slot}`, () => pin(found.slot, found.owner), "wish"]),
    h("h3", "History"),
    history.node,
  ].filter(Boolean);
}

function place({ slot, owner, epoch, cause }) {
  const who = owner == null ? "no worker" : h("a", { href: workerLink(owner) }, owner);
  const where = h("p", { class: "place" }, who, " owns ", slot == null ? "it" : `slot ${number(slot)}`);
  where.append(epoch == null ? "." : `, epoch ${number(epoch)}${cause ? `, since: ${cause}` : ""}.`);
  return where;
}

const reasons = (title, sentences) =>
  sentences?.length
    ? [
        h("h3", title),
        h(
          "ul",
          { class: "reasons" },
          sentences.map(each => h("li", each)),
        ),
      ]
    : [];
