// Builds bpm_server/web/static/vendor from the packages that package-lock.json names (`make assets`).
// Packages with a browser bundle are copied, esbuild does the others. How to add or update one, and what is
// planned (modelers, form editor, charts): docs/how-to/update-front-end-packages.md
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { PurgeCSS } from "purgecss";

const out = "bpm_server/web/static/vendor";
const bootstrap = ["dropdown", "tab"]; // what templates name as data-bs-toggle
const icons = `adjustments-horizontal alarm alert-circle alert-triangle apps archive arrow-back-up arrow-down arrow-forward-up
  arrow-left arrow-right arrow-up at ban bell bell-ringing bolt bookmark briefcase bug building building-store
  calendar calendar-due certificate chart-bar check checkbox checks chevron-down chevron-left chevron-right
  chevron-up circle-check circle-dashed circle-x clock coin copy credit-card database device-floppy dots
  dots-vertical download edit external-link eye eye-off file file-invoice file-text filter flag folder forms
  git-fork hand-stop headset heart-handshake help-circle history home inbox info-circle key keyboard language
  layout-columns layout-dashboard link list list-check list-details loader-2 lock login logout mail menu-2 message
  message-plus moon paperclip pencil phone plane player-pause player-play player-skip-forward player-stop plug plus
  printer qrcode receipt refresh robot rotate-2 route search select send settings share shield-lock shopping-cart
  sitemap sort-ascending sort-descending star sun table tag target terminal-2 thumb-down thumb-up ticket transfer
  trash truck umbrella upload user user-check user-cog user-plus user-share user-x users variable webhook x zoom-in
  zoom-out zoom-reset`.split(/\s+/);

// Logical name -> file of node_modules.
const copied = {
  "bpmn-viewer.js": "camunda-bpmn-js/dist/camunda-cloud-navigated-viewer.production.min.js",
  "htmx-sse.js": "htmx.org/dist/ext/hx-sse.min.js",
  "htmx.js": "htmx.org/dist/htmx.min.js",
  "tom-select.js": "tom-select/dist/js/tom-select.popular.min.js",
};
// Logical name -> [source, options] for esbuild.
const bundled = {
  "bpmn-viewer.css": ['@import "camunda-bpmn-js/dist/assets/camunda-cloud-navigated-viewer.css";', { loader: "css" }],
  "form-viewer.css": ['@import "@bpmn-io/form-js-viewer/dist/assets/form-js.css";', { loader: "css" }],
  "form-viewer.js": [`import flatpickr from "flatpickr"; import { Mandarin } from "flatpickr/dist/esm/l10n/zh.js";
    export { Description, DynamicList, Errors, Form, FormContext, FormField, FormRenderContext, Label, LocalExpressionContext,
      buildExpressionContext, runUnaryTestEvaluation } from "@bpmn-io/form-js-viewer";
    export { h } from "preact"; // for app/form-parts.js and app/form-lines.js, as are the hooks
    export { useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
    export const useChineseCalendar = () => flatpickr.localize(Mandarin);`, { format: "esm" }],
  // What every page of ours loads, and scripts that import others: small, and asked for once instead of three times in a row.
  "app.css": ['@import "./bpm_server/web/static/app/app.css"; @import "./bpm_server/web/static/app/notifications.css";', { loader: "css" }],
  "app.js": ['import "./bpm_server/web/static/app/app.js";', { format: "iife" }],
  "form.js": ['export * from "./bpm_server/web/static/app/form.js";', { format: "esm" }],
  "form-parts.js": ['export * from "./bpm_server/web/static/app/form-parts.js";', { format: "esm" }],
  "tabler.js": [bootstrap.map((name) => `export { default as ${name[0].toUpperCase() + name.slice(1)} }
    from "./node_modules/@tabler/core/js/src/bootstrap/${name}.ts";`).join("\n"), { globalName: "bootstrap" }],
  "tom-select.css": [`@import "tom-select/dist/css/tom-select.bootstrap5.css"; /* then what Tabler changes in it */
    @import "./node_modules/@tabler/core/dist/css/tabler-vendors.css";`, { loader: "css" }],
};
// Logical name -> a style sheet of node_modules, of which only what our pages name is kept, and what scripts may set.
const pruned = { "tabler.css": "@tabler/core/dist/css/tabler.min.css" };
const naming = ["bpm_server/web/templates/**/*.html", "bpm_server/web/pages/*.py", "bpm_server/web/static/app/*.js",
  "node_modules/@tabler/core/js/src/bootstrap/*.ts", "node_modules/tom-select/dist/js/tom-select.popular.js"];
const composed = [/^bg-[a-z]+-lt$/, /^text-[a-z]+$/, // templates put these together
  /^(h[1-6]|hr|p|pre|code|blockquote|[ou]l|li|d[ldt]|em|strong|b|i|s|a|img|sub|sup|small|mark|kbd|table|t(head|body|r|h|d))$/]; // texts of forms have these
// What the first page of the inbox loads; the form of the opened task comes after it as an island.
const inbox = ["app.css", "app.js", "tabler.css", "tabler.js", "htmx.js", "icons.svg", "form-viewer.css"];
const budget = 250_000;

