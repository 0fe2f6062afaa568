/* Says when the lists and the bell look different: a stream of events while somebody looks; without one, polling. */
(() => {
  "use strict";
  const RETRY_MS = 60_000; // after the server refused, and as a net below the stream
  let stream = null;
  let known = document.body.dataset.known || ""; // what the page was made of; the stream tells what has changed since

  function show(unread) {
    const badge = document.getElementById("unread");
    if (!badge) return;
    badge.hidden = !unread;
    badge.querySelector("[data-number]").textContent = unread > 99 ? "99+" : unread;
  }

  function refresh() { document.dispatchEvent(new Event("list-changed")); }

  function open() {
    if (stream || document.hidden || !window.EventSource) return;
    stream = new EventSource(known ? `/events?known=${encodeURIComponent(known)}` : "/events");
    document.body.dataset.live = ""; // a stream that has nothing to tell says nothing, not even that it is open
    stream.addEventListener("news", (event) => {
      known = event.lastEventId;
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
