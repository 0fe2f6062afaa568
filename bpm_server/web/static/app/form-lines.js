/* Line items: a dynamic list as a table with totals (docs/how-to/change-a-form.md). Each cell is a field of form-js with its own
   checks, so that what is submitted is what the plain list submits; where it is narrow, each row becomes a card. */
import { at, boundsOf, hasText, isColumn, isLineItems, isNumeric, isPlain, labelOf, textOf, totalKind, widthOf } from "./form-columns.js";
import { changes, MOST_LINES } from "./form-line-changes.js";
import { digitsOf, shownNumber, total } from "./form-totals.js";

const language = document.documentElement.lang || "en";
const words = language === "zh-CN" ? {
  add: "添加一行", remove: "删除第 {row} 行", acts: "操作", row: "序号", card: "第 {row} 行", none: "还没有明细。",
  sum: "合计", avg: "平均", min: "最小", max: "最大", count: "计数", total: "合计", yes: "是", no: "否", comma: "、",
  removed: "已删除第 {row} 行。", pasted: "已粘贴 {rows} 行。", undo: "撤销", full: "最多 {most} 行。",
  least: "至少需要 {least} 行。", most: "最多允许 {most} 行。", rowsLeft: "超出行数上限，{rows} 行未粘贴。",
  columnsLeft: "右侧多出的 {columns} 列未粘贴。", notTaken: "{cells} 个单元格无法识别，未粘贴：{examples}。", example: "第 {row} 行“{column}”的“{text}”",
} : {
  add: "Add a row", remove: "Delete row {row}", acts: "Actions", row: "Row", card: "Row {row}", none: "No rows yet.",
  sum: "Total", avg: "Average", min: "Smallest", max: "Largest", count: "Count", total: "Total", yes: "Yes", no: "No", comma: ", ",
  removed: "Row {row} deleted.", pasted: "Rows pasted: {rows}.", undo: "Undo", full: "At most {most} rows.",
  least: "At least {least} rows are needed.", most: "At most {most} rows are allowed.", rowsLeft: "Rows beyond the limit, not pasted: {rows}.",
  columnsLeft: "Columns beyond the last one, not pasted: {columns}.", notTaken: "Cells that could not be read, not pasted: {cells} ({examples}).", example: "row {row}, {column}: “{text}”",
};
const say = (name, values = {}) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
const REM = { number: 3.25, acts: 2.5, column: 1.4 }; // widths; of a column for each of its sixteenths
const ENTERED = ".fjs-form-field-textfield input, .fjs-form-field-number input";
const FOCUSABLE = ":is(input, textarea, select, button):not([tabindex='-1'], [readonly], :disabled)";

