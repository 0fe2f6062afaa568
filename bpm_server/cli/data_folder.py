"""One embedded server per data folder: a lock file that the operating system releases when the process ends."""

from __future__ import annotations

import contextlib
import os
from typing import IO, TYPE_CHECKING

from bpm_server.kernel.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock.

    Raises:
        Conflict: another server runs on this folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "server.lock").open("a+", encoding="ascii") as file:
        if not _try_lock(file):
            message = f"Expected to be the only server on '{folder}', but another one is running there"
            raise Conflict(message)
        yield


def _try_lock(file: IO[str]) -> bool:
    try:
        if os.name == "nt":
            import msvcrt  # noqa: PLC0415

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl  # noqa: PLC0415

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
