/* Components of ours in forms: people to choose from, files, signatures, places and line items. A schema names them by the property
   "component" of a standard one (docs/how-to/change-a-form.md); what the server takes is domain/forms/references.py. */
import { withTotals } from "./form-columns.js";
import { lineItems } from "./form-lines.js";
import { location } from "./form-location.js";
import { signature } from "./form-signature.js";

const inChinese = document.documentElement.lang === "zh-CN";
const words = inChinese ? {
  search: "输入姓名、部门或用户名", none: "没有找到", remove: "移除 {name}", chosen: "已选择", add: "选择文件", wait: "上传中：{name}",
  failed: "文件没有上传成功，请重试。", full: "最多 {most} 个。",
  signHere: "在此手写签名", signTyped: "或输入姓名", signed: "签名", signAnew: "重新签名", clear: "清除", keeping: "正在保存签名…",
  placeHere: "获取当前位置", placeWait: "定位中…", placeWithin: "{latitude}，{longitude}（误差约 {metres} 米）", placeRefused: "浏览器未允许获取位置，可手工填写。", placeUnknown: "无法获取位置，可手工填写。",
} : {
  search: "Name, department or username", none: "Nobody found", remove: "Remove {name}", chosen: "Chosen", add: "Choose files", wait: "Sending {name}",
  failed: "The file did not arrive. Try again.", full: "At most {most}.",
  signHere: "Sign here by hand", signTyped: "Or type your name", signed: "Signature", signAnew: "Sign anew", clear: "Clear", keeping: "Keeping the signature…",
  placeHere: "Use where I am", placeWait: "Looking…", placeWithin: "{latitude}, {longitude} (within {metres} m)", placeRefused: "The browser was not allowed to tell. You can enter the place.", placeUnknown: "The place was not found. You can enter it.",
};
const say = (name, values = {}) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
const MOST = 50;
const bases = { userPicker: ["textfield", "taglist"], attachment: ["filepicker"], signature: ["filepicker"], location: ["textfield"] };
const marks = [...Object.keys(bases), "lineItems"];

export const isUsed = (schema) => marks.some((name) => JSON.stringify(schema).includes(`"component":"${name}"`));

/* The schema with our types in place of the standard ones that stand for them. */
export function prepared(component) {
  const kind = component.properties?.component;
  const children = component.components ? { components: component.components.map(prepared).flatMap(withTotals) } : {};
  if (!bases[kind]?.includes(component.type)) return { ...component, ...children };
  const most = Math.min(Number(component.properties.most) || MOST, MOST);
  return { ...component, ...children, type: kind, several: component.type === "taglist", most };
}

function setErrors(errors, steps, texts) {
  let place = errors;
  for (const step of steps.slice(0, -1)) place = place[step] ??= {};
  place[steps.at(-1)] = texts;
}

