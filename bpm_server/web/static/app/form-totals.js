/* Totals of columns, digit for digit (0.1 + 0.2 is 0.3), and numbers as people write them.
   The server computes the same totals: domain/forms/lineitems.py. */
const NUMBER = /^(-?)(\d*)\.?(\d*)(?:e([+-]?\d{1,4}))?$/i;
const MOST_PLACES = 400, MOST_DIGITS = 20, AVERAGE_DIGITS = 10;

/* A number or its text as a whole number and how many of its digits stand after the point; null for anything else. */
function exact(value) {
  const [, sign, whole, part, power = 0] = (typeof value === "number" || typeof value === "string") && NUMBER.exec(value) || [];
  if (!whole && !part) return null;
  const places = part.length - Number(power);
  if (Math.abs(places) > MOST_PLACES) return null;
  const digits = BigInt(whole + part) * (sign === "-" ? -1n : 1n);
  return places < 0 ? { digits: digits * 10n ** BigInt(-places), places: 0 } : { digits, places };
}
const raised = (one, places) => one.digits * 10n ** BigInt(places - one.places);

/* The shortest text of a number. */
function text({ digits, places }) {
  const plain = String(digits < 0n ? -digits : digits).padStart(places + 1, "0");
  const whole = plain.slice(0, plain.length - places);
  const part = plain.slice(plain.length - places).replace(/0+$/, "");
  return `${digits < 0n ? "-" : ""}${whole}${part && `.${part}`}`;
}

/* To `places` digits, half away from zero. */
function divided(one, by, places) {
  const top = raised({ digits: one.digits < 0n ? -one.digits : one.digits, places: 0 }, places) * 2n;
  const bottom = 10n ** BigInt(one.places) * BigInt(by) * 2n;
  const digits = (top + bottom / 2n) / bottom;
  return { digits: one.digits < 0n ? -digits : digits, places };
}

/* The total of a column's values as text; null where there is none. kind: sum, avg, min, max or count. */
export function total(kind, values, digits) {
  const numbers = values.map(exact).filter(Boolean);
  if (kind === "count") return String(numbers.length);
  if (!numbers.length) return kind === "sum" ? "0" : null;
  const places = Math.max(...numbers.map((one) => one.places));
  const raw = numbers.map((one) => raised(one, places));
  if (kind === "min") return text({ digits: raw.reduce((a, b) => (b < a ? b : a)), places });
  if (kind === "max") return text({ digits: raw.reduce((a, b) => (b > a ? b : a)), places });
  const sum = { digits: raw.reduce((a, b) => a + b), places };
  return text(kind === "avg" ? divided(sum, numbers.length, digits ?? AVERAGE_DIGITS) : sum);
}

/* How many digits after the point a column has; an expression says so by a property. */
export function digitsOf(field) {
  const own = field.decimalDigits ?? "";
  const said = String(own === "" ? field.properties?.decimalDigits ?? "" : own).trim();
  return /^\d+$/.test(said) ? Math.min(Number(said), MOST_DIGITS) : undefined;
}

/* A number as the reader's language writes it, with at least `digits` after the point and all that it has. */
export function shownNumber(value, digits, language) {
  if (!exact(value)) return String(value ?? "");
  return new Intl.NumberFormat(language, { minimumFractionDigits: digits ?? 0, maximumFractionDigits: MOST_DIGITS }).format(String(value));
}

/* What people and spreadsheets write for a number, as JavaScript's text: ￥1,234.50, (12), １２. Null: it is none. */
export function readNumber(written, language) {
  const parts = new Intl.NumberFormat(language).formatToParts(-12345.6);
  const sign = (type) => parts.find((one) => one.type === type)?.value ?? "";
  let plain = written.normalize("NFKC").replace(/[\s\u2212\u2010-\u2015]/g, (char) => (/\s/.test(char) ? "" : "-"));
  const inBrackets = /^\((.*)\)$/.exec(plain);
  if (inBrackets) plain = `-${inBrackets[1]}`;
  plain = plain.replace(/^([+-]?)(?:[¥$€£]|CNY|RMB|USD|EUR)([+-]?)/i, "$1$2").replace(/(?:元|¥|€)$/, "");
  const [whole, ...rest] = plain.split(sign("decimal") || ".");
  const group = sign("group").normalize("NFKC").trim() || ",";
  const digits = whole.replaceAll(group, "");
  const isGrouped = !whole.includes(group) || whole.replace(/^[+-]/, "").split(group).every((part, at) => (at ? /^\d{3}$/ : /^\d{1,3}$/).test(part));
  const found = [digits, ...rest].join(".");
  return isGrouped && /^[+-]?(\d+\.?\d*|\.\d+)$/.test(found) ? found.replace(/^\+/, "") : null;
}
