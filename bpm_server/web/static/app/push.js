/* Notifications on this device: keeps the browser's subscription what the server wants it to be, and the part of the
   page of settings that turns it on and off. Loaded for whoever is signed in, where the server sends any. */
(() => {
  "use strict";
  const part = document.getElementById("push");
  const token = document.querySelector("[data-act=sign-out] [name=csrf_token]")?.value ?? "";
  const { person } = document.currentScript.dataset;
  const CHECKED = "bpm-push-checked"; // whose it was found to be, and when
  const CHECK_AGAIN_MS = 3_600_000;
  const able = window.isSecureContext && "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
  const hex = (buffer) => [...new Uint8Array(buffer)].map((one) => one.toString(16).padStart(2, "0")).join("");
  const digest = async (text) => hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));

  async function ask() {
    const answer = await fetch("/push/device", { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`/push/device: ${answer.status}`);
    return answer.json();
  }

  async function tell(path, values = {}) {
    const answer = await fetch(path, { method: "POST", body: new URLSearchParams(values), headers: { "X-CSRF-Token": token, Accept: "application/json" } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  }

  // Always anew: one that there is was made with another key, for somebody else, or the push service knows it no more.
  async function subscribe(key) {
    await navigator.serviceWorker.register("/sw.js");
    const { pushManager } = await navigator.serviceWorker.ready;
    await (await pushManager.getSubscription())?.unsubscribe();
    const found = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
    const { endpoint, keys } = found.toJSON();
    await tell("/push/device", { endpoint, ...keys, server_key: key });
  }

  // Nothing of whoever was signed in before stays here: neither the subscription nor what it has shown.
  async function clear() {
    const registration = await navigator.serviceWorker?.getRegistration("/");
    if (!registration) return;
    (await registration.getNotifications()).forEach((one) => one.close());
    await (await registration.pushManager.getSubscription())?.unsubscribe();
  }

  // Subscribes again where the browser or the server has lost it, or the server has another key. Says whether it is on.
  const alone = (act) => navigator.locks.request("bpm-push", act); // one page at a time
  const check = () => alone(look);
  async function look() {
    const { key, wanted, endpoint } = await ask();
    if (!wanted) { await clear(); return false; }
    if (Notification.permission !== "granted") { await turnOff(); return false; }
    const registration = await navigator.serviceWorker.getRegistration("/");
    const found = await registration?.pushManager.getSubscription();
    const same = found && hex(found.options.applicationServerKey ?? new ArrayBuffer(0)) === hex(bytes(key));
    if (!same || await digest(found.endpoint) !== endpoint) await subscribe(key);
    return true;
  }

  async function turnOff() {
    await tell("/push/device/off");
    await clear();
  }

  // --- the page of settings -----------------------------------------------------------------------------------
  function show(state) {
    for (const one of part.querySelectorAll("[data-push]")) one.hidden = !one.dataset.push.split(" ").includes(state);
  }

  async function settings() {
    if (!window.isSecureContext) return show("insecure");
    if (!able) return show("unsupported");
    const isOn = await check();
    return show(Notification.permission === "denied" ? "denied" : isOn ? "on" : "off");
  }

  async function turnOn() {
    const permission = await Notification.requestPermission();
    if (permission !== "granted") return show(permission === "denied" ? "denied" : "off");
    await alone(async () => subscribe((await ask()).key));
    return location.reload();
  }

  function failed(error) {
    console.warn(error);
    show("failed");
  }

  part?.addEventListener("click", (event) => {
    const act = { "push-on": turnOn, "push-off": () => turnOff().then(() => location.reload()) }[event.target.closest("button")?.dataset.act];
    if (!act) return;
    event.target.closest("button").disabled = true;
    act().catch(failed).finally(() => { event.target.closest("button").disabled = false; });
  });

  document.addEventListener("submit", (event) => {
    if (!able || !event.target.matches("[data-act=sign-out]") || event.defaultPrevented) return;
    event.preventDefault();
    const enough = new Promise((done) => { setTimeout(done, 1_000); });
    Promise.race([clear().catch(() => null), enough]).then(() => event.target.submit());
  });

  function isChecked() {
    const [at, ...name] = (localStorage.getItem(CHECKED) ?? "").split(" ");
    return name.join(" ") === person && Date.now() - Number(at) < CHECK_AGAIN_MS;
  }

  if (part) settings().catch(failed);
  else if (able && !isChecked()) {
    check().then(() => localStorage.setItem(CHECKED, `${Date.now()} ${person}`)).catch((error) => console.warn(error));
  }
})();