const read = (file) => readFileSync(join("node_modules", file));
const describe = (name) => JSON.parse(read(`${name}/package.json`));
const packageOf = (file) => /^(@[^/]+\/)?[^/]+/.exec(file.split("node_modules/").at(-1))[0];

function iconSprite() {
  const symbols = icons.map((name) => `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" `
    + `stroke-linecap="round" stroke-linejoin="round">${read(`@tabler/icons/icons/outline/${name}.svg`).toString()
      .replace(/^[^>]*>|<\/svg>|<path stroke="none"[^>]*>/g, "").replace(/\s*\n\s*/g, "")}</symbol>`);
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("\n")}</svg>`;
}

async function bundle([contents, options]) {
  const stdin = { contents, resolveDir: ".", loader: options.loader ?? "js" };
  const result = await build({ ...options, loader: {}, stdin, bundle: true, minify: true, write: false,
    metafile: true, target: "es2022", legalComments: "none", logLevel: "warning" });
  return [result.outputFiles[0].contents, Object.keys(result.metafile.inputs).filter((file) => file.includes("node_modules"))];
}

// A prebuilt bundle may hold any of its dependencies, so all of their licences go along.
function withDependencies(name, found = new Set()) {
  if (!found.has(name) && existsSync(`node_modules/${name}`)) {
    found.add(name);
    Object.keys(describe(name).dependencies ?? {}).forEach((other) => withDependencies(other, found));
  }
  return found;
}

const wording = { "MIT": "@tabler/icons/LICENSE", "Apache-2.0": "tom-select/LICENSE" };
function licences(packages) {
  return [...packages].sort().map((name) => {
    const { version, license, author } = describe(name);
    const files = readdirSync(`node_modules/${name}`).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
    const texts = files.map((file) => read(`${name}/${file}`).toString().trim());
    if (!files.length) { // some packages only name their licence; the wording comes from another one
      const holder = `Copyright (c) ${author?.name ?? author ?? `the ${name} authors`}`;
      texts.push(read(wording[license]).toString().trim().replace(/^Copyright \(c\).*$/m, holder));
    }
    return `${name} ${version} (${license})\n\n${texts.join("\n\n")}\n`;
  }).join(`\n${"=".repeat(100)}\n\n`);
}

const manifest = {};
const sizes = {};
const held = {}; // a script and its style sheet share one file of licences
function write(name, contents, packages) {
  const bytes = Buffer.from(contents);
  const hash = (kind, encoding) => createHash(kind).update(bytes).digest(encoding);
  const sha256 = hash("sha256", "hex");
  const stem = basename(name, extname(name));
  const file = `${stem}.${sha256.slice(0, 12)}${extname(name)}`;
  const gz = gzipSync(bytes, { level: 9 });
  const br = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
  for (const [suffix, data] of [["", bytes], [".gz", gz], [".br", br]]) writeFileSync(join(out, file + suffix), data);
  held[stem] = new Set([...held[stem] ?? [], ...packages]);
  manifest[name] = { file, sha256, integrity: `sha384-${hash("sha384", "base64")}` };
  sizes[name] = { raw: bytes.length, gz: gz.length, br: br.length };
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const [name, file] of Object.entries(copied)) {
  const text = read(file).toString().replace(/\n?(\/\/|\/\*)# sourceMappingURL=\S+( \*\/)?\s*$/, "\n");
  write(name, text, withDependencies(packageOf(file)));
}
for (const [name, source] of Object.entries(bundled)) {
  const [contents, inputs] = await bundle(source);
  const found = new Set(inputs.map(packageOf)); // style sheets come prebuilt, scripts from source
  write(name, contents, extname(name) === ".css" ? new Set([...found].flatMap((pack) => [...withDependencies(pack)])) : found);
}
for (const [name, file] of Object.entries(pruned)) {
  const sheet = { raw: read(file).toString(), extension: "css" };
  const [{ css }] = await new PurgeCSS().purge({ content: naming, css: [sheet], safelist: { standard: composed } });
  write(name, css.replace(/\s*\/\*# sourceMappingURL=\S+ \*\/\s*$/, "\n"), withDependencies(packageOf(file)));
}
write("icons.svg", iconSprite(), ["@tabler/icons"]);
for (const [stem, packages] of Object.entries(held)) {
  if (packages.size) writeFileSync(join(out, `${stem}.LICENSES.txt`), licences(packages));
}
const sorted = Object.fromEntries(Object.entries(manifest).sort());
writeFileSync(join(out, "manifest.json"), `${JSON.stringify(sorted, null, 2)}\n`);

const total = (names, kind) => names.reduce((sum, name) => sum + sizes[name][kind], 0);
const row = (label, { raw, gz, br }) => console.log(label.padEnd(36), ...[raw, gz, br].map((n) => `${n}`.padStart(9)));
const sum = (names) => ({ raw: total(names, "raw"), gz: total(names, "gz"), br: total(names, "br") });
console.log("".padEnd(36), ...["raw", "gz", "br"].map((title) => title.padStart(9)));
Object.keys(sorted).forEach((name) => row(name, sizes[name]));
row("inbox, first load", sum(inbox));
row("inbox with the form of a task", sum([...inbox, "form.js", "form-viewer.js"]));
if (total(inbox, "gz") > budget) throw new Error(`Expected an inbox of at most ${budget} bytes, but found more`);
