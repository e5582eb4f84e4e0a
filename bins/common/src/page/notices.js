// The first lines of each view: whatever is paused, cordoned, pinned or held, since when and by whom. A screen reader reads each
// change of this live region, so its texts hold no ages.

import { withdraw } from "./actions.js";
import { h, keyed, setText } from "./dom.js";
import { clock } from "./format.js";
import { isOld, live, may, serverNow } from "./live.js";

const SAID_MS = 8000;
const TROUBLE = new Set(["stalled", "store away", "members away"]);

let said = null;
let updateNotices;

// Shows the result of an action for some seconds.
document.addEventListener("changed", ({ detail }) => {
  said = { kind: "done", text: detail };
  refresh();
  const mine = said;
  setTimeout(() => {
    if (said === mine) said = null;
    refresh();
  }, SAID_MS);
});

export function refresh() {
  updateNotices ??= keyed(document.getElementById("notices"), notice => `${notice.kind} ${notice.text} ${notice.since}`, create);
  const notices = live.view?.notices ?? [];
  const calm = live.view && notices.length === 0 && { kind: "calm", text: "Nothing is paused, cordoned, pinned or held." };
  const old = isOld() && { kind: "stalled", text: "Everything below is old", since: live.view.at };
  updateNotices([said, old, ...notices, calm].filter(Boolean));
}

function create({ kind, text, since, by }) {
  const detail = h("span", { class: "soft" });
  const when = since && ` · since ${clock(since, serverNow())}`;
  setText(detail, [when, by && ` by ${by}`].filter(Boolean).join(","));
  const node = h("p", { class: `notice ${TROUBLE.has(kind) ? "trouble" : kind}` }, h("span", text, detail), action(kind));
  return { node };
}

function action(kind) {
  if (kind !== "paused" || !may("wish")) return null;
  return h("button", { type: "button", click: () => withdraw({ wish: "pause" }) }, "Resume");
}
