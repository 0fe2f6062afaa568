/* Says when the lists and the bell look different: a stream of events while somebody looks; without one, polling. */
(() => {
  "use strict";
  const RETRY_MS = 60_000; // after the server refused, and as a net below the stream
  let stream = null;

  function show(unread) {
    const badge = document.getElementById("unread");
    if (!badge) return;
    badge.hidden = !unread;
    badge.querySelector("[data-number]").textContent = unread > 99 ? "99+" : unread;
  }

  function refresh() { document.dispatchEvent(new Event("list-changed")); }

  function open() {
    if (stream || document.hidden || !window.EventSource) return;
    stream = new EventSource("/events");
    stream.addEventListener("open", () => { document.body.dataset.live = ""; });
    stream.addEventListener("news", (event) => {
      show(JSON.parse(event.data).unread);
      refresh();
    });
    stream.addEventListener("error", () => {
      if (stream?.readyState !== EventSource.CLOSED) return; // it comes again by itself
      close();
    });
  }

  function close() {
    stream?.close();
    stream = null;
    delete document.body.dataset.live;
  }

  // A tab that nobody sees holds no connection: browsers have six of them for a server.
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else open(); });
  window.addEventListener("pagehide", close);
  document.addEventListener("submit", (event) => { if (event.target.matches("[data-act=sign-out]")) close(); });
  setInterval(() => { if (!document.hidden) { open(); if (stream) refresh(); } }, RETRY_MS);
  open();
})();
