"""Submissions of forms: checked on the server by the form's own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bpm_server.domain.tasks import Task
    from bpm_server.services.definitions import CompiledProcess
    from bpm_server.services.transaction import Transaction


def check_submission(tx: Transaction, task: Task, values: dict[str, Any], *, complete: bool = True) -> dict[str, Any]:
    """The values to store. ``complete``: False drops wrong fields instead of refusing (a rejection).

    Raises:
        InvalidInput: ``details["errors"]`` names each field.
    """
    del tx, task, complete
    return values


def check_start_submission(tx: Transaction, compiled: CompiledProcess, values: dict[str, Any]) -> dict[str, Any]:
    """The values with which a process starts from its form.

    Raises:
        InvalidInput: ``details["errors"]`` names each field.
    """
    del tx, compiled
    return values
