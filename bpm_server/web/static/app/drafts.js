/* The draft of a form: kept by the server some seconds after a change, on leaving, and by a button.

   What the server does not have yet lies in this window's storage as well, which survives a reload and a lost session. */
const PAUSE = 2_500;

/* A form without a line for drafts (nobody is signed in, or it only shows) has none. */
export function openDraft(element, { word }) {
  const line = element.closest("[data-form-scope], article")?.querySelector("[data-draft]");
  return line && !("readonly" in element.dataset) ? new Draft(element, line, word) : null;
}

class Draft {
  constructor(element, line, word) {
    this.line = line;
    this.word = word;
    this.storage = `draft:${element.dataset.key}`;
    this.isFilled = "filled" in element.dataset;
    this.version = Number(line.dataset.version);
    this.key = line.dataset.draftKey;
    /* What is shown comes from a link or a copy beside a draft: that is replaced only when somebody says so. */
    this.asks = this.isFilled && this.version > 0;
    this.leaving = () => { if (document.hidden) this.flush(); };
    this.saving = null;
    line.querySelector("[data-draft-save]").addEventListener("click", () => { this.asks = false; this.save({ anyway: true }); });
    line.querySelector("[data-draft-discard]").addEventListener("click", () => this.discard());
    document.addEventListener("visibilitychange", this.leaving);
    addEventListener("pagehide", this.flushing = () => this.flush());
  }

  /* What to show instead of the form's own data; null: nothing. `isLocal`: the server has not got it. */
  found(kept) {
    if (this.isFilled) return null;
    try {
      const local = JSON.parse(sessionStorage.getItem(this.storage));
      if (local) { this.latest = local; return { ...local, isLocal: true }; }
    } catch { sessionStorage.removeItem(this.storage); }
    return kept || null;
  }

  /* What is in the form when it is shown; form-js says "changed" of things that nobody has changed. */
  shown(value) { this.before = JSON.stringify(value); }

  changed(value) {
    const text = JSON.stringify(value);
    if (text === this.before) return;
    this.before = text;
    this.latest = value;
    if (this.isSent || this.asks) return;
    if (!this.isFilled) sessionStorage.setItem(this.storage, JSON.stringify(value));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), PAUSE);
  }

  async save({ anyway = false, leaving = false } = {}) {
    clearTimeout(this.timer);
    this.timer = 0;
    if (this.isSent || this.asks || (!this.latest && !anyway)) return;
    if (this.saving && !leaving) { await this.saving; }
    const { values = {}, comment = "" } = this.latest ?? this.current?.() ?? {};
    const value = this.latest;
    this.saving = this.send(this.line.dataset.draft, { values: JSON.stringify(values), comment, version: this.version }, leaving);
    const reply = await this.saving;
    this.saving = null;
    if (!reply) this.warn("draftUnkept");
    else if (reply.ok) this.kept(await reply.json(), value);
    else await this.refused(reply);
  }

  kept({ key, version, text }, value) {
    Object.assign(this, { key, version });
    if (this.latest === value) { this.latest = null; sessionStorage.removeItem(this.storage); }
    this.say(text);
    this.line.querySelector("[data-draft-discard]").hidden = false;
  }

  async refused(reply) {
    const problem = await reply.json().catch(() => ({}));
    if (problem.code !== "stale_version") { this.warn("draftUnkept"); return; }
    this.asks = true;
    const keep = () => { Object.assign(this, { asks: false, version: problem.version }); this.latest ??= this.current(); this.save(); };
    const load = () => { this.isSent = true; sessionStorage.removeItem(this.storage); location.reload(); };
    const acts = [["keepThis", keep]];
    if (problem.version) acts.push(["loadOther", load]);
    this.warn(problem.version ? "draftElsewhere" : "draftGone", acts);
  }

  async discard() {
    if (!confirm(this.word("discardDraft"))) return;
    this.pause();
    if (this.key) {
      const reply = await this.send(`/drafts/${this.key}/discard`, {});
      if (!reply || !(reply.ok || reply.status === 404)) { this.isSent = false; this.warn("draftUnkept"); return; }
    }
    sessionStorage.removeItem(this.storage);
    Object.assign(this, { key: "", version: 0, latest: null, asks: false });
    this.line.querySelector("[data-draft-discard]").hidden = true;
    this.say("");
    await this.reset?.();
    this.isSent = false;
  }

  /* The form is on its way: nothing is kept any more, unless it comes back. */
  pause() {
    this.isSent = true;
    clearTimeout(this.timer);
    this.timer = 0;
    sessionStorage.removeItem(this.storage);
  }
  resume() {
    this.isSent = false;
    if (!this.latest) return;
    this.before = "";
    this.changed(this.latest);
  }

  flush() { if (this.timer) this.save({ leaving: true }); }

  close() {
    this.flush();
    document.removeEventListener("visibilitychange", this.leaving);
    removeEventListener("pagehide", this.flushing);
  }

  send(address, values, leaving = false) {
    const token = this.line.closest("[data-form-scope], article").querySelector("[name=csrf_token]")?.value ?? "";
    const options = { method: "POST", body: new URLSearchParams(values), redirect: "manual",
      headers: { Accept: "application/json", "X-CSRF-Token": token }, keepalive: leaving };
    return fetch(address, options).then(
      (reply) => reply.type === "opaqueredirect" ? { ok: true, json: async () => ({}) } : reply, () => null);
  }

  warn(name, acts) {
    this.say(this.word(name), acts);
    this.line.dataset.unkept = "";
  }

  say(text, acts = []) {
    delete this.line.dataset.unkept;
    const place = this.line.querySelector("[data-draft-text]");
    place.replaceChildren(text);
    for (const [name, run] of acts) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-sm", textContent: this.word(name) });
      button.addEventListener("click", run);
      place.append(" ", button);
    }
  }
}
