"""A real RabbitMQ in a process of its own: on 127.0.0.1, in a folder of the test, killed and started again at will."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.support.running import free_port
from tests.support.services import missing

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


class Broker:
    """One node; ``url`` is for kombu and Celery."""

    def __init__(self, folder: Path) -> None:
        if not SERVER.exists() and shutil.which("rabbitmq-server") is None:
            missing("RabbitMQ", "run 'make services' (Debian), or install it")
        self.folder = folder
        self.port, distribution, epmd = free_port(), free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        settings = folder / "rabbitmq.conf"
        settings.write_text(f"listeners.tcp.local = 127.0.0.1:{self.port}\ndisk_free_limit.absolute = 50MB\n")
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"bpm{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(settings),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(epmd),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, timeout_s: float = 90.0) -> Broker:
        """Starts the node, with what it has kept."""
        command = str(SERVER if SERVER.exists() else shutil.which("rabbitmq-server"))
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [command], stdout=log, stderr=log, env=self.environment, start_new_session=True
            )
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            if self._answers():
                return self
            time.sleep(0.2)
        text = (self.folder / "server.log").read_text(errors="replace")[-3_000:]
        message = f"RabbitMQ did not start:\n{text}"
        raise AssertionError(message)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                connection.settimeout(5)
                return bool(connection.recv(7))
        except OSError:
            return False

    def kill(self) -> None:
        """kill -9 of the node and what belongs to it."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """Ends it, and the name server that it has started on a port of its own."""
        self._signal(signal.SIGTERM)
        epmd = shutil.which("epmd")
        if epmd is not None:
            subprocess.run([epmd, "-kill"], env=self.environment, check=False, capture_output=True)

    def _signal(self, number: int) -> None:
        process: Any = self.process
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, number)
        process.wait(30)
