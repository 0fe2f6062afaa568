/* The service worker: shows what the server pushes, and leads to what it is about. It keeps no page and answers no
   request: there is no fetch handler and no cache here. */
"use strict";
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

const windows = () => self.clients.matchAll({ type: "window", includeUncontrolled: true });

function read(data) {
  try { return data.json(); } catch { return {}; } // without a text browsers would show one of their own
}

// Browsers want something to be shown for each message. Chromium alone lets it be where somebody looks at a page of ours,
// whose bell has rung already; others count it, and take the permission away.
async function isSeen() {
  return "userAgentData" in navigator && (await windows()).some((one) => one.focused && one.visibilityState === "visible");
}

async function show({ title = "bpm-server", body = "", url = "/", tag = "bpm-server", lang = "" }) {
  if (tag !== "test" && await isSeen()) return;
  await self.registration.showNotification(title, { body, tag, lang, data: { url } });
}

self.addEventListener("push", (event) => event.waitUntil(show(read(event.data))));

function ours(path) {
  const url = new URL(path, self.location.origin);
  return url.origin === self.location.origin ? url : new URL("/", self.location.origin);
}

// A page on which somebody may be writing is left alone: only lists go elsewhere, and what is there already comes forward.
const LISTS = new Set(["/", "/notifications"]);
async function go(url) {
  const open = await windows();
  const there = open.find((one) => new URL(one.url).pathname === url.pathname);
  if (there) return there.focus();
  const list = open.find((one) => LISTS.has(new URL(one.url).pathname));
  if (list) {
    const moved = await list.navigate(url.href).catch(() => null); // a page from before this worker does not obey it
    if (moved) return moved.focus();
  }
  return self.clients.openWindow(url.href);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(go(ours(event.notification.data?.url ?? "/")));
});

async function renew(after) {
  const { key } = await (await fetch("/push/device", { headers: { Accept: "application/json" } })).json();
  const found = after ?? await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const { endpoint, keys } = found.toJSON();
  const body = new URLSearchParams({ endpoint, ...keys, server_key: key });
  await fetch("/push/renewal", { method: "POST", body, headers: { "X-Push-Renewal": "1", Accept: "application/json" } });
}

self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(event.newSubscription)));
