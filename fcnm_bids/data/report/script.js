"use strict";
(function () {
  // The table of contents marks the section that is being read.
  const links = new Map();
  document.querySelectorAll("nav a").forEach((link) => links.set(link.hash.slice(1), link));
  let current = null;
  function mark() {
    let found = null;
    for (const [anchor, link] of links) {
      const section = document.getElementById(anchor);
      if (section && section.getBoundingClientRect().top < 120) found = link;
    }
    if (found === current) return;
    if (current) current.removeAttribute("aria-current");
    if (found) found.setAttribute("aria-current", "true");
    current = found;
  }
  document.addEventListener("scroll", mark, { passive: true });
  mark();
  // What is folded is printed unfolded, but for what would fill the paper.
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((d) => { d.dataset.was = d.open ? "1" : ""; d.open = !d.classList.contains("aside"); });
  });
  window.addEventListener("afterprint", () => {
    document.querySelectorAll("details").forEach((d) => { d.open = d.dataset.was === "1"; });
  });
}());

(function () {
  // Tables are sorted by their headings, shown whole on request, and saved.
  const FIRST = 15;
  const number = (text) => parseFloat(text.replace(/,/g, ""));
  const cell = (text) => text.trim().replace(/\s+/g, " ").replace(/^[=+@]|^-(?![\d.])/, "'$&");
  function order(table, column, heading) {
    const down = heading.getAttribute("aria-sort") === "ascending", numeric = heading.classList.contains("number");
    const keys = [...table.tBodies[0].rows].map((row) => {
      const text = row.cells[column].textContent.trim();
      return [numeric ? number(text) : text, row];
    });
    keys.sort(([a], [b]) => {
      if (a !== a || b !== b) return (a !== a) - (b !== b); // what has no number comes last
      const way = numeric ? a - b : a.localeCompare(b, undefined, { numeric: true });
      return down ? -way : way;
    });
    table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    keys.forEach(([, row], n) => { row.classList.toggle("more", n >= FIRST); table.tBodies[0].append(row); });
  }
  function save(table) {
    const text = [...table.rows].map((row) => [...row.cells].map((c) => cell(c.textContent)).join("\t")).join("\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text + "\n"], { type: "text/tab-separated-values" }));
    link.download = table.caption.textContent.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 50) + ".tsv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  function button(text, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", act);
    return made;
  }
  document.querySelectorAll("main .scroll > table").forEach((table) => {
    const total = table.tBodies[0].rows.length, tools = document.createElement("div"), count = document.createElement("span");
    tools.className = "tools";
    if (total > 1) [...table.tHead.rows[0].cells].forEach((heading, column) => {
      heading.replaceChildren(button(heading.textContent, () => order(table, column, heading)));
    });
    if (table.classList.contains("long")) {
      const more = button("", () => show(!table.classList.contains("cut")));
      const show = (cut) => {
        table.classList.toggle("cut", cut);
        count.textContent = cut ? FIRST + " of " + total + " rows" : total + " rows";
        more.textContent = cut ? "Show all" : "Show " + FIRST;
      };
      show(true);
      tools.append(count, more);
    }
    tools.append(button("Save TSV", () => save(table)));
    table.parentElement.after(tools);
  });
}());

