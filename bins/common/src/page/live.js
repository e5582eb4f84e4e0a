// The view of the cluster, as the server streams it once a second, and its age.

import { remembered } from "./api.js";
import { askForToken, isRefused } from "./entry.js";

const SILENCE_MS = 5000;
const RECONNECT_MS = 2000;

export const live = { view: null, receivedAt: 0, openedAt: Date.now(), needsToken: false };

// Calls `render` after each view, and once a second while none arrives, since ages grow without one.
export function start(render) {
  listen(render);
  setInterval(() => Date.now() - live.receivedAt > 1500 && render(), 1000);
}

function listen(render) {
  // A stream cannot send the token as a header.
  const token = remembered("token");
  const source = new EventSource(`api/v1/stream${token && `?${new URLSearchParams({ token })}`}`);
  source.addEventListener("view", event => {
    live.view = JSON.parse(event.data);
    live.receivedAt = Date.now();
    render();
  });
  // A browser reconnects by itself after a broken stream, but not after an answer such as 502.
  source.addEventListener("error", async () => {
    if (source.readyState !== EventSource.CLOSED) return;
    live.needsToken = await isRefused();
    if (live.needsToken) await askForToken();
    live.needsToken = false;
    setTimeout(listen, RECONNECT_MS, render);
  });
}

// Age at present of something that had the age `ms` when the view was sent.
export const ageNow = ms => ms + Date.now() - live.receivedAt;

export const viewAge = () => ageNow(live.view.age_ms);

// Time by the clock of the server: the viewer's clock may be wrong.
export const serverNow = () => Date.parse(live.view.at) + viewAge();

export const since = iso => Math.max(0, serverNow() - Date.parse(iso));

export const isSilent = () => Date.now() - (live.receivedAt || live.openedAt) > SILENCE_MS;

export const isOld = () => live.view !== null && (isSilent() || viewAge() > SILENCE_MS);

export const may = right => live.view?.may.includes(right) ?? false;

export const isDemo = () => live.view?.source === "demo";
