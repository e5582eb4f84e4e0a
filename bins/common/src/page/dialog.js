// The dialog that asks before anything is changed.

import { h, setHidden, setText } from "./dom.js";

// Shows a dialog with an input for each of `fields`, and calls `run(values)` once it is confirmed. If that fails, the dialog
// stays and says why.
export function ask({ title, text, fields = [], run }) {
  const inputs = fields.map(field => [field.name, input(field)]);
  const failure = h("p", { class: "failure", tabindex: -1, hidden: true });
  const button = h("button", { class: "primary" }, title);
  const cancel = h("button", { type: "button", click: () => dialog.close() }, "Cancel");
  const form = h("form", { submit }, h("h2", { id: "dialog-title" }, title), h("p", { id: "dialog-text" }, text));
  const dialog = h(
    "dialog",
    { "aria-labelledby": "dialog-title", "aria-describedby": "dialog-text", close: () => dialog.remove() },
    form,
  );
  form.append(
    ...fields.map((field, i) => labelled(field, inputs[i][1])),
    failure,
    h("div", { class: "buttons" }, button, cancel),
  );
  document.body.append(dialog);
  dialog.showModal();
  (inputs[0]?.[1] ?? cancel).focus();

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    setHidden(failure, true);
    try {
      await run(Object.fromEntries(inputs.map(([name, node]) => [name, node.value.trim()])));
      dialog.close();
    } catch (error) {
      setText(failure, error.message);
      setHidden(failure, false);
      failure.focus();
    } finally {
      button.disabled = false;
    }
  }
}

function input({ label, name, value = "", ...attributes }) {
  const node = h("input", { type: "text", autocomplete: "off", id: `field-${name}`, ...attributes });
  node.value = value;
  return node;
}

const labelled = ({ label, name }, node) => h("label", { for: `field-${name}` }, label, node);
