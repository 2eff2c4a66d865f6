"use strict";
(() => {
  // Tables: a button in each head that can be sorted by.
  for (const place of document.querySelectorAll("[data-sortable]")) {
    const body = place.querySelector("tbody");
    const heads = [...place.querySelectorAll("thead th")];
    heads.forEach((head, column) => {
      const how = head.dataset.sort;
      if (!how) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        // scores are read from the best down, names from A on
        const first = how === "number" ? "descending" : "ascending";
        const second = how === "number" ? "ascending" : "descending";
        const way = head.getAttribute("aria-sort") === first ? second : first;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", way);
        const value = (row) => row.cells[column].dataset.value;
        const order = (a, b) =>
          how === "number" ? value(a) - value(b) : value(a).localeCompare(value(b));
        const rows = [...body.rows].sort(order);
        body.append(...(way === "ascending" ? rows : rows.reverse()));
      });
    });
  }

  // Items: search, filters, folds; a few at a time.
  const STEP = 25;
  const filters = document.getElementById("item-filters");
  if (!filters) return;
  const [search, right, wrong, fold, count, none, more] = [
    "search", "right", "wrong", "fold", "count", "none", "more",
  ].map((name) => document.getElementById(`item-${name}`));
  const items = [...document.querySelectorAll("#item-list > .item")].map((node) => ({
    node,
    text: node.textContent.toLowerCase(),
    shares: node.dataset.shares.split(" ").map(Number),
  }));
  let most = STEP;

  const fits = (item, words) =>
    words.every((word) => item.text.includes(word)) &&
    (right.value === "" || item.shares[right.value] > 0.5) &&
    (wrong.value === "" || item.shares[wrong.value] < 0.5);

  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = items.filter((item) => fits(item, words));
    const shown = new Set(found.slice(0, most));
    for (const item of items) item.node.hidden = !shown.has(item);
    count.textContent =
      found.length === items.length ? `${items.length} items` : `${found.length} of ${items.length} items`;
    more.hidden = found.length <= most;
    none.hidden = found.length > 0;
  };
  const filter = () => {
    most = STEP;
    show();
  };

  fold.addEventListener("click", () => {
    const open = fold.textContent === "Open all";
    for (const item of items) item.node.querySelector("details").open = open && !item.node.hidden;
    fold.textContent = open ? "Close all" : "Open all";
  });
  more.firstChild.addEventListener("click", () => {
    most += STEP;
    show();
  });
  none.querySelector("button").addEventListener("click", () => {
    filters.reset();
    filter();
    search.focus();
  });
  filters.addEventListener("submit", (event) => event.preventDefault());
  for (const control of [search, right, wrong]) control.addEventListener("input", filter);
  addEventListener("beforeprint", () => {
    for (const item of items) item.node.hidden = false;
  });
  addEventListener("afterprint", show);
  filters.hidden = false;
  show();
})();
