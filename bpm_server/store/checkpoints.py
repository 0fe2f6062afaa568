"""SQLite's write-ahead log is copied into the database beside the work, so that no commit stops for it.

SQLite lets the commit that makes the log too long copy it, with two syncs: somebody waits a tenth of a second for what
others wrote. A server process does it in a thread of its own. Commits write on meanwhile; under a load that leaves no
pause the rest is copied while nobody writes, and the log begins anew.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bpm_server.kernel import metrics
from bpm_server.kernel.errors import Unavailable
from bpm_server.kernel.log import get_logger

if TYPE_CHECKING:
    from bpm_server.store.database import Database

log = get_logger(__name__)
EVERY_S = 0.25
WRITES = 40
"""Fewer than so many since the last time are left for later; a write is about 30 pages of 4 KiB."""
LONG = 8_000
"""Pages of the log (32 MB) from which on writers wait for the rest."""
PATIENCE_MS = 50
"""For readers and writers in other processes."""
LOG_PAGES = 64_000
"""From which on a commit copies after all (256 MB)."""


class Checkpointer:
    """Copies the log of one database as long as it runs."""

    def __init__(self, database: Database) -> None:
        database.log_pages = LOG_PAGES  # of connections to come
        self._database = database
        self._copied = database.writes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)

    def start(self) -> None:
        """From now on."""
        self._thread.start()

    def stop(self) -> None:
        """Waits until a copy that has begun has ended."""
        self._stop.set()
        self._thread.join()

    def round(self) -> None:
        """Copies, if enough was written since."""
        writes = self._database.writes
        if writes - self._copied < WRITES:
            return
        pages = self._database.copy_log()
        if pages > LONG:  # it would have begun anew if somebody had not written meanwhile
            self._database.copy_log(patience_ms=PATIENCE_MS)
        self._copied = writes

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            try:
                self.round()
            except Unavailable as error:
                log.warning("database.log_not_copied", reason=error.message)
            except Exception:
                metrics.WORK_FAILED.labels("checkpoint").inc()
                log.exception("database.copying_failed")
