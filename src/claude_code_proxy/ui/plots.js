"use strict";

// Stacked bars as SVG. rows: [{label, title, values: [number, ...]}]; kinds: a class name for each value.
const plot = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const HEIGHT = 160, LETTER = 7, BELOW = 18, ABOVE = 8;

  const make = (name, attributes, text) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // The least round number that is not smaller.
  const ceiling = (value) => {
    if (value <= 0) return 1;
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value * 0.9999);
  };

  const bars = (svg, rows, kinds, top, width, left) => {
    const room = (width - left) / rows.length;
    const bar = Math.max(1, Math.min(40, room - Math.min(3, room * 0.2)));
    const scale = (HEIGHT - ABOVE - BELOW) / top;
    const every = Math.ceil(rows.length / Math.max(1, Math.floor((width - left) / 56)));
    rows.forEach((row, n) => {
      const group = make("g", {});
      group.append(make("title", {}, row.title));
      const x = left + n * room + (room - bar) / 2;
      let y = HEIGHT - BELOW;
      row.values.forEach((value, kind) => {
        const height = value * scale;
        y -= height;
        if (height > 0) group.append(make("rect", { x, y, width: bar, height, class: kinds[kind] }));
      });
      group.append(make("rect", { x: left + n * room, y: 0, width: room, height: HEIGHT - BELOW, class: "touch" }));
      if (n % every === 0) group.append(make("text", { x: x + bar / 2, y: HEIGHT - 4, class: "tick middle" }, row.label));
      svg.append(group);
    });
  };

  return (place, rows, kinds, { name, unit }) => {
    const width = Math.max(260, place.clientWidth || 600);
    const top = ceiling(Math.max(0, ...rows.map((row) => row.values.reduce((sum, value) => sum + value, 0))));
    const labels = [0, 0.5, 1].map((part) => [part, unit(part * top)]);
    const left = 12 + LETTER * Math.max(4, ...labels.map(([, label]) => label.length));
    const svg = make("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width: "100%", height: HEIGHT, role: "img", "aria-label": name });
    for (const [part, label] of labels) {
      const y = HEIGHT - BELOW - part * (HEIGHT - ABOVE - BELOW);
      svg.append(make("line", { x1: left, x2: width, y1: y, y2: y, class: "grid" }));
      svg.append(make("text", { x: left - 6, y: y + 4, class: "tick end" }, label));
    }
    if (rows.length) bars(svg, rows, kinds, top, width, left);
    place.replaceChildren(svg);
  };
})();
