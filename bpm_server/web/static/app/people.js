/* Choosing people: a text field becomes a search with the names that are chosen before it (an ARIA combobox). */
export function mount(element, { word }) {
  const { input: id, name } = element.dataset;
  const several = "several" in element.dataset;
  const label = document.querySelector(`label[for="${id}"]`)?.textContent ?? "";
  const before = document.getElementById(id);
  const chosen = new Map();
  const make = (tag, values = {}, ...inner) => { const one = Object.assign(document.createElement(tag), values); one.append(...inner); return one; };
  const chips = make("ul", { className: "people-chosen" });
  const input = make("input", { id, className: "form-control", type: "text", autocomplete: "off", placeholder: word("findPeople") });
  const list = make("ul", { id: `${id}-list`, className: "people-found", hidden: true });
  for (const [key, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id })) input.setAttribute(key, value);
  for (const key of ["aria-describedby", "aria-invalid"]) if (before?.hasAttribute(key)) input.setAttribute(key, before.getAttribute(key));
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", label);
  element.replaceChildren(chips, make("div", { className: "people-search" }, input, list));
  let found = [], at = 0, asked = 0, wait = 0;

  function close() { asked += 1; list.hidden = true; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); }
  function mark(place) {
    at = place;
    [...list.children].forEach((one, number) => one.setAttribute("aria-selected", String(number === at)));
    list.children[at]?.scrollIntoView({ block: "nearest" });
    if (found[at]) input.setAttribute("aria-activedescendant", `${id}-${at}`);
  }
  function draw() {
    list.replaceChildren(...found.map((one, number) => {
      const option = make("li", { id: `${id}-${number}` }, make("b", { textContent: one.name }), make("small", { textContent: [one.department, one.username].filter(Boolean).join(" · ") }));
      option.setAttribute("role", "option");
      option.addEventListener("mousedown", (event) => { event.preventDefault(); take(one); });
      return option;
    }));
    if (!found.length) {
      const none = make("li", { className: "people-none", textContent: word("nobodyFound") });
      none.setAttribute("role", "option");
      none.setAttribute("aria-disabled", "true");
      list.append(none);
    }
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark(0);
  }
  async function look() {
    const mine = asked += 1;
    const reply = await fetch(`/colleagues?${new URLSearchParams({ q: input.value })}`).catch(() => null);
    const people = reply?.ok ? await reply.json() : [];
    if (mine !== asked || !element.isConnected) return;
    found = people.filter((one) => !chosen.has(one.username));
    draw();
  }
  function show() {
    chips.replaceChildren(...[...chosen.values()].map((one) => {
      const drop = make("button", { type: "button", textContent: "×" });
      drop.setAttribute("aria-label", word("remove", { name: one.name }));
      drop.addEventListener("click", () => { chosen.delete(one.username); show(); input.focus(); });
      return make("li", {}, make("span", { textContent: one.name }), drop, make("input", { type: "hidden", name, value: one.username }));
    }));
    input.hidden = !several && chosen.size > 0;
  }
  /* Who was chosen before the page came back with a problem. */
  async function restore(username) {
    const reply = await fetch(`/colleagues?${new URLSearchParams({ name: username })}`).catch(() => null);
    for (const one of reply?.ok ? await reply.json() : []) chosen.set(one.username, one);
    if (!chosen.size) input.value = username;
    show();
  }
  function take(one) {
    chosen.set(one.username, one);
    input.value = "";
    close();
    show();
    if (several) input.focus(); else chips.querySelector("button")?.focus();
  }
  input.addEventListener("input", () => { clearTimeout(wait); found = []; close(); wait = setTimeout(look, 150); }); // what was found for less is chosen by nobody
  input.addEventListener("focus", look);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move && list.hidden) { event.preventDefault(); look(); }
    else if (move && found.length) { event.preventDefault(); mark((at + move + found.length) % found.length); }
    else if (event.key === "Enter" && (input.value || !list.hidden)) { event.preventDefault(); if (!list.hidden && found[at]) take(found[at]); }
    else if (event.key === "Escape" && !list.hidden) { event.preventDefault(); close(); }
    else if (event.key === "Backspace" && !input.value && chosen.size) { chosen.delete([...chosen.keys()].at(-1)); show(); }
  });
  if (before?.value) restore(before.value);
  element.dataset.ready = "";
  return () => clearTimeout(wait);
}
