"""Changes of user tasks are answered when their listeners are done, as Camunda 8 does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.kernel.errors import TimedOut, WrongState
from bpm_server.reports.listening import Heard, find_heard
from bpm_server.services import idempotency
from bpm_server.web import access, parking

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_WAIT_S = 10.0
TOPICS = ("task-listeners",)


class Denied(WrongState):
    """A task listener said no; ``reason`` is what it said."""


def await_listeners(task_key: int, change: Callable[[], int | None], seconds: float = DEFAULT_WAIT_S) -> None:
    """Changes a task and waits until the change counts.

    Args:
        task_key: The task.
        change: The command; gives the key of the change, None where it counts already.
        seconds: How long to wait.

    Raises:
        Denied: a listener said no.
        WrongState: the process took the task back meanwhile.
        TimedOut: listeners are still at work; the change counts when they are done.
    """
    operation = idempotency.remembered(change)
    if operation is None:
        return
    server, places = access.server(), parking.of_app()
    with places.place() as taken:
        wait = seconds if taken else 0
        heard: Heard | None = places.wait(TOPICS, lambda: find_heard(server, task_key, operation), wait)
    if heard is None:
        message = f"Expected the listeners of task '{task_key}' to be done in {seconds:g} s, but they are still at work"
        raise TimedOut(message, userTaskKey=str(task_key))
    if heard.denied:
        because = f": {heard.reason}" if heard.reason else ""
        message = f"Expected to change task '{task_key}', but a task listener denied it{because}"
        raise Denied(message, reason=heard.reason, retry=False)
    if heard.gone:
        message = f"Expected to change task '{task_key}', but its process took it back while listeners were at work"
        raise WrongState(message, retry=False)
