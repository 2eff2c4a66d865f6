(() => {
  // Downloads: tables as CSV, figures as SVG, the LaTeX table; made here, from what is shown.
  const slug = (text) => text.replace(/[^\p{L}\p{N}.]+/gu, "-").replace(/^-|-$/g, "");
  const save = (name, type, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = slug(`${document.body.dataset.file}-${name}`).slice(0, 120) + (type === "text/csv" ? ".csv" : type === "image/svg+xml" ? ".svg" : ".tex");
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const button = (words, title, action) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = words;
    made.title = title;
    made.addEventListener("click", action);
    return made;
  };
  const bar = (after) => {
    const made = document.createElement("p");
    made.className = "gets";
    after.after(made);
    return made;
  };

  const cell = (node) => {
    let text = node.dataset.value ?? node.innerText.replace(/\s+/g, " ").trim();
    const number = text.replace("−", "-");
    if (/^-?[\d.]+$/.test(number)) text = number;
    else if (/^[=+\-@]/.test(text)) text = `'${text}`; // a sheet would take it for a formula
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (table) =>
    [...table.rows]
      .map((row) => [...row.cells].filter((one) => !one.classList.contains("figure")).map(cell).join(","))
      .join("\r\n") + "\r\n";

  // An SVG with the colours of the page in it: style sheets stay behind.
  const KEPT = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "font-family", "font-size", "font-weight", "text-anchor", "r"];
  const NS = "http://www.w3.org/2000/svg";
  const styled = (svg) => {
    const copy = svg.cloneNode(true);
    const [from, to] = [svg, copy].map((node) => [node, ...node.querySelectorAll("*")]);
    from.forEach((node, place) => {
      const style = getComputedStyle(node);
      const target = to[place];
      target.removeAttribute("class");
      if (node.tagName === "title" || node.tagName === "svg") return;
      for (const name of KEPT) {
        if ((name === "r") !== (node.tagName === "circle") && name === "r") continue;
        const value = style.getPropertyValue(name);
        if (value && value !== "auto") target.setAttribute(name, value);
      }
    });
    return copy;
  };
  const node = (name, attributes, text = "") => {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };
  const page = (width, height) => {
    const svg = node("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
    svg.append(node("rect", { width, height, fill: getComputedStyle(document.body).backgroundColor }));
    return svg;
  };
  const write = (x, y, text, anchor = "start", weight = "normal") => {
    const style = getComputedStyle(document.body);
    return node("text", { x, y, fill: style.color, "font-family": style.fontFamily, "font-size": 13, "text-anchor": anchor, "font-weight": weight }, text);
  };
  const ofPanels = (figure) => {
    const panels = [...figure.querySelectorAll("svg.panel")];
    const sizes = panels.map((panel) => panel.getAttribute("viewBox").split(" ").slice(2).map(Number));
    const width = Math.max(...sizes.map(([across]) => across)) + 20;
    const title = figure.querySelector("figcaption")?.innerText.trim();
    let y = title ? 34 : 10;
    const svg = page(width, y + sizes.reduce((sum, [, down]) => sum + down + 12, 0));
    if (title) svg.append(write(10, 22, title, "start", "bold"));
    panels.forEach((panel, place) => {
      const copy = styled(panel);
      const [across, down] = sizes[place];
      for (const [key, value] of Object.entries({ x: 10, y, width: across, height: down })) copy.setAttribute(key, value);
      svg.append(copy);
      y += down + 12;
    });
    return svg;
  };
  // rows of a table or of bars: name, drawing, number
  const ofRows = (rows) => {
    const left = Math.max(250, 26 + 7.4 * Math.max(...rows.map(([name, drawing]) => (drawing ? name.length : 0))));
    const [middle, width] = [480, left + 610];
    const svg = page(width, rows.length * 40 + 16);
    rows.forEach(([name, drawing, value], place) => {
      const y = 8 + place * 40;
      svg.append(write(10, y + 22, name, "start", drawing ? "normal" : "bold"));
      if (!drawing) return;
      const copy = styled(drawing);
      const height = Number(drawing.getAttribute("height"));
      for (const [key, size] of Object.entries({ x: left, y: y + (36 - height) / 2, width: middle })) copy.setAttribute(key, size);
      svg.append(copy, write(width - 10, y + 22, value, "end"));
    });
    return svg;
  };
  const inLine = (node) => (node ? node.innerText.replace(/\s+/g, " ").trim() : "");
  const ofTable = (place) =>
    ofRows([...place.querySelectorAll("tr")].map((row) => [inLine(row.querySelector(".name")), row.querySelector(".figure svg"), inLine(row.querySelector(".main"))]));
  const ofBars = (place) =>
    ofRows(
      [...place.querySelectorAll(".class:not([hidden])")].flatMap((one) => [
        [inLine(one.querySelector("h3")), null, ""],
        ...[...one.querySelectorAll(".bar-row")].map((row) => [inLine(row.querySelector(".bar-name")), row.querySelector("svg"), inLine(row.querySelector(".bar-value"))]),
      ]),
    );
  const saveFigure = (name, svg) => save(name, "image/svg+xml", new XMLSerializer().serializeToString(svg));

  const bars = new Map();
  const barOf = (place) => bars.get(place) ?? bars.set(place, bar(place)).get(place);
  for (const place of document.querySelectorAll("[data-csv]")) {
    const name = place.dataset.csv;
    barOf(place).append(button("CSV", `Download the table: ${name}`, () => save(name, "text/csv", csv(place.querySelector("table")))));
  }
  for (const place of document.querySelectorAll("[data-figure]")) {
    const name = place.dataset.figure;
    const make = place.tagName === "FIGURE" ? ofPanels : place.matches(".class-grid") ? ofBars : ofTable;
    const made = button("SVG", `Download the figure: ${name}`, () => saveFigure(name, make(place)));
    if (place.tagName === "FIGURE") place.append(Object.assign(document.createElement("p"), { className: "gets" }));
    (place.tagName === "FIGURE" ? place.lastElementChild : barOf(place)).append(made);
  }
  for (const place of document.querySelectorAll("[data-tex]")) {
    barOf(place).append(button("LaTeX", "Download the table for LaTeX", () => save(place.dataset.tex, "application/x-tex", place.textContent)));
  }
})();
