(() => {
  // Classes: their order, and how many are shown.
  const controls = document.getElementById("class-controls");
  if (controls) {
    const grid = document.getElementById("class-grid");
    const order = document.getElementById("class-order");
    const all = document.getElementById("class-all");
    const classes = [...grid.children].map((node, place) => ({ node, place, count: Number(node.dataset.count) }));
    const keys = {
      apart: ({ place }) => place,
      rare: ({ count }) => count || Infinity, // without gold: last
      frequent: ({ count }) => -count,
    };
    let most = Number(grid.dataset.first);
    const arrange = () => {
      const key = keys[order.value];
      classes.sort((a, b) => (key(a) === key(b) ? a.place - b.place : key(a) - key(b)));
      classes.forEach(({ node }, place) => (node.hidden = place >= most));
      grid.append(...classes.map(({ node }) => node));
    };
    order.addEventListener("input", arrange);
    all?.addEventListener("click", () => {
      most = classes.length;
      all.hidden = true;
      arrange();
    });
    addEventListener("beforeprint", () => classes.forEach(({ node }) => (node.hidden = false)));
    addEventListener("afterprint", arrange);
    controls.addEventListener("submit", (event) => event.preventDefault());
    controls.hidden = false;
    arrange();
  }
})();
