/* The catalogue: arrows and j/k go from process to process, s puts a star on one. */
(() => {
  "use strict";
  const entries = () => [...document.querySelectorAll("#catalogue .entry")];
  const typing = (target) => target.matches("input, textarea, select, [contenteditable]");
  const place = (element) => element.getBoundingClientRect();

  /* The nearest entry above or below, in the same column where there is one. */
  function beside(from, down) {
    const { left, top } = place(from);
    const others = entries().filter((one) => down ? place(one).top > top + 1 : place(one).top < top - 1);
    const distance = (one) => Math.abs(place(one).top - top) * 10 + Math.abs(place(one).left - left);
    return others.sort((a, b) => distance(a) - distance(b))[0];
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const all = entries();
    const at = all.indexOf(document.activeElement.closest(".entry"));
    if (event.target.matches("#q")) {
      if (event.key === "ArrowDown" && all.length) { event.preventDefault(); all[0].focus(); }
      return;
    }
    const isLetter = /^[jks]$/.test(event.key);
    if (typing(event.target) || (isLetter && localStorage.getItem("bpm-keys-off"))) return;
    if (at < 0 && !/^[jk]$/.test(event.key)) return;
    const step = (by) => all[Math.min(Math.max(at + by, 0), all.length - 1)];
    const next = { ArrowRight: () => step(1), ArrowLeft: () => step(-1), j: () => step(1), k: () => step(at < 0 ? 1 : -1),
      ArrowDown: () => beside(all[at], true), ArrowUp: () => beside(all[at], false) ?? document.querySelector("#q") };
    if (event.key === "s") all[at].parentElement.querySelector(".star").click();
    else if (next[event.key]) next[event.key]()?.focus();
    else return;
    event.preventDefault();
  });

  /* A star makes the list anew: who had the keyboard there keeps it. */
  let marked = null;
  document.addEventListener("submit", (event) => {
    const button = event.target.querySelector("[data-star]");
    if (button) marked = { id: button.dataset.star, onEntry: Boolean(document.activeElement.closest(".entry")) };
  });
  document.addEventListener("htmx:after:swap", () => {
    if (!marked) return;
    const button = [...document.querySelectorAll("#catalogue [data-star]")].filter((one) => one.dataset.star === marked.id).at(-1);
    (marked.onEntry ? button?.closest("li").querySelector(".entry") : button)?.focus();
    marked = null;
  });
})();
