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

  // Threshold: counts at each threshold of a label, and what they give.
  const form = document.getElementById("dial");
  if (!form) return;
  const store = document.getElementById("dial-data");
  const { thresholds, labels } = JSON.parse(store.textContent);
  const shown = document.getElementById("dial-shown");
  const [label, at, p, miss, alarm] = ["label", "at", "p", "miss", "alarm"].map((name) =>
    document.getElementById(`dial-${name}`),
  );
  const plot = shown.querySelector(".plot");
  const [width, height] = ["width", "height"].map((name) => Number(plot.getAttribute(name)));
  at.max = thresholds.length - 1;

  const nearest = (threshold) => {
    const odds = (x) => Math.log(x / (1 - x));
    const apart = thresholds.map((x) => Math.abs(odds(x) - odds(threshold)));
    return apart.indexOf(Math.min(...apart));
  };
  const values = ({ gold, units, right, predicted }, place) => {
    const [correct, made] = [right[place], predicted[place]];
    const ratio = (part, whole) => (whole ? part / whole : 0);
    const [missed, alarms] = [gold - correct, made - correct];
    return {
      precision: ratio(correct, made),
      recall: ratio(correct, gold),
      f1: ratio(2 * correct, made + gold),
      missed,
      alarms,
      cost: (1000 * (missed * miss.value + alarms * alarm.value)) / Math.max(units, 1),
    };
  };
  const best = (split, score) => {
    const found = thresholds.map((_, place) => score(values(split, place)));
    return found.indexOf(Math.max(...found));
  };
  const jumps = {
    default: () => nearest(0.5),
    tuned: (own) => nearest(own.threshold),
    f1: (own) => best(own.counts.dev, (found) => found.f1),
    cost: (own) => best(own.counts.dev, (found) => -found.cost),
  };
  const path = (name, points) => {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("class", name);
    line.setAttribute("d", `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`);
    return line;
  };
  const across = (place) => (place / (thresholds.length - 1)) * width;

  const draw = () => {
    const own = labels[label.value];
    const split = own.counts[store.dataset.split];
    const lines = ["precision", "recall", "f1"].map((name) =>
      path(name, thresholds.map((_, place) => [across(place), height * (1 - values(split, place)[name])])),
    );
    const mark = own.threshold === null ? [] : [path("tuned", [[across(nearest(own.threshold)), 0], [across(nearest(own.threshold)), height]])];
    plot.replaceChildren(...lines, ...mark, path("needle", [[across(at.value), 0], [across(at.value), height]]));
    p.textContent = thresholds[at.value];
    at.setAttribute("aria-valuetext", `p > ${thresholds[at.value]}`);
    for (const cell of shown.querySelectorAll("[data-dial]")) {
      const [name, what] = cell.dataset.dial.split(" ");
      const value = values(own.counts[name], at.value)[what];
      const percent = ["precision", "recall", "f1"].includes(what);
      cell.textContent = percent ? (100 * value).toFixed(1) : what === "cost" ? +value.toPrecision(4) : value;
    }
    for (const button of shown.querySelectorAll("[data-go]")) {
      const go = button.dataset.go;
      button.hidden = (go === "tuned" && own.threshold === null) || (["f1", "cost"].includes(go) && !own.counts.dev);
    }
  };
  const begin = () => {
    const own = labels[label.value];
    at.value = nearest(own.threshold ?? 0.5);
    draw();
  };
  shown.addEventListener("click", (event) => {
    const go = event.target.dataset.go;
    if (!go) return;
    at.value = jumps[go](labels[label.value]);
    draw();
  });
  label.addEventListener("input", begin);
  for (const control of [at, miss, alarm]) control.addEventListener("input", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = shown.hidden = false;
  begin();
})();
