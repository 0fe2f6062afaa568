"""Requests that wait for a thread: so many and no more; what comes beyond is refused at once.

A refusal is written by the thread that reads requests, so that it needs none of those that are all at work. Questions
after the server's health go before everything that waits.
"""

from __future__ import annotations

import json
from typing import Any

from waitress.task import ErrorTask, ThreadedTaskDispatcher
from waitress.utilities import Error

from bpm_server.kernel import metrics

HEALTH = "/health/"
RETRY_AFTER_S = 1
_DETAIL = "Expected a thread for this request, but too many wait for one already"


class Overloaded(Error):
    """503 in the form of ``web.problems``, which is not reached."""

    def __init__(self, path: str) -> None:
        super().__init__(_DETAIL)
        self.path = path

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], str]:
        del ident
        problem = {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": _DETAIL,
            "instance": self.path,
            "code": "unavailable",
        }
        headers = [("Content-Type", "application/problem+json"), ("Retry-After", str(RETRY_AFTER_S))]
        return "503 Service Unavailable", headers, json.dumps(problem)


class RefusalTask(ErrorTask):
    """Keeps the connection of a client that is told to come again."""

    def execute(self) -> None:
        error: Any = getattr(self.request, "error", None)
        if not isinstance(error, Overloaded):
            super().execute()
            return
        self.status, headers, body = error.to_response()
        self.response_headers = [*self.response_headers, *headers]
        data = body.encode()
        self.content_length = len(data)
        self.write(data)


class BoundedDispatcher(ThreadedTaskDispatcher):
    """The threads, and what waits for them."""

    def __init__(self, threads: int, most_waiting: int) -> None:
        super().__init__()
        self._most_waiting = most_waiting
        self.set_thread_count(threads)

    def waiting(self) -> int:
        """How many requests no thread has taken yet."""
        return len(self.queue)

    def add_task(self, task: Any) -> None:
        """A channel has a request; one that has just arrived may be refused."""
        request = task.requests[0]
        first = str(getattr(request, "path", "")).startswith(HEALTH)
        with self.lock:
            free = len(self.threads) - self.stop_count - self.active_count
            if task.is_receiving and not first and len(self.queue) - free >= self._most_waiting:
                metrics.REFUSED.inc()
                request.error = Overloaded(request.path)
                task.is_refused = True
                return
            (self.queue.appendleft if first else self.queue.append)(task)
            self.queue_cv.notify()
