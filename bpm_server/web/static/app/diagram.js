/* The diagram of a case: tokens, the way so far, incidents, times. */
export async function mount(element, { modules, word }) {
  await Promise.all([script(modules["bpmn-viewer"]), style(modules["bpmn-viewer-style"])]);
  const { url, elements, flows } = JSON.parse(element.querySelector("script").textContent);
  const reply = await fetch(url);
  if (!reply.ok) throw new Error(`${reply.status} ${url}`);
  const place = document.createElement("div");
  place.className = "diagram-canvas";
  place.setAttribute("role", "group");
  place.setAttribute("aria-label", element.dataset.label);
  element.prepend(place);
  const viewer = new window.BpmnNavigatedViewer({ container: place, bpmnRenderer: {
    defaultFillColor: "var(--tblr-bg-surface)", defaultStrokeColor: "var(--tblr-secondary-color)",
    defaultLabelColor: "var(--tblr-body-color)" } });
  await viewer.importXML(await reply.text());
  element.querySelector(".island-wait")?.remove();
  const canvas = viewer.get("canvas");
  const known = viewer.get("elementRegistry");
  for (const id of flows) if (known.get(id)) canvas.addMarker(id, "trace-flow");
  for (const [id, state] of Object.entries(elements)) if (known.get(id)) mark(viewer, id, state);
  setHeight(place, canvas);
  begin(viewer, elements);
  controls(element, canvas);
  const resized = new ResizeObserver(() => canvas.resized());
  resized.observe(place);
  element.dataset.ready = "";
  return () => { resized.disconnect(); viewer.destroy(); };
}

function mark(viewer, id, { active, done, interrupted, incidents, spent, change }) {
  const canvas = viewer.get("canvas");
  if (change) {
    canvas.addMarker(id, `change-${change}`);
    return;
  }
  const overlays = viewer.get("overlays");
  const add = (className, text, position) => overlays.add(id, { position, html: Object.assign(document.createElement("span"), { className, textContent: text }) });
  const shape = viewer.get("elementRegistry").get(id);
  const around = /SubProcess|Transaction/.test(shape.type) && shape.children?.length && !shape.collapsed;
  canvas.addMarker(id, incidents ? "trace-incident" : active ? (around ? "trace-around" : "trace-active") : done ? "trace-done" : "trace-interrupted");
  if (active && !around) add("trace-count", active, { top: -10, right: 12 });
  if (incidents) add("trace-count bad", incidents, { top: -10, left: -8 });
  if (spent && /Task|Activity|SubProcess/.test(shape.type) && (done || active || interrupted)) add("trace-time", spent, { bottom: -2, left: 0 });
}

/* As high as the drawing needs at this width. */
function setHeight(place, canvas) {
  const { width, height } = canvas.viewbox().inner;
  const wanted = height * Math.min(1, place.clientWidth / width) + 90;
  place.style.height = `${Math.round(Math.min(Math.max(wanted, 220), innerHeight * 0.5))}px`;
  canvas.resized();
}

/* The whole drawing where it can be read; else what is going on, large enough. */
const READABLE = 0.6;
function begin(viewer, elements) {
  const canvas = viewer.get("canvas");
  fit(canvas);
  if (canvas.zoom() >= READABLE) return;
  const known = viewer.get("elementRegistry");
  const ids = Object.keys(elements).filter((id) => known.get(id) && !known.get(id).children?.length);
  const here = ids.find((id) => elements[id].incidents) ?? ids.find((id) => elements[id].active) ?? ids.at(-1);
  if (!here) return;
  const { x, y, width, height } = known.get(here);
  canvas.zoom(READABLE + 0.15);
  const { inner, width: seen, height: high } = canvas.viewbox();
  canvas.viewbox({ width: seen, height: high,
    x: within(x + width / 2 - seen / 2, seen, inner.x, inner.width),
    y: within(y + height / 2 - high / 2, high, inner.y, inner.height) });
}

/* Where to look from, so that no room is wasted beyond the ends of the drawing. */
function within(wanted, seen, start, length) {
  const margin = 25;
  if (seen > length + 2 * margin) return start + (length - seen) / 2;
  return Math.min(Math.max(wanted, start - margin), start + length + margin - seen);
}

function fit(canvas) {
  canvas.zoom("fit-viewport", "auto");
  canvas.zoom(Math.min(1, canvas.zoom() * 0.94), "auto"); // not up to the frame
}

function controls(element, canvas) {
  const acts = { in: () => canvas.zoom(canvas.zoom() * 1.25, "auto"), out: () => canvas.zoom(canvas.zoom() / 1.25, "auto"), fit: () => fit(canvas) };
  for (const button of element.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => acts[button.dataset.zoom]());
}

const loaded = new Map();
function load(url, make) {
  if (!loaded.has(url)) loaded.set(url, new Promise((done, failed) => {
    const tag = make();
    tag.onload = done;
    tag.onerror = () => failed(new Error(url));
    document.head.append(tag);
  }));
  return loaded.get(url);
}
const script = (url) => load(url, () => Object.assign(document.createElement("script"), { src: url }));
const style = (url) => load(url, () => {
  const tag = Object.assign(document.createElement("link"), { rel: "stylesheet", href: url });
  return tag;
});