/* A module for form-js. viewer: its exports; uploads: where files go; token: against cross-site requests. */
export function formModule(viewer, { uploads, token }) {
  const { h, useEffect, useRef, useState, Description, Errors, Label } = viewer;
  const frame = (props, id, ...inner) => {
    const { description, label, validate } = props.field;
    const state = [props.errors?.length && "fjs-has-errors", props.disabled && "fjs-disabled", props.readonly && "fjs-readonly"];
    return h("div", { class: ["fjs-form-field", "form-part", ...state.filter(Boolean)].join(" ") },
      h(Label, { htmlFor: id, label, required: validate?.required }), ...inner,
      h(Description, { id: `${id}-description`, description }), h(Errors, { id: `${id}-error-message`, errors: props.errors ?? [] }));
  };
  const about = (id) => `${id}-description ${id}-error-message`;
  const remover = (name, onClick) => h("button", { type: "button", class: "form-part-remove", onClick, "aria-label": say("remove", { name }) }, "×");

  /* A file to the server: `result`, the reference of the document, or `problem`, why not. */
  async function send(file) {
    const body = new FormData();
    body.append("file", file);
    const reply = await fetch(uploads, { method: "POST", body, headers: { "X-CSRF-Token": token, Accept: "application/json" } }).catch(() => null);
    const result = await reply?.json().catch(() => null);
    return reply?.ok && result ? { result } : { problem: result?.problem ?? say("failed") };
  }

  function UserPicker(props) {
    const { domId: id, field, onChange, onBlur, readonly, disabled } = props;
    const names = (Array.isArray(props.value) ? props.value : [props.value]).filter(Boolean);
    const [known, setKnown] = useState({});
    const [found, setFound] = useState(null);
    const [at, setAt] = useState(0);
    const [text, setText] = useState("");
    const input = useRef(null);
    const asked = useRef(0);
    const open = found !== null;
    const canAdd = !readonly && !disabled && (field.several ? names.length < field.most : !names.length);

    useEffect(() => {
      const unknown = names.filter((name) => !known[name]);
      if (!unknown.length) return;
      fetch(`/colleagues?${new URLSearchParams(unknown.map((name) => ["name", name]))}`)
        .then((reply) => (reply.ok ? reply.json() : [])).catch(() => [])
        .then((people) => setKnown({ ...known, ...Object.fromEntries(unknown.map((name) => [name, { name }])),
          ...Object.fromEntries(people.map((one) => [one.username, one])) }));
    }, [names.join("\n")]);

    async function look(value) {
      const mine = asked.current += 1;
      const reply = await fetch(`/colleagues?${new URLSearchParams({ q: value })}`).catch(() => null);
      const people = reply?.ok ? await reply.json() : [];
      if (mine !== asked.current) return;
      setFound(people.filter((one) => !names.includes(one.username)));
      setAt(0);
    }
    function close() { asked.current += 1; setFound(null); setText(""); }
    function take(person) {
      setKnown({ ...known, [person.username]: person });
      onChange({ value: field.several ? [...names, person.username] : person.username });
      close();
      if (field.several) input.current?.focus();
    }
    function drop(name) {
      onChange({ value: field.several ? names.filter((one) => one !== name) : null });
    }
    function press(event) {
      const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (move && open && found.length) { setAt((at + move + found.length) % found.length); event.preventDefault(); }
      else if (move && !open) { look(text); event.preventDefault(); }
      else if (event.key === "Enter" && (open || text)) { if (open && found[at]) take(found[at]); event.preventDefault(); }
      else if (event.key === "Escape" && open) { close(); event.stopPropagation(); }
      else if (event.key === "Backspace" && !text && names.length) drop(names.at(-1));
    }
    const chips = names.length ? h("ul", { class: "form-part-chips", "aria-label": `${field.label ?? ""} ${say("chosen")}`.trim() }, names.map((name) => h("li", { key: name },
      h("span", null, known[name]?.name ?? name), known[name]?.department && h("small", null, known[name].department),
      !readonly && !disabled && remover(known[name]?.name ?? name, () => drop(name))))) : null;
    const box = canAdd ? h("div", { class: "form-part-search" },
      h("input", { id, ref: input, class: "fjs-input", type: "text", role: "combobox", autocomplete: "off", placeholder: say("search"), value: text,
        "aria-autocomplete": "list", "aria-expanded": String(open), "aria-controls": `${id}-people`, "aria-describedby": about(id),
        "aria-invalid": String(Boolean(props.errors?.length)), "aria-activedescendant": open && found[at] ? `${id}-person-${at}` : undefined,
        onInput: (event) => { setText(event.target.value); setFound(null); look(event.target.value); },
        onFocus: () => look(text), onBlur: () => { close(); onBlur?.(); }, onKeyDown: press }),
      h("ul", { id: `${id}-people`, class: "form-part-people", role: "listbox", hidden: !open, "aria-label": field.label || say("search") },
        open && found.map((one, number) => h("li", { key: one.username, id: `${id}-person-${number}`, role: "option", "aria-selected": String(number === at),
          onMouseDown: (event) => { event.preventDefault(); take(one); } },
        h("b", null, one.name), h("small", null, [one.department, one.username].filter(Boolean).join(" · ")))),
        open && !found.length && h("li", { role: "option", "aria-disabled": "true", "aria-selected": "false", class: "form-part-none" }, say("none")))) : null;
    return frame(props, id, chips, box, !canAdd && !names.length && h("p", { class: "form-part-none" }, "–"));
  }
  UserPicker.config = { type: "userPicker", keyed: true, name: "User picker", group: "selection", emptyValue: null,
    sanitizeValue: ({ formField, value }) => (formField.several ? (Array.isArray(value) ? value.filter((one) => typeof one === "string") : [])
      : typeof value === "string" && value ? value : null), create: (options) => options };

  function Attachment(props) {
    const { domId: id, field, onChange, readonly, disabled } = props;
    const files = Array.isArray(props.value) ? props.value : [];
    const latest = useRef(files);
    latest.current = files;
    const [waiting, setWaiting] = useState([]);
    const [problem, setProblem] = useState("");
    const canAdd = !readonly && !disabled && files.length < field.most;

    async function add(chosen) {
      setProblem("");
      for (const file of chosen) {
        if (latest.current.length >= field.most) { setProblem(say("full", { most: field.most })); break; }
        setWaiting((all) => [...all, file.name]);
        const { result, problem: found } = await send(file);
        setWaiting((all) => all.filter((name) => name !== file.name));
        if (!result) { setProblem(`${file.name}: ${found}`); continue; }
        latest.current = [...latest.current, result];
        onChange({ value: latest.current });
      }
    }
    const drop = (event) => { event.preventDefault(); if (canAdd) add([...event.dataTransfer.files]); };
    return frame(props, id,
      h("ul", { class: "form-part-files" },
        files.map((one) => h("li", { key: one.documentId },
          h("a", { href: `/files/${encodeURIComponent(one.documentId)}`, target: "_blank", rel: "noopener" }, one.metadata?.fileName ?? one.documentId),
          !readonly && !disabled && remover(one.metadata?.fileName, () => onChange({ value: files.filter((other) => other.documentId !== one.documentId) })))),
        waiting.map((name) => h("li", { key: `wait-${name}`, role: "status", "data-uploading": "" }, say("wait", { name })))),
      problem && h("p", { class: "form-part-problem", role: "alert" }, problem),
      canAdd && h("input", { id, type: "file", class: "form-control", multiple: field.most > 1, "aria-describedby": about(id), "aria-invalid": String(Boolean(props.errors?.length)),
        onChange: (event) => { add([...event.target.files]); event.target.value = ""; }, onDragOver: (event) => event.preventDefault(), onDrop: drop }),
      !canAdd && !files.length && h("p", { class: "form-part-none" }, "–"));
  }
  Attachment.config = { type: "attachment", keyed: true, name: "Attachment", group: "basic-input", emptyValue: [],
    sanitizeValue: ({ value }) => (Array.isArray(value) ? value.filter((one) => typeof one?.documentId === "string") : []), create: (options) => options };

  const around = { frame, about, say, send };
  const { List, LineTotal, wrongLists } = lineItems(viewer);
  const all = [UserPicker, Attachment, signature(viewer, around), location(viewer, around), List, LineTotal];
  class Parts {
    static $inject = ["form", "formFields"];
    constructor(form, formFields) {
      for (const one of all) formFields.register(one.config.type, one);
      const validate = form.validate.bind(form);
      form.validate = () => { // form-js checks what has a value of its own; lists have none
        const errors = validate();
        for (const { steps, text } of wrongLists(form)) setErrors(errors, steps, [text]);
        form._setState({ errors });
        return errors;
      };
    }
  }
  return { __init__: ["ownParts"], ownParts: ["type", Parts] };
}
