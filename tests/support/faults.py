"""Faults of the world around a process: a disk that fills up, a network that stops in one direction or in both."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class SmallDisk:
    """A file system of its own that can be filled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Takes all the space there is."""
        with self._ballast.open("ab") as file, contextlib.suppress(OSError):
            while True:
                os.write(file.fileno(), b"\0" * 4096)

    def free(self) -> None:
        """Gives it back."""
        self._ballast.unlink()


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """A file system in memory at a folder."""
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    done = subprocess.run(mounting, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small disk needs the right to mount (run the tests as root): {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Proxy:
    """Stands between a program and a server on 127.0.0.1, and stops passing on what it is told to.

    Attributes:
        port: Where the program connects.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._pass = threading.Event()
        self._pass.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: Any) -> None:
        self._listener.close()
        self._pass.set()
        self.cut()

    def hold(self) -> None:
        """Nothing passes, and nobody is told."""
        self._pass.clear()

    def go_on(self) -> None:
        """What was held passes."""
        self._pass.set()

    def half_close(self, *, towards_server: bool) -> None:
        """Every open connection ends in one direction, the other stays open."""
        for pair in self._pairs:
            with contextlib.suppress(OSError):  # closed before
                pair[towards_server].shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """Every open connection ends at once, with a reset."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for side in pair:
                with contextlib.suppress(OSError):
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                side.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener has been closed
            while True:
                inner, _ = self._listener.accept()
                outer = socket.create_connection(("127.0.0.1", self._target))
                with self._lock:
                    self._pairs.append((inner, outer))
                for one, other in ((inner, outer), (outer, inner)):
                    threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):  # cut meanwhile
            while data := source.recv(1 << 16):
                self._pass.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
