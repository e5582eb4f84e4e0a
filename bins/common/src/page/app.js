// The live page: one view for each route of the address's hash, all fed by one stream of the state of the cluster.

import { autoscaler } from "./autoscaler.js";
import { h, setAttribute, setText } from "./dom.js";
import { age, clock } from "./format.js";
import { health } from "./health.js";
import { items } from "./items.js";
import { ageNow, isOld, isSilent, live, start, viewAge } from "./live.js";
import { refresh as refreshNotices } from "./notices.js";
import { overview } from "./overview.js";
import { rebalances } from "./rebalances.js";
import { worker } from "./worker.js";
import { workers } from "./workers.js";

const VIEWS = { "": overview, rebalances, workers, items, autoscaler, health };

const main = document.getElementById("main");
const connection = document.getElementById("connection");
const footer = document.getElementById("facts");

let shown = null;

addEventListener("hashchange", () => show(true));
document.querySelector(".skip").addEventListener("click", skipToContent);
markPlace();
start(render);

function render() {
  showConnection();
  refreshNotices();
  if (!live.view) return;
  if (shown?.rights !== rights()) show(false);
  shown.update(live.view);
  showFacts(live.view);
}

// Replaces the view by that of the address. Nothing can be shown before the first state of the cluster is known.
function show(isByViewer) {
  markPlace();
  if (!live.view) return;
  shown?.abort.abort();
  const abort = new AbortController();
  const view = route(abort.signal);
  view.update(live.view);
  main.replaceChildren(view.node);
  document.title = `${view.title} · notifi-scaler`;
  shown = { ...view, abort, rights: rights() };
  if (!isByViewer) return;
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
}

const rights = () => `${live.view.source} ${live.view.may}`;

function route(signal) {
  const { segments, query } = place();
  const [name, detail] = segments;
  if (name === "workers" && detail) return worker({ name: detail, signal });
  const view = Object.hasOwn(VIEWS, name) && segments.length === 1 ? VIEWS[name] : missing;
  return view({ query, signal });
}

function place() {
  const [path, query] = (location.hash.startsWith("#/") ? location.hash.slice(2) : "").split("?");
  return { segments: path.split("/").map(decoded), query: new URLSearchParams(query) };
}

function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

const missing = () => ({
  title: "No such view",
  node: h("div", h("h1", "No such view"), h("p", h("a", { href: "#/" }, "Go to the overview"))),
  update() {},
});

function markPlace() {
  for (const link of document.querySelectorAll("nav a")) {
    setAttribute(link, "aria-current", link.hash.slice(2) === place().segments[0] && "page");
  }
}

// The hash is the route, so a plain link to an element would leave the view.
function skipToContent(event) {
  event.preventDefault();
  main.focus();
}

// An old view stays, and says that it is old: partial truth is better than none.
function showConnection() {
  document.body.classList.toggle("old", isOld());
  setAttribute(connection, "class", isOld() || isSilent() ? "lost" : live.view && "live");
  setText(connection, connectionText());
}

function connectionText() {
  if (live.needsToken) return "token needed";
  if (!live.view) return isSilent() ? `no answer since ${clock(live.openedAt)}` : "connecting";
  if (isSilent()) return `connection lost: as of ${clock(live.receivedAt)}`;
  return isOld() ? `the leader's view is ${age(viewAge())} old` : "live";
}

const SOURCES = { leader: "Seen by the leader", standby: "Seen by a standby", demo: "Demo" };

// What the page shows is as old as the store that it was read from.
function showFacts({ version, source, leader, stores }) {
  const ages = stores.map(({ name, age_ms }) => `${name} ${age(ageNow(age_ms))} old`);
  setText(
    footer,
    [SOURCES[source], leader ? `term ${leader.term}` : "no leader", ...ages, `notifi-scaler ${version}`].join(" · "),
  );
}
