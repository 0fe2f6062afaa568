/* The form of a task or a start event: form-js with its draft, and the server's errors at its fields. */
import { openDraft } from "./drafts.js";
import { chinese, kinds } from "./form-words.js";

const inChinese = document.documentElement.lang === "zh-CN";
const translate = (text, values = {}) => (inChinese ? chinese[text] ?? text : text)
  .replace(/\{([^}]+)\}/g, (_, name) => values[name] ?? name);
const translations = { translate: ["value", translate] };
let calendarIsSet = false;

export async function mount(element, { modules, word, say }) {
  const viewer = await import(modules["form-viewer"]);
  const { Form, useChineseCalendar } = viewer;
  if (inChinese && !calendarIsSet) { useChineseCalendar(); calendarIsSet = true; }
  const { schema: given, data, draft: kept } = JSON.parse(element.querySelector("script").textContent);
  const { schema, own } = await withParts(given, viewer, element, modules);
  const readonly = "readonly" in element.dataset;
  const draft = openDraft(element, { word });
  const place = document.createElement("div");
  element.append(place);
  const form = new Form({ container: place, debounce: false, additionalModules: [translations, ...own], properties: { readOnly: readonly } });
  await form.importSchema(schema, data);
  const before = readonly ? {} : form._getSubmitData();
  if (draft) await restore(form, schema, data, draft, kept, { word, say });
  element.querySelector(".island-wait")?.remove();
  label(place, schema);
  const acts = element.closest("[data-form-scope], article")?.querySelector("form[data-acts]");
  const stop = acts && !readonly ? connect(form, acts, draft, before, { word }) : null;
  element.dataset.ready = "";
  return () => { stop?.(); draft?.close(); form.destroy(); };
}

/* The schema and modules with the components of ours, where it has some. */
async function withParts(schema, viewer, element, modules) {
  if (!JSON.stringify(schema).includes('"component"')) return { schema, own: [] };
  const { formModule, isUsed, prepared } = await import(modules["form-parts"]);
  if (!isUsed(schema)) return { schema, own: [] };
  if (!document.querySelector("link[data-form-parts]")) {
    const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: modules["form-parts-style"] });
    style.dataset.formParts = "";
    const there = new Promise((done) => { style.onload = style.onerror = done; });
    document.head.append(style);
    await there; // the form would jump when it comes
  }
  const token = document.querySelector("input[name=csrf_token]")?.value;
  return { schema: prepared(schema), own: [formModule(viewer, { uploads: element.dataset.uploads, token })] };
}

async function restore(form, schema, data, draft, kept, { word, say }) {
  const comment = document.querySelector("#comment");
  draft.reset = async () => {
    if (comment) comment.value = "";
    await form.importSchema(schema, data);
  };
  const found = draft.found(kept);
  if (!found) return;
  await form.importSchema(schema, { ...data, ...found.values });
  if (comment && found.comment) comment.value = found.comment;
  if (found.isLocal) say(word("restored"), { action: word("discard"), run: () => draft.discard() });
}

function connect(form, acts, draft, before, { word }) {
  const comment = acts.querySelector("#comment");
  // What somebody has changed since the form was opened, beside what the process says.
  const entered = () => {
    const now = form._getSubmitData();
    const values = {};
    for (const name of new Set([...Object.keys(now), ...Object.keys(before)])) {
      if (JSON.stringify(now[name]) !== JSON.stringify(before[name])) values[name] = now[name] ?? null;
    }
    return { values, comment: comment?.value ?? "" };
  };
  if (draft) {
    draft.current = entered;
    if (draft.latest) draft.changed(entered()); else draft.shown(entered());
    form.on("changed", () => draft.changed(entered()));
    comment?.addEventListener("input", () => draft.changed(entered()));
  }
  const problems = acts.querySelector("[data-problems]");

  // Fills in the hidden field before htmx (or the browser itself) sends the form; stops what cannot succeed.
  const prepare = (event) => {
    if (draft?.saving) { // what is on its way to the server must not arrive after the form
      event.preventDefault();
      event.stopImmediatePropagation();
      const by = event.submitter;
      draft.saving.finally(() => acts.requestSubmit(by));
      return;
    }
    const outcome = event.submitter?.value ?? "";
    const positive = !outcome || outcome === "approved";
    const { data, errors } = form.submit();
    acts.querySelector("[name=values]").value = JSON.stringify(data);
    if (!positive) form._setState({ errors: {} });
    if (!positive && comment && !comment.value.trim()) {
      stop(event, problems, word("comment"));
      comment.setAttribute("aria-invalid", "true");
      comment.focus();
    } else if (positive && Object.keys(errors).length) {
      stop(event, problems, word("check"));
      focusFirstError(form);
    } else {
      comment?.removeAttribute("aria-invalid");
      problems.replaceChildren();
      draft?.pause();
    }
  };
  const refused = (event) => {
    const { target } = event.detail.ctx;
    if (target !== problems && target !== `#${problems.id}`) return;
    draft?.resume();
    const found = problems.querySelector("[data-field-errors]");
    if (!found) return;
    const { errors, field } = JSON.parse(found.textContent);
    showErrors(form, errors);
    if (field === "comment") comment?.focus(); else focusFirstError(form);
  };
  acts.addEventListener("submit", prepare, { capture: true });
  const lost = () => draft?.resume();
  document.addEventListener("htmx:after:swap", refused);
  document.addEventListener("htmx:error", lost);
  return () => {
    document.removeEventListener("htmx:after:swap", refused);
    document.removeEventListener("htmx:error", lost);
  };
}

function stop(event, problems, text) {
  event.preventDefault();
  event.stopImmediatePropagation();
  const line = Object.assign(document.createElement("div"), { className: "alert alert-danger", textContent: text });
  problems.replaceChildren(line);
}

/* Errors of the server: paths as the form has them, kinds as form-js words them. */
function showErrors(form, errors) {
  const all = form.get("formFieldInstanceRegistry").getAll();
  const fields = [...form.get("formFieldInstanceRegistry").getAllKeyed(), ...all.filter(({ id }) => form.get("formFieldRegistry").get(id)?.path)];
  const state = {};
  for (const error of errors) {
    const path = JSON.stringify(error.path);
    const field = fields.find((one) => JSON.stringify(one.valuePath) === path);
    if (!field) continue;
    const text = kinds[error.kind] ? translate(kinds[error.kind], words(error.param)) : error.message?.[inChinese ? "zh" : "en"] ?? error.kind;
    const steps = [field.id, ...Object.values(field.indexes ?? {})];
    let at = state;
    steps.slice(0, -1).forEach((step) => { at = at[step] ??= {}; });
    at[steps.at(-1)] = [...at[steps.at(-1)] ?? [], text];
  }
  form._setState({ errors: state });
}

const words = (param) => Array.isArray(param)
  ? { previousValue: param[0], nextValue: param[1] } : { value: param };

function focusFirstError(form) {
  requestAnimationFrame(() => form._container.querySelector(".fjs-has-errors :is(input, textarea, select, button), [aria-invalid=true], .lines-wrong .lines-add")?.focus());
}

/* form-js names some parts for nobody: tables and lists get their label as name. */
function label(place, schema) {
  for (const table of place.querySelectorAll("table:not([aria-label])")) {
    const name = table.closest(".fjs-form-field")?.querySelector("label, .fjs-form-field-label")?.textContent;
    if (name) table.setAttribute("aria-label", name.trim());
  }
}
