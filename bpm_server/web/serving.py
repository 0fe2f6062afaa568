"""Serves the WSGI application over HTTP/1.1 with waitress, in this very process.

waitress reads requests and sends replies in one thread and calls the application in the others, so that slow
clients hold no thread. This module adds what a product needs around it: stopping without losing requests,
replies without a body that keep their connection, and the limits. docs/adr/0003-http-server.md says why.

The application finds questions in its environ: for event streams and long polls ``bpm_server.stopping()`` and
``waitress.client_disconnected()``, for whoever watches it ``bpm_server.leaving()`` and ``bpm_server.load()`` (how many
wait for a thread), and how to wait without a thread (see ``parked``).
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import BaseWSGIServer, create_server
from waitress.task import WSGITask

from bpm_server.web.parked import CROWDED, MEMORY, PARK, PARKED, Parked, ParkingLot, RequestParked, parkable
from bpm_server.web.queueing import BoundedDispatcher, RefusalTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType
    from wsgiref.types import WSGIApplication

ON_WINDOWS = os.name == "nt"
SWITCH_SECONDS = 0.001
"""The reading thread waits at most this long for a busy one (Python's 5 ms doubled the p99)."""
STEP_SECONDS = 0.25
"""A signal that arrives just before the loop waits is noticed this late."""
LOOK_SECONDS = 0.1
"""How late it may be noticed that somebody's time is over."""
LINGER_SECONDS = 1.0
"""How long a stopping server keeps idle connections, for a request that may already be on its way."""


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """What clients may take. Bodies over the limit are refused (413) while they arrive, chunked ones too."""

    threads: int = 8
    body_bytes: int = 32_000_000
    header_bytes: int = 65_536
    connections: int = 500 if ON_WINDOWS else 2_000  # select() on Windows takes no more
    idle_seconds: int = 120
    header_seconds: int = 30
    """A request whose headers take longer is cut off: a byte a second would else hold a connection for ever."""
    most_waiting: int = 200
    """Requests that wait for a thread; those beyond are refused (503)."""
    trusted_proxy: str | None = None
    """Address of the reverse proxy whose X-Forwarded-* headers count; without one they are removed."""


class _Parser(HTTPRequestParser):
    def received(self, data: bytes) -> int:
        consumed = super().received(data)
        if self.error is not None:
            self.expect_continue = False  # invites no body that is refused anyway
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            message = "Expected a body with one length, but found Content-Length and Transfer-Encoding"
            raise ParsingError(message)


class _KeepsBodilessConnections:
    """waitress ends the connection after every 204 and 304; the API answers 204 all day."""

    version: str
    has_body: bool
    request: Any
    channel: Any

    def set_close_on_finish(self) -> None:
        asked = self.request.headers.get("CONNECTION", "").lower() == "close"
        if self.version == "1.1" and not self.has_body and not asked and not self.channel.server.stopping:
            return
        super().set_close_on_finish()  # type: ignore[misc]


class _Task(_KeepsBodilessConnections, WSGITask):
    def build_response_header(self) -> bytes:
        if self.channel.server.stopping:
            self.set_close_on_finish()
        header: bytes = super().build_response_header()
        return header

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        server = self.channel.server
        environ["bpm_server.stopping"] = lambda: server.stopping
        environ["bpm_server.leaving"] = lambda: server.leaving
        environ["bpm_server.load"] = server.load
        environ[MEMORY] = self.request.__dict__.setdefault("memory", {})

        def park(seconds: float) -> Parked:
            parked = Parked(time.monotonic() + seconds, self.channel.run_again)
            environ[PARKED] = self.channel.parked = parked
            return parked

        environ[PARK] = park
        environ[CROWDED] = lambda: len(server.lot) >= server.adj.connection_limit // 2
        return environ


class _Channel(HTTPChannel):
    parser_class = _Parser
    task_class = _Task
    error_task_class = RefusalTask
    server: Any
    is_receiving = False
    is_refused = False
    begun: float | None = None
    parked: Parked | None = None

    def service(self) -> None:
        """Runs a request; one that parks gives the thread back."""
        try:
            super().service()
        except RequestParked:
            assert self.parked is not None  # noqa: S101
            self.requests[0].get_body_stream().seek(0)
            self.server.lot.enter(self, self.parked)

    def run_again(self) -> None:
        """A request that had parked gets a thread again."""
        parked, self.parked = self.parked, None
        self.server.lot.leave(parked)
        self.server.add_task(self)

    def received(self, data: bytes) -> bool:
        self.is_receiving = True
        begun = self.begun or time.monotonic()
        go_on: bool = super().received(data)
        self.is_receiving = False
        self.begun = begun if self.request is not None and not self.request.headers_finished else None
        if self.is_refused:
            self.is_refused = False
            self.service()
        return go_on

    def is_busy(self) -> bool:
        """Whether a request runs, its body is still arriving or its reply is still being sent."""
        arriving = self.request is not None and self.request.headers_finished
        return bool(self.requests or self.total_outbufs_len or arriving)


class HttpServer:
    """One waitress whose loop belongs to the caller: ``step`` until it is time to stop, then ``drain``."""

    def __init__(self, app: WSGIApplication, listeners: Sequence[socket.socket], settings: ServingSettings) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        self._map: dict[int, Any] = {}
        self._lot = ParkingLot()
        proxy: dict[str, Any] = {"clear_untrusted_proxy_headers": True}
        if settings.trusted_proxy is not None:
            headers = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port"}
            proxy |= {"trusted_proxy": settings.trusted_proxy, "trusted_proxy_headers": headers}
        dispatcher = BoundedDispatcher(settings.threads, settings.most_waiting)
        create_server(
            parkable(app),
            map=self._map,
            sockets=list(listeners),
            _dispatcher=dispatcher,
            max_request_body_size=settings.body_bytes,
            max_request_header_size=settings.header_bytes,
            connection_limit=settings.connections,
            channel_timeout=settings.idle_seconds,
            channel_request_lookahead=1,  # else nobody notices that a waiting client has gone
            asyncore_use_poll=True,
            ident=None,
            **proxy,
        )
        self._listeners: list[Any] = [part for part in self._map.values() if isinstance(part, BaseWSGIServer)]
        for listener in self._listeners:
            listener.channel_class = _Channel
            listener.stopping = listener.leaving = False
            listener.load = dispatcher.waiting
            listener.lot = self._lot
        self._header_seconds = settings.header_seconds
        self._look_again = 0.0

    def step(self, seconds: float) -> None:
        """Reads, writes and hands out requests, for at most ``seconds`` while nothing happens."""
        wasyncore.loop(timeout=seconds, use_poll=True, map=self._map, count=1)
        now = time.monotonic()
        if now >= self._look_again:
            self._look_again = now + LOOK_SECONDS
            self._lot.look(stopping=self._listeners[0].stopping)
            self._cut_slow_headers(now - self._header_seconds)

    def _cut_slow_headers(self, before: float) -> None:
        for channel in self._channels():
            if channel.begun is not None and channel.begun < before:
                channel.will_close = True

    def wake(self) -> None:
        """Ends a ``step`` early; may be called from other threads and from signal handlers."""
        with suppress(OSError):  # already closed
            self._listeners[0].pull_trigger()

    def give_notice(self, seconds: float, go_on: Callable[[], bool] = lambda: True) -> None:
        """Goes on serving for so long, or as long as ``go_on()``, while ``/health/ready`` says that it is leaving."""
        for listener in self._listeners:
            listener.leaving = True
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and go_on():
            self.step(min(left, STEP_SECONDS))

    def drain(self, seconds: float, go_on: Callable[[], bool] = lambda: True) -> bool:
        """Takes no new connections and finishes what runs, for at most ``seconds`` or until not ``go_on()``.

        Returns:
            Whether everything was finished.
        """
        started = time.monotonic()
        for listener in self._listeners:
            listener.stopping = True
            wasyncore.dispatcher.close(listener)  # the trigger of the loop stays
        while (channels := self._channels()) and time.monotonic() < started + seconds and go_on():
            if time.monotonic() > started + LINGER_SECONDS:
                for channel in channels:
                    channel.will_close = channel.will_close or not channel.is_busy()
            self.step(0.1)
        finished = not any(channel.is_busy() for channel in self._channels())
        self._listeners[0].task_dispatcher.shutdown(timeout=1 if finished else 0)
        wasyncore.close_all(self._map)
        return finished

    def _channels(self) -> list[_Channel]:
        return [part for part in self._map.values() if isinstance(part, _Channel)]


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        OSError: where the address is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


def serve(
    app: WSGIApplication,
    listener: socket.socket,
    settings: ServingSettings | None = None,
    *,
    notice_seconds: float = 0,
    grace_seconds: float = 30,
    on_stop: Callable[[], None] = lambda: None,
) -> bool:
    """Serves until SIGTERM or Ctrl-C, then finishes the running requests; a second signal ends at once.

    To be called in the main thread. Returns whether every request was finished.

    Args:
        app: The application.
        listener: Where it listens.
        settings: What clients may take.
        notice_seconds: After the signal it goes on serving for so long, while it says that it is leaving.
        grace_seconds: Afterwards running requests may take so long.
        on_stop: Called once, right after the signal.
    """
    server = HttpServer(app, [listener], settings or ServingSettings())
    asked = 0

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        server.wake()

    with _on_stop_signals(stop):
        while not asked:
            server.step(STEP_SECONDS)
        on_stop()
        server.give_notice(notice_seconds, lambda: asked == 1)
        return server.drain(grace_seconds, lambda: asked == 1)


@contextmanager
def _on_stop_signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        message = "Expected to serve in the main thread, but found another"
        raise RuntimeError(message)
    names = [name for name in ("SIGTERM", "SIGINT", "SIGBREAK") if hasattr(signal, name)]
    before = {getattr(signal, name): signal.signal(getattr(signal, name), handler) for name in names}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
