/* What every page does in the browser: islands, keyboard, messages. Forms and diagrams are modules of their own. */
(() => {
  "use strict";
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const on = (type, selector, handler) => document.addEventListener(type, (event) => {
    const found = event.target.closest?.(selector);
    if (found) handler(event, found);
  });
  const words = JSON.parse($("#words")?.textContent || "{}");
  const word = (name, values = {}) => (words[name] ?? name).replace(/%\((\w+)\)s/g, (_, key) => values[key] ?? "");

  // --- islands: <div data-island="form"> is filled by the module of that name ---------------------------------
  const modules = JSON.parse($("#modules")?.textContent || "{}");
  const mounted = new Map();
  async function mountIslands(root = document) {
    for (const [element, destroy] of mounted) {
      if (!element.isConnected) { mounted.delete(element); destroy?.(); }
    }
    for (const element of $$("[data-island]:not([data-mounted])", root)) {
      if (element.closest("[hidden]")) continue;
      element.dataset.mounted = "";
      mounted.set(element, null);
      try {
        const island = await import(modules[element.dataset.island]);
        if (element.isConnected) mounted.set(element, await island.mount(element, { modules, word, say }));
      } catch (error) {
        console.error(error);
        element.dataset.broken = "";
        const broken = { form: "brokenForm", diagram: "brokenDiagram" }[element.dataset.island];
        if (broken) element.textContent = word(broken);
      }
    }
  }

  // --- messages ---------------------------------------------------------------------------------------------------
  function say(text, { action, run, undo, tone = "", seconds = undo ? 10 : 6 } = {}) {
    const toast = document.createElement("div");
    toast.className = `toast-line ${tone}`;
    toast.append(Object.assign(document.createElement("span"), { textContent: text }));
    if (action) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: action });
      button.addEventListener("click", () => { run(); toast.remove(); });
      toast.append(button);
    }
    if (undo) toast.append(undoing(undo, toast));
    const close = Object.assign(document.createElement("button"), { type: "button", className: "btn-close" });
    close.setAttribute("aria-label", word("close"));
    close.addEventListener("click", () => toast.remove());
    toast.append(close);
    $("#toasts").append(toast);
    if (undo) htmx.process(toast);
    const leave = () => { if (toast.matches(":hover, :focus-within, [data-busy]")) setTimeout(leave, 2_000); else toast.remove(); };
    setTimeout(leave, seconds * 1000);
  }
  function undoing(address, toast) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: word("undo") });
    for (const [name, value] of Object.entries({ "data-undo": "", "hx-post": address, "hx-target": "#detail", "aria-keyshortcuts": "z" })) button.setAttribute(name, value);
    button.addEventListener("click", () => { toast.dataset.busy = ""; button.hidden = true; });
    button.addEventListener("htmx:finally:request", () => toast.remove());
    return button;
  }

  // --- the list and the opened task -------------------------------------------------------------------------------
  const rows = () => $$(".row-item[data-key]");
  let cursor = null;
  function moveTo(row) {
    if (!row) return;
    cursor = row.dataset.key;
    const link = $(".row-link", row);
    link.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }
  function current() {
    const all = rows();
    return all.find((row) => row.contains(document.activeElement)) || all.find((row) => row.dataset.key === cursor)
      || all.find((row) => $("[aria-current]", row));
  }
  function step(by) {
    const all = rows();
    const at = all.indexOf(current());
    moveTo(at < 0 ? all[0] : all[Math.min(Math.max(at + by, 0), all.length - 1)]);
  }
  function markOpened() {
    const detail = $("#detail");
    if (!detail) return;
    const opened = $("[data-opens]", detail)?.dataset.opens || $("article[data-task]", detail)?.dataset.task;
    detail.toggleAttribute("data-open", Boolean($("article, .error-part, [data-nothing-left]", detail)));
    for (const link of $$(".row-link")) {
      const is = link.closest(".row-item").dataset.key === opened;
      if (is) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    }
  }
  function showSelection() {
    const bar = $("#bulk");
    if (!bar) return;
    const chosen = $$(".row-check input:checked").length;
    bar.hidden = !chosen;
    const text = $("[data-selected]", bar);
    if (text) text.textContent = word("selected", { num: chosen });
  }
  function refilter() { $("#filters")?.dispatchEvent(new Event("refilter")); }
  let refreshing = 0; // an act and the news of it, which the stream brings, ask once
  function refreshList() {
    refreshing ||= setTimeout(() => { refreshing = 0; $("#pulse")?.dispatchEvent(new Event("pulse")); refilter(); }, 200);
  }

  // --- keyboard ---------------------------------------------------------------------------------------------------
  const KEYS_OFF = "bpm-keys-off";
  const typing = (target) => target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog, .fjs-container, [role=listbox]");
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && $("#q")) {
      event.preventDefault();
      $("#q").focus();
      $("#q").select();
      return;
    }
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      const dialog = $("dialog[open]");
      const selected = event.target.closest(".row-item") && $(".row-check input:checked");
      const form = dialog ? $("form[method=post]", dialog) : $(selected ? "#bulk" : "#bulk-confirm, #acts");
      if (!form) return;
      event.preventDefault();
      form.requestSubmit($(".btn-primary", form));
      return;
    }
    if (event.key === "Escape" && event.target.matches("#q, #comment")) { moveTo(current() || rows()[0]); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (localStorage.getItem(KEYS_OFF) || typing(event.target)) return;
    const acts = { j: () => step(1), k: () => step(-1), "/": () => $("#q")?.focus(), c: () => $("#comment")?.focus(), z: () => $("[data-undo]:not([hidden])")?.click(), "?": () => $("#keys")?.showModal(),
      x: () => { const box = current() && $("input[type=checkbox]", current()); if (box) { box.click(); moveTo(current()); } },
      Enter: () => { if (document.activeElement === document.body && current()) $(".row-link", current()).click(); else return false; } };
    if (!acts[event.key] || acts[event.key]() === false) return;
    if (event.key !== "Enter" || document.activeElement === document.body) event.preventDefault();
  });
  const keysOn = $("#keys-on");
  if (keysOn) {
    keysOn.checked = !localStorage.getItem(KEYS_OFF);
    keysOn.addEventListener("change", () => keysOn.checked ? localStorage.removeItem(KEYS_OFF) : localStorage.setItem(KEYS_OFF, "1"));
  }

  // --- small acts -------------------------------------------------------------------------------------------------
  on("click", "[data-act=keys]", () => $("#keys").showModal());
  on("click", "[data-fill-name]", (_, button) => {
    $("#username").value = button.dataset.fillName;
    $("#password").value = button.dataset.fillPassword;
    $("#sign-in").requestSubmit();
  });
  // What is still on its way to the server would be missing from what is sent now.
  document.addEventListener("submit", (event) => {
    const scope = event.target.matches("[data-acts]") && event.target.closest("[data-form-scope], article");
    if (!scope || !$("[data-uploading]", scope)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    say(word("uploading"), { tone: "bad" });
  }, { capture: true });
  on("submit", "[data-act=sign-out]", () => sessionStorage.clear());
  on("submit", "[data-confirm]", (event, form) => { if (!confirm(form.dataset.confirm)) event.preventDefault(); });
  on("click", "[data-open-dialog]", (_, button) => $(`#${button.dataset.openDialog}`).showModal());
  on("click", "[data-close-dialog]", (_, button) => button.closest("dialog").close());
  on("change", ".row-check input", showSelection);
  on("click", "[data-clear-selection]", () => { $$(".row-check input:checked").forEach((box) => { box.checked = false; }); showSelection(); });
  on("click", "[data-select-all]", () => { $$(".row-check input").forEach((box) => { box.checked = true; }); showSelection(); });
  on("click", "[data-copy]", async (_, button) => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("copied");
  });
  on("input", "textarea.form-control", (_, area) => area.closest(".acts") && grow(area));
  function grow(area) { area.rows = Math.min(6, Math.max(1, area.value.split("\n").length + Math.floor(area.value.length / 80))); }

  // --- htmx -------------------------------------------------------------------------------------------------------
  document.addEventListener("htmx:after:swap", (event) => {
    const { target: wanted } = event.detail.ctx;
    const target = typeof wanted === "string" ? $(wanted) : wanted;
    mountIslands();
    markOpened(); // the list may be new, too
    if (target?.id === "detail") {
      $("[data-focus], h2[tabindex]", target)?.focus({ preventScroll: true });
      (matchMedia("(min-width: 56rem)").matches ? target : window).scrollTo(0, 0);
    }
    if (target?.id === "list" && !event.detail.ctx.sourceElement?.closest("#pulse, #filters")) refilter(); // another search: another chip
    showSelection();
  });
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.ctx && !event.detail.ctx.response) say(word("offline"), { tone: "bad" });
  });
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement.id === "pulse") {
      ctx.request.body.set("rows", rows().length);
      const opened = $("article[data-task]");
      if (opened && !("readonly" in opened.dataset)) ctx.request.body.set("open", opened.dataset.task);
    }
  });
  document.addEventListener("task-done", (event) => {
    const { key, text, undo } = event.detail;
    $(`#row-${CSS.escape(key)}`)?.remove();
    say(text, { tone: "good", undo });
    refreshList();
  });
  document.addEventListener("list-changed", refreshList);
  document.addEventListener("say", (event) => say(event.detail.text, { tone: event.detail.tone || "good", undo: event.detail.undo }));

  // --- live: ask for news every few seconds while somebody looks and no stream tells of them (live.js) --------------------------------------------------
  const pulse = $("#pulse");
  if (pulse) {
    setInterval(() => { if (!document.hidden && !("live" in document.body.dataset)) refreshList(); }, 10_000);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) refreshList(); });
  }

  // --- a word from the page before ----------------------------------------------------------------------------------
  const said = document.cookie.split("; ").find((one) => one.startsWith("bpm_said="));
  if (said) {
    document.cookie = "bpm_said=;path=/;max-age=0;samesite=lax";
    try {
      const { text, tone } = JSON.parse(decodeURIComponent(said.slice("bpm_said=".length)));
      say(text, { tone });
    } catch { /* not ours */ }
  }

  mountIslands();
  markOpened();
  showSelection();
  document.body.dataset.ready = "";
})();
