// Asks for the token where the server shows the system to its holders only.

import { get, remember } from "./api.js";
import { ask } from "./dialog.js";

// True if the server refuses to show the system to this viewer.
export const isRefused = async () => (await refusal()) !== null;

// Asks until the server takes the token.
export const askForToken = () =>
  new Promise(resolve => {
    const fields = [{ name: "token", label: "API token", type: "password", required: true }];
    ask({ title: "Open the page", text: "This server shows the system to holders of its token.", fields, run });

    async function run({ token }) {
      remember("token", token);
      const refused = await refusal();
      if (refused) throw refused;
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
