/* What a spreadsheet puts on the clipboard, and what the columns of a table make of it. */
import { readNumber } from "./form-totals.js";

const YES = new Set(["是", "真", "对", "√", "✓", "☑", "yes", "y", "true", "1", "x"]);
const NO = new Set(["否", "假", "错", "×", "☐", "", "no", "n", "false", "0"]);
const DAY = /^(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?$/;

/* Lines of cells. A cell with a tab, a line break or a quote in it is quoted, its own quotes are doubled. */
export function readGrid(text) {
  const lines = [[]];
  const cell = /(?:"((?:[^"]|"")*)"(?=[\t\r\n]|$)|([^\t\r\n]*))(\t|\r\n|\r|\n|$)/y;
  while (cell.lastIndex < text.length || !lines.at(-1).length) {
    const [, quoted, plain, end] = cell.exec(text);
    lines.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (!end) break;
    if (end !== "\t") {
      if (cell.lastIndex >= text.length) break;
      lines.push([]);
    } else if (cell.lastIndex >= text.length) { lines.at(-1).push(""); break; }
  }
  return lines;
}

/* Whether a line only repeats the heads of the columns into which it would go. */
export const isHead = (line, labels) => labels.length > 1 && labels.every((label, at) => line[at]?.trim() === label);

/* The value that a field takes from a text; undefined where it cannot. */
export function taken(field, text, language) {
  const plain = text.trim();
  switch (field.type) {
    case "textfield": return text.replace(/[\r\n\t]/g, " ").trim();
    case "textarea": return text;
    case "number": return plain ? number(field, plain, language) : null;
    case "select": case "radio": return plain ? option(field, plain) : null;
    case "checkbox": return YES.has(plain.toLowerCase()) ? true : NO.has(plain.toLowerCase()) ? false : undefined;
    case "datetime": return plain ? day(field, plain) : null;
  }
  return undefined;
}

function number(field, plain, language) {
  const found = readNumber(plain, language);
  if (found === null) return undefined;
  return field.serializeToString ? found : Number(found);
}

function option(field, plain) {
  if (!Array.isArray(field.values)) return undefined;
  const same = (one) => String(one ?? "").trim().toLowerCase() === plain.toLowerCase();
  return (field.values.find((one) => same(one.label)) ?? field.values.find((one) => same(one.value)))?.value;
}

function day(field, plain) {
  const [, year, month, date] = (field.subtype ?? "date") === "date" && DAY.exec(plain) || [];
  if (!year) return undefined;
  const moment = new Date(Date.UTC(year, month - 1, date));
  return moment.getUTCMonth() === month - 1 && moment.getUTCDate() === Number(date) ? moment.toISOString().slice(0, 10) : undefined;
}
