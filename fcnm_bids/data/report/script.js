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
  // Pictures that are wider than the page are moved by keys, too.
  const LABELS = { tabindex: "0", role: "group", "aria-label": "Picture, wider than the page" };
  const reach = () => document.querySelectorAll(".picture").forEach((picture) => {
    const wide = picture.scrollWidth > picture.clientWidth;
    Object.entries(LABELS).forEach(([name, text]) => { if (wide) picture.setAttribute(name, text); else picture.removeAttribute(name); });
  });
  window.addEventListener("resize", reach);
  document.addEventListener("toggle", reach, true);
  window.addEventListener("load", reach);
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
  document.querySelectorAll("main .scroll > table:not(#held)").forEach((table) => {
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
