/* What people do with the rows of a table: add and delete them, paste from a spreadsheet, go on with Enter, and take it back. */
import { at, labelOf } from "./form-columns.js";
import { isHead, readGrid, taken } from "./form-paste.js";

export const MOST_LINES = 500;
const EXAMPLES = 3;

export function changes({ form, field, indexes, rows, columns, most, canChange, isFixed, onChange, say, language, note, setNote, next, root, useEffect, ENTERED, FOCUSABLE }) {
  const outer = Object.values(indexes ?? {});
  const path = form.get("pathRegistry").getValuePath(field, { indexes });
  const put = (value, told) => { onChange({ value }); setNote(told ?? null); };
  const tableRows = () => [...root.current?.querySelectorAll("tr[data-row]") ?? []].filter((one) => one.closest(".lines") === root.current);
  const inputs = (line) => [...line?.querySelectorAll("td[data-column]") ?? []].map((cell) => cell.querySelector(FOCUSABLE)).filter(Boolean);

  /* After the rows are drawn: where the focus goes, and what is wrong in rows that were pasted. */
  useEffect(() => {
    const { focus, pasted, clean, length } = next.current;
    if (length === undefined || length !== rows.length) return;
    next.current = {};
    if (pasted) check(pasted);
    if (clean) moveErrors(() => null);
    const line = tableRows()[focus?.row];
    const found = focus?.acts ? line?.querySelector(".lines-remove") : inputs(line)[0];
    if (focus) (found ?? root.current.querySelector(".lines-add"))?.focus();
  });

  const blank = (data = form._getState().data) => form._getInitializedFieldData(data, { container: field, indexes: { ...indexes, [field.id]: rows.length } });

  function add() {
    if (rows.length >= most) return;
    next.current = { length: rows.length + 1, focus: { row: rows.length } };
    put([...rows, blank()]);
  }

  function remove(row) {
    form.get("eventBus").fire("repeatRenderManager.remove", { dataPath: path, index: row, item: rows[row] });
    next.current = { length: rows.length - 1, focus: { row: Math.min(row, rows.length - 2), acts: true } };
    put(rows.toSpliced(row, 1), { text: say("removed", { row: row + 1 }), before: rows, row });
    moveErrors((one) => (one === row ? null : one > row ? one - 1 : one));
  }

  function undo() {
    const { before, row } = note;
    next.current = { length: before.length, focus: { row: row ?? 0 }, clean: row === undefined };
    put(before);
    if (row !== undefined) moveErrors((one) => (one >= row ? one + 1 : one));
  }

  /* form-js leaves errors at the place of a row, whichever row comes there. */
  function moveErrors(place) {
    const errors = structuredClone(form._getState().errors);
    for (const { id } of inside(field)) {
      const holder = outer.length ? at(errors, [id, ...outer.slice(0, -1)]) : errors;
      const step = outer.length ? outer.at(-1) : id;
      if (!holder?.[step]) continue;
      const moved = Object.entries(holder[step]).map(([row, found]) => [place(Number(row)), found]).filter(([row]) => row !== null);
      if (moved.length) holder[step] = Object.fromEntries(moved); else delete holder[step];
    }
    form._setState({ errors });
  }

  /* The checks of form-js for cells that nobody has typed into. */
  function check({ first, last }) {
    const { data, errors } = form._getState();
    const found = structuredClone(errors);
    for (const instance of form.get("formFieldInstanceRegistry").getAllKeyed()) {
      const row = instance.indexes?.[field.id];
      if (row === undefined || row < first || row > last || outer.some((one, depth) => Object.values(instance.indexes)[depth] !== one)) continue;
      const wrong = form.get("validator").validateFieldInstance(instance, at(data, instance.valuePath));
      const steps = [instance.id, ...Object.values(instance.indexes)];
      let holder = found;
      for (const step of steps.slice(0, -1)) holder = holder[step] ??= {};
      if (wrong.length) holder[steps.at(-1)] = wrong; else delete holder[steps.at(-1)];
    }
    form._setState({ errors: found });
  }

  function paste(event) {
    const cell = event.target.closest?.("td[data-column]");
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (isFixed || !cell || cell.closest(".lines") !== root.current || !text) return;
    const column = columns.findIndex((one) => one.id === cell.dataset.column);
    const grid = readGrid(text);
    const isOne = grid.length === 1 && grid[0].length === 1;
    if (isOne && (columns[column].type !== "number" || /^-?[\d.]+$/.test(text))) return; // into the text that is there
    if (event.target.tagName === "TEXTAREA" && !text.includes("\t")) return;
    event.preventDefault();
    event.stopPropagation();
    fill(grid, column, Number(cell.closest("tr").dataset.row));
  }

  function fill(grid, column, row) {
    const width = Math.max(...grid.map((line) => line.length));
    const labels = columns.slice(column, column + width).map(labelOf);
    const lines = isHead(grid[0], labels) ? grid.slice(1) : grid;
    const room = (canChange ? Math.max(most, rows.length) : rows.length) - row;
    const value = structuredClone(rows);
    const fresh = lines.length > rows.length - row ? blank() : null;
    const wrong = [];
    lines.slice(0, room).forEach((line, number) => {
      const item = value[row + number] ??= structuredClone(fresh);
      line.forEach((text, place) => {
        const target = columns[column + place];
        if (!target || target.readonly || target.disabled || target.type === "expression") return;
        const found = taken(target, text, language);
        if (found === undefined) wrong.push(say("example", { row: row + number + 1, column: labelOf(target), text: text.slice(0, 20) }));
        else setAt(item, target.key.split("."), found);
      });
    });
    const count = Math.min(lines.length, room);
    const told = [say("pasted", { rows: count })];
    if (lines.length > room) told.push(say("rowsLeft", { rows: lines.length - room }));
    if (width > columns.length - column) told.push(say("columnsLeft", { columns: width - (columns.length - column) }));
    if (wrong.length) told.push(say("notTaken", { cells: wrong.length, examples: wrong.slice(0, EXAMPLES).join(say("comma")) + (wrong.length > EXAMPLES ? "…" : "") }));
    next.current = { length: value.length, pasted: { first: row, last: row + count - 1 } };
    put(value, { text: told.join(language === "zh-CN" ? "" : " "), before: rows });
  }

  /* Enter goes to the next cell, and from the last one into a new row; choosing and typing with an input method keep theirs. */
  function press(event) {
    const isOurs = event.key === "Enter" && !event.isComposing && event.keyCode !== 229 && !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    if (!isOurs || !event.target.matches?.(ENTERED) || event.target.closest(".lines") !== root.current) return;
    event.preventDefault();
    const all = tableRows().flatMap(inputs);
    const following = all[all.indexOf(event.target) + 1];
    if (following) following.focus(); else if (canChange) add();
  }

  return { add, remove, undo, paste, press };
}

function* inside(component) {
  for (const one of component.components ?? []) {
    yield one;
    yield* inside(one);
  }
}

function setAt(item, path, value) {
  let holder = item;
  for (const step of path.slice(0, -1)) holder = holder[step] ??= {};
  holder[path.at(-1)] = value;
}