(function () {
  const holder = document.getElementById("viewer-content");
  if (!holder) return;
  const content = JSON.parse(holder.textContent);
  const box = content.box;
  const planes = { sagittal: 0, coronal: 1, axial: 2 };
  const at = [0, 0, 0];
  let shown = null;
  let anatomy = null;

  const element = (name) => document.getElementById("viewer-" + name);
  const choice = element("map"), slider = element("threshold"), opacity = element("opacity");

  function decode(entry) {
    if (entry.values) return Promise.resolve(entry);
    return new Promise((done, fail) => {
      const image = new Image();
      image.onload = () => {
        const canvas = document.createElement("canvas");
        canvas.width = image.width; canvas.height = image.height;
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        const pixels = context.getImageData(0, 0, image.width, image.height).data;
        entry.values = new Uint8Array(pixels.length / 4);
        for (let i = 0; i < entry.values.length; i += 1) entry.values[i] = pixels[4 * i];
        done(entry);
      };
      image.onerror = fail;
      image.src = entry.picture;
    });
  }

  function coded(entry, x, y, z) {
    const i = Math.round((x - box[0][0]) / entry.step);
    const j = Math.round((y - box[1][0]) / entry.step);
    const k = Math.round((z - box[2][0]) / entry.step);
    const [nx, ny, nz] = entry.shape;
    if (i < 0 || j < 0 || k < 0 || i >= nx || j >= ny || k >= nz) return 0;
    return entry.values[(k * ny + j) * nx + i];
  }

  const value = (entry, code) => entry.low + (code - 1) / 254 * (entry.high - entry.low);

  function mix(colors, share) {
    const where = Math.min(Math.max(share, 0), 1) * (colors.length - 1);
    const low = Math.min(Math.floor(where), colors.length - 2), rest = where - low;
    return [1, 3, 5].map((n) => {
      const a = parseInt(colors[low].slice(n, n + 2), 16), b = parseInt(colors[low + 1].slice(n, n + 2), 16);
      return a + rest * (b - a);
    });
  }

  const color = (entry, v) => (entry.low < 0
    ? mix(v < 0 ? content.falling : content.rising, Math.abs(v) / entry.high)
    : mix(content.rising, (v - entry.low) / (entry.high - entry.low)));

  const cut = () => Number(slider.value) / 100 * shown.high;

  function draw() {
    if (!shown || !anatomy) return;
    const least = cut() - 1e-3 * shown.high, alpha = Number(opacity.value) / 100;
    for (const [name, axis] of Object.entries(planes)) {
      const [across, up] = [0, 1, 2].filter((a) => a !== axis);
      const canvas = element(name);
      const width = box[across][1] - box[across][0] + 1, height = box[up][1] - box[up][0] + 1;
      canvas.width = width; canvas.height = height;
      const context = canvas.getContext("2d");
      const image = context.createImageData(width, height);
      const point = [0, 0, 0];
      point[axis] = at[axis];
      for (let row = 0; row < height; row += 1) {
        point[up] = box[up][1] - row;
        for (let column = 0; column < width; column += 1) {
          point[across] = box[across][0] + column;
          const grey = coded(anatomy, point[0], point[1], point[2]);
          let rgb = [grey, grey, grey];
          const code = coded(shown, point[0], point[1], point[2]);
          if (code > 0) {
            const v = value(shown, code);
            if (Math.abs(v) >= least) {
              const c = color(shown, v);
              rgb = rgb.map((g, n) => g + alpha * (c[n] - g));
            }
          }
          const start = 4 * (row * width + column);
          image.data[start] = rgb[0]; image.data[start + 1] = rgb[1]; image.data[start + 2] = rgb[2];
          image.data[start + 3] = 255;
        }
      }
      context.putImageData(image, 0, 0);
      context.strokeStyle = "rgba(120, 220, 255, 0.75)";
      context.lineWidth = 0.7;
      context.beginPath();
      const x = at[across] - box[across][0] + 0.5, y = box[up][1] - at[up] + 0.5;
      context.moveTo(x, 0); context.lineTo(x, height); context.moveTo(0, y); context.lineTo(width, y);
      context.stroke();
      if (axis !== 0) {
        context.fillStyle = "#fff"; context.font = "9px sans-serif";
        context.fillText("L", 3, 11); context.fillText("R", width - 10, 11);
      }
    }
    const code = coded(shown, at[0], at[1], at[2]);
    const v = code > 0 ? value(shown, code) : null;
    element("position").textContent = "x " + at[0] + ", y " + at[1] + ", z " + at[2] + " mm";
    let text = "no value here";
    if (v !== null) {
      text = shown.levels
        ? Math.round(v * shown.levels) + " of " + shown.levels + " contrasts"
        : shown.unit + " = " + v.toFixed(2);
    }
    element("value").textContent = text;
    element("shown").textContent = shown.low < 0 ? "|" + shown.unit + "| " + cut().toFixed(2) : cut().toFixed(2);
  }

  function bar() {
    const canvas = element("bar"), context = canvas.getContext("2d");
    for (let x = 0; x < canvas.width; x += 1) {
      const v = shown.low + x / (canvas.width - 1) * (shown.high - shown.low);
      context.fillStyle = "rgb(" + color(shown, v).map(Math.round).join(",") + ")";
      context.fillRect(x, 0, 1, canvas.height);
    }
    element("range").textContent = shown.low + " to " + shown.high + " " + shown.unit;
  }

  function peak(entry) {
    let best = 0, where = -1;
    entry.values.forEach((code, n) => { if (code > best) { best = code; where = n; } });
    if (where < 0) return;
    const [nx, ny] = entry.shape;
    const index = [where % nx, Math.floor(where / nx) % ny, Math.floor(where / (nx * ny))];
    index.forEach((i, axis) => { at[axis] = Math.round(box[axis][0] + i * entry.step); });
  }

  function pick(number, move) {
    return decode(content.maps[number]).then((entry) => {
      shown = entry;
      slider.value = entry.low >= 0 ? "0" : String(Math.min(100, 100 * entry.threshold / entry.high));
      if (move) peak(entry);
      bar();
      draw();
    });
  }

  function clamp() {
    at.forEach((v, axis) => { at[axis] = Math.min(Math.max(Math.round(v), box[axis][0]), box[axis][1]); });
  }

  for (const [name, axis] of Object.entries(planes)) {
    const [across, up] = [0, 1, 2].filter((a) => a !== axis);
    const canvas = element(name);
    const go = (event) => {
      const frame = canvas.getBoundingClientRect();
      at[across] = box[across][0] + (event.clientX - frame.left) / frame.width * (box[across][1] - box[across][0]);
      at[up] = box[up][1] - (event.clientY - frame.top) / frame.height * (box[up][1] - box[up][0]);
      clamp();
      draw();
    };
    canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); go(event); });
    canvas.addEventListener("pointermove", (event) => { if (event.buttons === 1) go(event); });
    const keys = {
      ArrowLeft: [across, -1], ArrowRight: [across, 1], ArrowDown: [up, -1], ArrowUp: [up, 1],
      PageDown: [axis, -2], PageUp: [axis, 2],
    };
    canvas.addEventListener("keydown", (event) => {
      const step = keys[event.key];
      if (!step) return;
      event.preventDefault();
      at[step[0]] += step[1] * (event.shiftKey ? 5 : 1);
      clamp();
      draw();
    });
  }
  content.maps.forEach((entry, number) => choice.add(new Option(entry.name, String(number))));
  choice.addEventListener("change", () => pick(Number(choice.value), false));
  slider.addEventListener("input", draw);
  opacity.addEventListener("input", draw);
  decode(content.anatomy).then((entry) => { anatomy = entry; return pick(0, true); })
    .then(() => { element("box").dataset.ready = "yes"; });
}());