export function lineItems(viewer) {
  const { h, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState, DynamicList, Errors, FormContext, FormField,
    FormRenderContext, Label, LocalExpressionContext, buildExpressionContext, runUnaryTestEvaluation } = viewer;

  /* What expressions see in each row, as in form-js. */
  function contextsOf(outer, rows) {
    const parent = buildExpressionContext({ ...outer, data: outer.this });
    return rows.map((item, row) => ({ data: outer.data, this: item, parent, i: [...outer.i ?? [], row + 1] }));
  }
  const isTrue = (form, test, context) => runUnaryTestEvaluation(form.get("expressionLanguage"), test, context) === true;
  const isHidden = (form, column, context) => Boolean(column.conditional?.hide) && isTrue(form, column.conditional.hide, context);
  const totalOf = (form, column, rows, contexts) => total(totalKind(column),
    rows.filter((_, row) => !isHidden(form, column, contexts[row])).map((item) => at(item, column.key.split("."))), digitsOf(column));

  function LineItems(props) {
    const { domId: id, field, indexes, errors = [], readonly, disabled, onChange } = props;
    const given = useContext(FormContext);
    const service = useMemo(() => given, [given.formId]); // form-js makes it anew each time, which draws every field again
    const outer = useContext(LocalExpressionContext);
    const form = given.getService("form");
    const rows = at(form._getState().data, form.get("pathRegistry").getValuePath(field, { indexes })) ?? [];
    const contexts = useMemo(() => contextsOf(outer, rows), [outer, rows]);
    const isFixed = Boolean(readonly || disabled);
    const columns = (field.components ?? []).filter(isColumn)
      .filter((column) => !rows.length || contexts.some((context) => !isHidden(form, column, context)));
    const silent = (field.components ?? []).filter((column) => !isColumn(column));
    const canChange = !isFixed && field.allowAddRemove !== false;
    const most = Math.min(boundsOf(field).most ?? MOST_LINES, MOST_LINES);
    const root = useRef(null);
    const [note, setNote] = useState(null);
    const isNarrow = useNarrow(root, columns);
    const { add, remove, undo, paste, press } = changes({ form, field, indexes, rows, columns, most, canChange, isFixed, onChange,
      say, language, note, setNote, next: useRef({}), root, useEffect, ENTERED, FOCUSABLE });
    const around = useContext(FormRenderContext);
    const cells = useMemo(() => ({ ...around, Column: ({ children }) => children, Element: (inner) => h(Cell, { ...inner, isFixed }) }), [around, isFixed]);
    const edited = (update) => {
      if (note && !update.shouldNotRecompute && at(form._getState().data, update.fieldInstance.valuePath) !== update.value) setNote(null);
      onChange(update);
    };
    const summed = columns.some(totalKind);
    const latest = useRef(null);
    latest.current = { edited, remove };
    const acts = useMemo(() => ({ edit: (update) => latest.current.edited(update), remove: (row) => latest.current.remove(row) }), []);
    const drawn = useRef([]);
    const isStill = useMemo(() => { drawn.current = []; return isPlain(field.components ?? []); }, [field]);
    const line = (item, row) => {
      const { errors: all } = form._getState();
      const wrong = (field.components ?? []).map(({ id: cell }) => at(all, [cell, ...Object.values(indexes ?? {}), row]));
      const state = isStill && JSON.stringify([item, wrong, isFixed, canChange, columns.length]);
      if (!isStill || drawn.current[row]?.state !== state) {
        drawn.current[row] = { state, node: h(Line, { key: row, row, item, context: contexts[row], list: field, columns, silent, indexes, onChange: acts.edit, remove: canChange ? acts.remove : null }) };
      }
      return drawn.current[row].node;
    };
    return h("div", { ref: root, role: "group", "aria-labelledby": id, "data-cards": isNarrow ? "" : undefined,
      class: `fjs-form-field lines${errors.length ? " lines-wrong" : ""}${isFixed ? " lines-fixed" : ""}`, onKeyDown: press, onPasteCapture: paste },
    h(Label, { id, label: field.label, required: canChange && boundsOf(field).least > 0 }),
    rows.length ? h("table", { role: "table", class: "lines-table", "aria-labelledby": id },
      h(Widths, { columns, canChange }),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
        h("th", { role: "columnheader", scope: "col", class: "lines-number" }, h("span", { class: "visually-hidden" }, say("row")), h("span", { "aria-hidden": "true" }, "#")),
        columns.map((column) => h("th", { key: column.id, role: "columnheader", scope: "col", class: isNumeric(column) ? "lines-numeric" : undefined },
          h(Label, { label: labelOf(column), required: !isFixed && column.validate?.required }))),
        canChange && h("th", { role: "columnheader", scope: "col", class: "lines-acts" }, h("span", { class: "visually-hidden" }, say("acts"))))),
      h("tbody", { role: "rowgroup" }, h(FormContext.Provider, { value: service }, h(FormRenderContext.Provider, { value: cells }, rows.map(line)))),
      summed && h("tfoot", { role: "rowgroup" }, h("tr", { role: "row" },
        h("th", { role: "rowheader", scope: "row", class: "lines-number" }, say("total")),
        columns.map((column) => h("td", { key: column.id, role: "cell", class: isNumeric(column) ? "lines-numeric" : undefined, "data-total": totalKind(column) ? column.key : undefined },
          totalKind(column) && h(Sum, { column, value: totalOf(form, column, rows, contexts) }))),
        canChange && h("td", { role: "cell" })))) : h("p", { class: "form-part-none" }, say("none")),
    canChange && h("button", { type: "button", class: "btn btn-sm lines-add", disabled: rows.length >= most, onClick: add, "aria-describedby": `${id}-error-message` },
      h("span", { "aria-hidden": "true" }, "+ "), say("add")),
    canChange && rows.length >= most && h("small", { class: "form-part-none" }, say("full", { most })),
    !isFixed && h("div", { role: "status", class: "lines-note" }, note && [note.text, note.before && h("button", { type: "button", class: "btn btn-sm", onClick: undo }, say("undo"))]),
    h(Errors, { id: `${id}-error-message`, errors }));
  }

  function Widths({ columns, canChange }) {
    const all = columns.reduce((sum, column) => sum + widthOf(column), 0);
    return h("colgroup", null, h("col", { style: { width: `${REM.number}rem` } }),
      columns.map((column) => h("col", { key: column.id, style: { width: `${(100 * widthOf(column)) / all}%` } })),
      canChange && h("col", { style: { width: `${REM.acts}rem` } }));
  }

  /* A row; fields that have no column are drawn beside its number, as expressions are computed only where they are drawn. */
  function Line({ row, item, context: given, list, columns, silent, indexes, onChange, remove }) {
    const context = useMemo(() => given, [given.data, item, row]);
    const own = useMemo(() => ({ ...indexes, [list.id]: row }), [indexes, list.id, row]);
    const draw = (field) => h(FormField, { key: field.id, field, indexes: own, onChange });
    return h("tr", { role: "row", "data-row": row },
      h("th", { role: "rowheader", scope: "row", class: "lines-number", "data-card": say("card", { row: row + 1 }) }, row + 1,
        h(LocalExpressionContext.Provider, { value: context }, silent.map(draw))),
      columns.map((column) => h("td", { key: column.id, role: "cell", "data-column": column.id, class: isNumeric(column) ? "lines-numeric" : undefined },
        h(LocalExpressionContext.Provider, { value: context }, draw(column)),
        column.type === "expression" && h(Told, { field: column, value: at(item, column.key.split(".")) }))),
      remove && h("td", { role: "cell", class: "lines-acts" },
        h("button", { type: "button", class: "lines-remove", onClick: () => remove(row), "aria-label": say("remove", { row: row + 1 }), title: say("remove", { row: row + 1 }) }, "×")));
  }

  /* A field of form-js, or what it says where it cannot be changed. */
  function Cell({ field, children, isFixed }) {
    const { value, readonly, errors, domId } = children.props;
    if (!(isFixed || readonly) || !hasText(field)) return h("div", { class: "fjs-element" }, children);
    return h("div", { class: "fjs-element" }, h(Told, { field, value }), h(Errors, { id: `${domId}-error-message`, errors }));
  }
  const Told = ({ field, value }) => h("div", { class: "lines-told" }, h("span", { class: "lines-label", "aria-hidden": "true" }, labelOf(field)),
    h("span", null, textOf(field, value, language, say) || "–"));

  function Sum({ column, value }) {
    const kind = totalKind(column);
    const digits = kind === "count" ? 0 : digitsOf(column);
    const around = (text) => (typeof text === "string" && !/^=|\{\{/.test(text) && kind !== "count" ? text : "");
    const { prefixAdorner, suffixAdorner } = column.appearance ?? {};
    const shown = value === null ? "–" : [around(prefixAdorner), shownNumber(value, digits, language), around(suffixAdorner)].filter(Boolean).join(" ");
    return [h("span", { class: "lines-label", "aria-hidden": "true" }, labelOf(column)),
      h("span", null, kind !== "sum" && h("small", null, say(kind), " "), shown)];
  }

  /* Whether there is too little room for all columns side by side. */
  function useNarrow(root, columns) {
    const [isNarrow, setNarrow] = useState(false);
    const wanted = REM.number + REM.acts + REM.column * columns.reduce((sum, column) => sum + Math.max(widthOf(column), 4), 0);
    useLayoutEffect(() => {
      const measure = () => {
        const width = root.current?.clientWidth ?? 0;
        if (width) setNarrow(width < Math.min(wanted, 60) * parseFloat(getComputedStyle(document.documentElement).fontSize));
      };
      const observer = new ResizeObserver(measure);
      observer.observe(root.current);
      measure();
      return () => observer.disconnect();
    }, [wanted]);
    return isNarrow;
  }

  const List = (props) => h(isLineItems(props.field) ? LineItems : DynamicList, props);
  List.config = DynamicList.config;

  /* A total as data, for expressions of other fields; the server computes it anew. */
  function LineTotal({ field, indexes, value, onChange }) {
    const { getService } = useContext(FormContext);
    const outer = useContext(LocalExpressionContext);
    const form = getService("form");
    const list = getService("formFieldRegistry").get(field.list);
    const rows = at(form._getState().data, getService("pathRegistry").getValuePath(list, { indexes })) ?? [];
    const column = list.components.find((one) => one.key === field.column);
    const text = totalOf(form, column, rows, contextsOf(outer, rows));
    const found = text === null ? null : Number(text);
    useLayoutEffect(() => { if (found !== value) onChange({ value: found, shouldNotRecompute: true }); });
    return null;
  }
  LineTotal.config = { type: "lineTotal", keyed: true, name: "Total", group: "basic-input", emptyValue: null, escapeGridRender: true, create: (options) => options };

  /* Lists with too few or too many rows, by what form-js keeps its errors under. */
  function wrongLists(form) {
    const { data } = form._getState();
    return form.get("formFieldInstanceRegistry").getAll().flatMap((instance) => {
      const field = form.get("formFieldRegistry").get(instance.id);
      if (!field || !isLineItems(field) || field.disabled || field.allowAddRemove === false) return [];
      const locked = String(field.readonly ?? "").startsWith("=") ? isTrue(form, field.readonly, instance.expressionContextInfo) : field.readonly;
      const { least, most } = boundsOf(field);
      const rows = at(data, instance.valuePath)?.length ?? 0;
      const text = rows < least ? say("least", { least }) : rows > most ? say("most", { most }) : "";
      return locked || !text ? [] : [{ steps: [field.id, ...Object.values(instance.indexes ?? {})], text }];
    });
  }

  return { List, LineTotal, wrongLists };
}
