"""Asking a worker: one way for tasks, listeners, safe points and ad-hoc sub-processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.model import JobWork
from bpm_server.bpmn.values import Static
from bpm_server.domain import events
from bpm_server.domain.retries import DEFAULT_RETRIES, cycle_retries
from bpm_server.engine import variables as v

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.engine.token import Token

DEFAULT_PRIORITY = 50
SAFE_POINT = JobWork(Static("async"))


def create_job(
    token: Token,
    work: JobWork,
    kind: str = "element",
    *,
    listener_event: str | None = None,
    headers: Mapping[str, str] | None = None,
    operation: int | None = None,
    task: dict[str, Any] | None = None,
) -> None:
    """Creates the job that a token waits for.

    Args:
        token: At the element.
        work: What is asked. Tries: as it says, else as its retry cycle says, else three.
        kind: ``element``, ``ad-hoc``, ``execution-listener``, ``task-listener`` or ``async``.
        listener_event: The moment that a listener is called for.
        headers: Beside the job's own, which win.
        operation: The change of a user task that waits for it.
        task: What a task listener is told of its task.

    Raises:
        Stuck: type, retries or priority cannot be evaluated.
    """
    instance = token.workflow
    what = "listener type" if listener_event is not None else "job type"
    job_type = v.text(work.type, token, what)
    tries = cycle_retries(work.retry_cycle) if work.retry_cycle else None
    retries = v.whole(work.retries, token, "retries", tries or DEFAULT_RETRIES)
    priority = v.whole(work.priority, token, "priority", DEFAULT_PRIORITY)
    token.remember("job", 1)
    instance.emit(
        events.JobCreated(
            key=instance.new_key(),
            element_key=token.id,
            element_id=token.task_spec.element_id,
            type=job_type,
            retries=retries,
            headers={**(headers or {}), **work.headers},
            priority=priority,
            kind=kind,
            scope_path=instance.scope_path(token),
            chunk=token.chunk_key,
            handler=work.handler,
            retry_cycle=work.retry_cycle,
            listener_event=listener_event,
            operation=operation,
            task=task,
        )
    )
