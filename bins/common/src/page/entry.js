// Asks for the token where the server shows the system to its holders only.

import { get, remember } from "./api.js";
import { ask } from "./dialog.js";
import { h } from "./dom.js";

const TEXT = "This server shows the system to holders of its token.";

// True if the server refuses to show the system to this viewer.
export const isRefused = async () => (await refusal()) !== null;

// Asks for the token, and resolves once the server takes it. After a cancelled dialog, a button opens it again.
export const askForToken = () =>
  new Promise(resolve => {
    const fields = [{ name: "token", label: "API token", type: "password", required: true }];
    const open = () => ask({ title: "Open the page", text: TEXT, fields, run });
    const notice = h("p", { class: "notice" }, h("span", TEXT), h("button", { type: "button", click: open }, "Enter the token"));
    document.getElementById("main").before(notice);
    open();

    async function run({ token }) {
      remember("token", token);
      const refused = await refusal();
      if (refused) throw refused;
      notice.remove();
      resolve();
    }
  });

async function refusal() {
  const error = await get("view").then(
    () => null,
    error => error,
  );
  return [401, 403].includes(error?.status) ? error : null;
}
