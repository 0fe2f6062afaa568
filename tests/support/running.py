"""A real server process, started by the command line as its user would."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ADMIN_PASSWORD = "chaos-password"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Answer(Exception):
    """A reply that is no success."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class Api:
    """A small JSON client; one connection for each thread."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.port = port
        self.token = token
        self._local = threading.local()
        self._opened: list[http.client.HTTPConnection] = []

    def close(self) -> None:
        """Closes the connections of all threads."""
        for connection in self._opened:
            connection.close()

    def __call__(self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None) -> Any:
        """The reply's JSON; raises ``Answer`` or ``OSError``."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            self._opened.append(connection)
        sent = {"authorization": f"Bearer {self.token}"} if self.token else {}
        data = None
        if body is not None:
            data = json.dumps(body)
            sent["content-type"] = "application/json"
        try:
            connection.request(method, path, data, {**sent, **(headers or {})})
            reply = connection.getresponse()
            text = reply.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()  # it opens again with the next request
            raise OSError(str(error)) from error
        found = json.loads(text) if text else None
        if reply.status >= 300:
            raise Answer(reply.status, found)
        return found


class RunningServer:
    """``bpm-server up`` in a process of its own."""

    def __init__(self, folder: Path, *arguments: str, port: int | None = None, **environment: str) -> None:
        self.port = port or free_port()
        self.folder = folder
        self.arguments = arguments
        self.environment = {
            **os.environ,
            "BPM_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "BPM_ALLOW_LOOPBACK_WEBHOOKS": "1",
            "PYTHONWARNINGS": "ignore",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "server.log"

    def start(self, timeout_s: float = 60.0) -> float:
        """Starts it; returns the seconds until it answered."""
        begun = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bpm_server", "up", "--port", str(self.port), "--data-dir",
                 str(self.folder / "data"), *self.arguments],
                stdout=log, stderr=log, env=self.environment,
            )  # fmt: skip
        with contextlib.closing(Api(self.port)) as api:
            while time.monotonic() - begun < timeout_s and self.process.poll() is None:
                with contextlib.suppress(OSError, Answer):
                    api("GET", "/health/ready")
                    return time.monotonic() - begun
                time.sleep(0.05)
        message = f"the server did not start:\n{self.log.read_text(errors='replace')[-3000:]}"
        raise AssertionError(message)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def api(self) -> Api:
        """A client with a token of the administrator."""
        credentials = base64.b64encode(f"admin:{ADMIN_PASSWORD}".encode()).decode()
        with contextlib.closing(Api(self.port)) as first:
            made = first("POST", "/api/tokens", {"name": "test"}, headers={"authorization": f"Basic {credentials}"})
        return Api(self.port, made["token"])


@contextlib.contextmanager
def running(folder: Path, *arguments: str, **environment: str) -> Iterator[RunningServer]:
    """A server that is stopped at the end."""
    server = RunningServer(folder, *arguments, **environment)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop()
