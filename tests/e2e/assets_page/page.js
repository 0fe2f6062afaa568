// What the islands of real pages do: load the viewer when it is needed, hand it JSON, listen to its events.
const { Form, useChineseCalendar } = await import(document.getElementById("page-script").dataset.formViewer);
const words = { "Field is required.": "此项必填。", "Search": "搜索" };
const translate = { translate: ["value", (text, values = {}) =>
  (words[text] ?? text).replace(/\{([^}]+)\}/g, (_, name) => values[name] ?? name)] };

useChineseCalendar();
const schema = await (await fetch("/form.json")).json();
const form = new Form({ container: "#form", debounce: false, additionalModules: [translate] });
await form.importSchema(schema.schema, schema.data);
document.getElementById("submit").addEventListener("click", () => { window.submission = form.submit(); });

const viewer = new BpmnNavigatedViewer({ container: "#diagram", bpmnRenderer: {
  defaultFillColor: "var(--tblr-bg-surface)", defaultStrokeColor: "var(--tblr-body-color)" } });
await viewer.importXML(await (await fetch("/diagram.bpmn")).text());
viewer.get("canvas").zoom("fit-viewport", "auto");
const task = viewer.get("elementRegistry").find((element) => /Task$/.test(element.type));
viewer.get("canvas").addMarker(task, "token");
const badge = document.createElement("span");
badge.className = "badge-overlay";
badge.textContent = "3";
viewer.get("overlays").add(task, { position: { top: -8, right: 12 }, html: badge });

new TomSelect("#people", { plugins: ["remove_button"] });
document.body.dataset.ready = "";
