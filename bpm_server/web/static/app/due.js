/* Keeps true what rows and tasks say of the time left: "2 h left" becomes "1 h left" without a reload. */
(() => {
  "use strict";
  const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
  const words = JSON.parse(document.getElementById("words")?.textContent || "{}");
  const said = () => document.getElementById("pulse")?.dataset.now;
  let known, ahead = 0; // how far the server's clock is ahead of the browser's

  function now() {
    if (said() && said() !== known) {
      known = said();
      ahead = Date.parse(known) - Date.now();
    }
    return Date.now() + ahead;
  }

  function tell(element) {
    const left = Date.parse(element.dateTime) - now();
    const late = left < 0, span = Math.max(Math.abs(left), MINUTE);
    const [size, unit] = span < HOUR ? [MINUTE, "Minutes"] : span < DAY ? [HOUR, "Hours"] : [DAY, "Days"];
    const text = words[(late ? "late" : "left") + unit].replace("%(num)s", Math.floor(span / size));
    const shown = element.querySelector("span");
    if (shown.textContent === text) return;
    shown.textContent = text;
    element.classList.remove("bg-red-lt", "bg-yellow-lt", "bg-azure-lt");
    element.classList.add(late ? "bg-red-lt" : left < DAY ? "bg-yellow-lt" : "bg-azure-lt");
    const use = element.querySelector("use");
    use?.setAttribute("href", use.getAttribute("href").replace(/#.*$/, late ? "#alarm" : "#clock"));
  }

  function tellAll() { document.querySelectorAll("time[data-due]").forEach(tell); }

  setInterval(tellAll, 15_000);
  document.addEventListener("visibilitychange", tellAll);
  document.addEventListener("htmx:after:swap", tellAll);
  tellAll();
})();
