// Builds and updates DOM nodes. Names and texts come from the database and may be hostile: they become text nodes and
// attribute values, never markup.

const SVG = "http://www.w3.org/2000/svg";

// Creates an element. An object before the children holds attributes; a function among them listens to the event of its name.
export const h = (tag, ...content) => fill(document.createElement(tag), content);

export const svg = (tag, ...content) => fill(document.createElementNS(SVG, tag), content);

function fill(node, content) {
  const attributes = content[0]?.constructor === Object ? content.shift() : {};
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else setAttribute(node, name, value);
  }
  node.append(...content.flat().filter(Boolean));
  return node;
}

export function setAttribute(node, name, value) {
  if (value == null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value === true ? "" : value);
}

// Writes only a change: a selection of the viewer survives, and a screen reader hears nothing twice.
export function setText(node, value) {
  if (node.textContent !== String(value)) node.textContent = value;
}

export function setHidden(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

// Returns a function that makes the children of `parent` match a list. `create(item)` returns `{node, update(item)}`, which lives
// as long as its key is in the list.
export function keyed(parent, key, create) {
  let rows = new Map();
  return items => {
    const next = new Map(items.map(item => [key(item), item]));
    keepingFocus(parent, () => {
      for (const [id, row] of rows) if (!next.has(id)) row.node.remove();
      for (const [id, item] of next) next.set(id, updated(rows.get(id) ?? create(item), item));
      order(
        parent,
        [...next.values()].map(row => row.node),
      );
    });
    rows = next;
  };
}

function updated(row, item) {
  row.update?.(item);
  return row;
}

function order(parent, nodes) {
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}

// A moved node loses the focus, and a removed one leaves it on the body, where the keyboard starts anew.
export function keepingFocus(parent, change) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  change();
  if (!focused || focused === document.activeElement) return;
  if (!focused.isConnected) parent.tabIndex = -1;
  (focused.isConnected ? focused : parent).focus({ preventScroll: true });
}
