/* Which lists are tables, what their columns are, and what a cell says where nobody can change it. */
import { digitsOf, shownNumber } from "./form-totals.js";

const SUMMED = ["number", "expression"];
const KINDS = ["sum", "avg", "min", "max", "count"];
const WITHOUT_COLUMN = ["separator", "spacer", "button"];
const PLAIN = ["textfield", "textarea", "number", "checkbox", "datetime", "expression"];
const WIDTHS = { number: 4, checkbox: 2, select: 5, radio: 5, datetime: 5, expression: 4 }; // sixteenths of a usual form

export const at = (value, path) => path.reduce((found, step) => found?.[step], value);
export const isLineItems = (one) => one.type === "dynamiclist" && one.isRepeating !== false && one.properties?.component === "lineItems";
export const totalKind = (column) => (SUMMED.includes(column.type) && KINDS.includes(column.properties?.total) ? column.properties.total : null);
export const labelOf = (column) => column.label || column.dateLabel || column.timeLabel || column.properties?.label || "";
export const isNumeric = (column) => SUMMED.includes(column.type);
export const widthOf = (column) => column.layout?.columns || WIDTHS[column.type] || 6;

/* An expression, which form-js never shows, is a column where it has a label. */
export const isColumn = (column) => !WITHOUT_COLUMN.includes(column.type) && (column.type !== "expression" || labelOf(column) !== "");

/* Whether what a row shows follows from its own values alone, as nothing in it is computed: then it is drawn again only when
   they change, which keeps hundreds of rows quick to type in. */
export const isPlain = (components) => !/"type":"expression"|"=|\{\{/.test(JSON.stringify(components));

/* Fewest and most rows; undefined where the list does not say. */
export function boundsOf(list) {
  const number = (said) => (/^\d+$/.test(String(said ?? "").trim()) ? Number(said) : undefined);
  return { least: number(list.properties?.minRows), most: number(list.properties?.maxRows) };
}

/* A component, and beside a table a field for each of its totals that becomes data. */
export function withTotals(component) {
  if (!isLineItems(component)) return [component];
  const id = component.id ?? `lines-${component.path}`;
  const columns = (component.components ?? []).filter((column) => totalKind(column) && column.properties.totalKey);
  const { conditional } = component;
  return [{ ...component, id }, ...columns.map((column) => ({ type: "lineTotal", id: `${id}-${column.key}-total`,
    key: column.properties.totalKey, list: id, column: column.key, ...conditional && { conditional } }))];
}

/* Whether a cell that cannot be changed is told as text; others are drawn by their own component. */
export const hasText = (field) => PLAIN.includes(field.type) || (["select", "radio", "checklist", "taglist"].includes(field.type) && Array.isArray(field.values));

export function textOf(field, value, language, say) {
  if (value === null || value === undefined || value === "") return "";
  if (typeof value === "boolean") return say(value ? "yes" : "no");
  if (Array.isArray(field.values)) {
    const label = (one) => field.values.find((option) => option.value === one)?.label ?? String(one);
    return (Array.isArray(value) ? value : [value]).map(label).join(say("comma"));
  }
  if (field.type === "number" || typeof value === "number") return shownNumber(value, digitsOf(field), language);
  if (field.type === "datetime") return moment(value, language);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/* A day, or a day with a time, in the reader's way; a time of day as it is. */
function moment(value, language) {
  const day = /^(\d{4})-(\d\d)-(\d\d)$/.exec(value);
  const found = day ? new Date(Number(day[1]), day[2] - 1, Number(day[3])) : new Date(value);
  if (Number.isNaN(found.getTime()) || !/^\d{4}-/.test(value)) return String(value);
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", ...!day && { timeStyle: "short" } }).format(found);
}
