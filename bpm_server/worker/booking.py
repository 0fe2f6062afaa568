"""Booking results of jobs together: what finishes while others are being booked goes into the next transaction.

One that fails spoils no other: it, and those beside it, are booked one by one then.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel.errors import Unavailable
from bpm_server.kernel.log import get_logger
from bpm_server.services import jobs
from bpm_server.services.job_batches import MOST, complete_jobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpm_server.services.job_batches import Completion
    from bpm_server.services.server import Server

log = get_logger(__name__)


def book(server: Server, completions: Sequence[Completion]) -> dict[int, Exception]:
    """Books results, together where that is possible; returns, by key, why some could not be booked.

    Raises:
        Unavailable: the database is away; what was not booked is not.
    """
    failed: dict[int, Exception] = {}
    for start in range(0, len(completions), MOST):
        failed |= _book_some(server, completions[start : start + MOST])
    return failed


def _book_some(server: Server, completions: Sequence[Completion]) -> dict[int, Exception]:
    failed: dict[int, Exception] = {}
    left = list(completions)
    if len(left) > 1:
        try:
            booked = complete_jobs(server, SYSTEM, left)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a step of one of them: who it was shows by itself
            log.info("jobs.booked_singly", jobs=len(left), reason=f"{type(error).__name__}: {error}")
        else:
            failed |= booked.refused
            left = [one for one in left if one.key in booked.busy]
    for one in left:
        try:
            jobs.complete_job(server, SYSTEM, one.key, one.variables, local=one.local, lease=one.lease)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - told to whoever waits for it
            failed[one.key] = error
    return failed


@dataclass(slots=True, eq=False)
class _Waiting:
    completion: Completion
    is_done: bool = False
    error: Exception | None = None


class Booker:
    """Books for many threads; one of those that wait does it for all."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []

    def complete(self, completions: Sequence[Completion]) -> dict[int, Exception]:
        """Returns when the results are booked: by key, why some could not be, as from ``jobs.complete_job``."""
        mine = [_Waiting(one) for one in completions]
        with self._lock:
            self._waiting += mine
        with self._turn:
            while not all(one.is_done for one in mine):  # the first round may have other results of the same jobs
                self._book_all()
        return {one.completion.key: one.error for one in mine if one.error is not None}

    def _book_all(self) -> None:
        with self._lock:  # of two results of one job, the second has its own turn
            together = list({one.completion.key: one for one in reversed(self._waiting)}.values())
            self._waiting = [one for one in self._waiting if one not in together]
        try:
            failed = book(self._server, [one.completion for one in together])
        except Exception as error:  # noqa: BLE001 - the database is away, which all of them are told
            failed = {one.completion.key: error for one in together}
        for one in together:
            one.is_done, one.error = True, failed.get(one.completion.key)
