/* Days of a year by arrow keys: one of them is in the order of Tab, the others are reached from it. */
export function mount(element) {
  const days = [...element.querySelectorAll("[data-day]")];
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7, PageUp: -28, PageDown: 28 };
  const chosen = days.findIndex((one) => one.getAttribute("aria-current"));
  const today = days.findIndex((one) => one.parentElement.getAttribute("aria-current"));
  let at = Math.max(chosen >= 0 ? chosen : today, 0);
  function go(place) {
    days[at].tabIndex = -1;
    at = Math.min(Math.max(place, 0), days.length - 1);
    days[at].tabIndex = 0;
  }
  days.forEach((one) => { one.tabIndex = -1; });
  go(at);
  element.addEventListener("keydown", (event) => {
    const place = { Home: 0, End: days.length - 1 }[event.key] ?? (event.key in steps ? at + steps[event.key] : null);
    if (place === null || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    go(place);
    days[at].focus();
  });
  element.addEventListener("focusin", (event) => {
    const place = days.indexOf(event.target.closest("[data-day]"));
    if (place >= 0) go(place);
  });
  element.dataset.ready = "";
}
