"""How long what has ended is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.bpmn.timers import Duration


def removal_time(ended_at: datetime, own: Duration | None, default_days: int) -> datetime | None:
    """When an instance that has ended may be removed; None: never.

    Args:
        ended_at: Its end.
        own: What its process says.
        default_days: What the installation says for processes that say nothing; 0: keep.
    """
    if own is not None:
        return own.after(ended_at)
    return ended_at + timedelta(days=default_days) if default_days else None


@dataclass(frozen=True, slots=True)
class Ended:
    """Which instances to remove.

    Attributes:
        before: Those that ended by then, whatever their removal time; None: those whose removal time has come.
        process_id: Only of this process.
    """

    before: datetime | None = None
    process_id: str | None = None
