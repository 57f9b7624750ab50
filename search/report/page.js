"use strict";
const told = document.getElementById("told");

// The theme follows the system until it is chosen.
const theme = document.getElementById("theme"), root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
const name = () => { theme.textContent = dark() ? "Light theme" : "Dark theme"; };
theme.hidden = false;
theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; name(); });
system.addEventListener("change", name);
name();

// Copy buttons; where the clipboard is kept from the page, by a selection.
const copy = async (text) => {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* below */ }
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
};
for (const button of document.querySelectorAll("[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const done = await copy(document.getElementById(button.dataset.copies).textContent + "\n");
    button.focus();
    button.textContent = told.textContent = done ? "Copied" : "Not copied";
    setTimeout(() => { button.textContent = "Copy"; told.textContent = ""; }, 2000);
  });
}

// Tables are sorted by the column whose name is pressed; what has no number comes last.
const value = (row, column) => {
  const cell = row.cells[column], number = Number(cell.dataset.value);
  return cell.dataset.value === undefined ? cell.textContent : number;
};
const order = (a, b, sign) => {
  if (typeof a === "string") return sign * a.localeCompare(b, "en", { numeric: true });
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
  return sign * (a - b);
};
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const sign = head.ariaSort === "ascending" ? -1 : 1;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.ariaSort = sign > 0 ? "ascending" : "descending";
      body.append(...[...body.rows].sort((a, b) => order(value(a, column), value(b, column), sign)));
    });
  });
}

// Paper shows what matters of what is folded.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details.print:not([open])")];
  opened.forEach((details) => { details.open = true; });
});
addEventListener("afterprint", () => { opened.forEach((details) => { details.open = false; }); });
