"""What operators may do with a case: suspend and resume it, delete it; moving and migrating have pages of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint

from bpm_server.domain.states import InstanceState
from bpm_server.kernel.errors import Conflict
from bpm_server.services import deletion, suspension
from bpm_server.web import access
from bpm_server.web.pages import answers
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.process_instances import InstanceLine
    from bpm_server.services.server import Server

pages = Blueprint("case_operations", __name__)
PATH = "/instances/<int:key>"
RESOURCE = "PROCESS_DEFINITION"
SUSPEND, MODIFY, MIGRATE, DELETE = (
    "SUSPEND_PROCESS_INSTANCE",
    "MODIFY_PROCESS_INSTANCE",
    "UPDATE_PROCESS_INSTANCE",
    "DELETE_PROCESS_INSTANCE",
)


@dataclass(frozen=True, slots=True)
class Offers:
    """What to offer somebody at a case; whether it is allowed is decided by the command itself."""

    suspend: bool = False
    resume: bool = False
    modify: bool = False
    migrate: bool = False
    delete: bool = False

    @property
    def any(self) -> bool:
        """Whether there is anything to offer."""
        return self.suspend or self.resume or self.modify or self.migrate or self.delete


def offers(who: Actor, line: InstanceLine) -> Offers:
    """What somebody may do with a case as it stands."""

    def may(action: str) -> bool:
        return who.may(RESOURCE, action, line.process_id)

    if line.ended_at is not None:
        return Offers(delete=line.parent_key is None and may(DELETE))
    suspended = line.state == InstanceState.SUSPENDED
    return Offers(
        suspend=not suspended and may(SUSPEND),
        resume=suspended and may(SUSPEND),
        modify=not suspended and may(MODIFY),
        migrate=may(MIGRATE),
    )


@pages.post(f"{PATH}/suspend")
def suspend(key: int) -> Response:
    """Lets nothing of a case move."""
    return _done(suspension.suspend_instance, key, _("The case is suspended."))


@pages.post(f"{PATH}/resume")
def resume(key: int) -> Response:
    """Lets a case go on."""
    return _done(suspension.resume_instance, key, _("The case goes on."))


def _done(command: Callable[[Server, Actor, int], None], key: int, text: str) -> Response:
    """Back to the case with a word about what happened, or about why it did not."""
    back = answers.go_to(f"/instances/{key}")
    try:
        command(access.server(), actor(), key)
    except Conflict as error:
        return answers.said(back, error.message, tone="bad")
    return answers.said(back, text)


@pages.post(f"{PATH}/delete")
def delete(key: int) -> Response:
    """Takes an ended case away, with its history."""
    deletion.delete_instance(access.server(), actor(), key)
    return answers.said(answers.go_to("/instances"), _("The case is deleted."))
