"""What a suspended process instance still takes, what waits until it is resumed, and what is refused.

Nothing that moves a token happens meanwhile: timers stay due, jobs and tasks are not handed out, messages are kept for
their time to live, signals pass by. Results of work that was handed out before, and of called processes, are not lost:
they wait.

Source: Camunda 8.10 documentation, "Process instance suspension"; Camunda 7's tasks of suspended instances.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain import commands as c
from bpm_server.kernel.errors import WrongState

if TYPE_CHECKING:
    from bpm_server.domain.commands import Command

MOVES_NOTHING = (c.SetVariables, c.RaiseIncident, c.CancelInstance, c.ResumeInstance, c.MigrateInstance)
WAITS = (c.CompleteJob, c.ThrowError, c.ThrowEscalation, c.CompleteCall, c.TriggerEvent, c.Continue)


def waits_until_resumed(command: Command, key: int) -> bool:
    """Whether a command for the suspended instance ``key`` is kept until it is resumed; else it runs now.

    Raises:
        WrongState: neither.
    """
    if isinstance(command, MOVES_NOTHING):
        return False
    if isinstance(command, WAITS):
        return True
    message = f"Expected process instance '{key}' to be active, but it is suspended: resume it first"
    raise WrongState(message, retry=False)
