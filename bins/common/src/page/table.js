// A table that becomes a list of cards on a narrow screen. Its roles are explicit, since a browser drops those of a table that is
// laid out as blocks.

import { h, keyed } from "./dom.js";

// `columns` are `[heading, cell]`, where `cell(item)` returns `{node, update(item)}`.
export function table(label, columns, key) {
  const headings = columns.map(([heading]) => h("th", { role: "columnheader", scope: "col" }, heading));
  const body = h("tbody", { role: "rowgroup" });
  const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, headings));
  const node = h("table", { role: "table", "aria-label": label }, head, body);
  return { node, update: keyed(body, key, () => row(columns)) };
}

function row(columns) {
  const cells = columns.map(([heading, cell]) => ({ heading, ...cell() }));
  const node = h(
    "tr",
    { role: "row" },
    cells.map(({ heading, node }) => h("td", { role: "cell", "data-label": heading }, node)),
  );
  return { node, update: item => cells.forEach(cell => cell.update(item)) };
}
