"use strict";
// Sorts a table by the column whose heading is pressed; rows without a value stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = table.querySelectorAll("thead th[data-column]");
  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const column = Number(head.dataset.column);
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
      const value = (row) => row.cells[column].dataset.value ?? "";
      const rows = [...table.tBodies[0].rows].sort((one, other) => {
        const [a, b] = [value(one), value(other)];
        if (a === "" || b === "") return (a === "") - (b === "");
        const difference = Number(a) - Number(b);
        return sign * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
      });
      table.tBodies[0].append(...rows);
    });
  }
}
// Says which tables are wider than their place.
const measure = () => {
  for (const place of document.querySelectorAll(".scroll")) {
    place.classList.toggle("wide", place.scrollWidth > place.clientWidth + 1);
  }
};
measure();
addEventListener("resize", measure);
document.addEventListener("toggle", measure, true);
// Unfolds what a link leads to, and everything for a printer.
const unfold = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (!target) return;
  const own = target.querySelector(":scope > details");
  if (own) own.open = true;
  for (let at = target; at; at = at.parentElement?.closest("details")) at.open = true;
  target.scrollIntoView();
};
unfold();
addEventListener("hashchange", unfold);
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
});
