"""The one question of every command: may this actor do this?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.kernel.errors import Forbidden

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor


def authorize(actor: Actor, resource: str, action: str, resource_id: str | None = None) -> None:
    """Lets the actor pass, or raises.

    Args:
        actor: Who asks.
        resource: Kind of resource in Camunda's words, for instance ``PROCESS_DEFINITION``.
        action: For instance ``CREATE_PROCESS_INSTANCE``.
        resource_id: Which one, where the right can be given for one.

    Raises:
        Forbidden: the right is missing; the message names it.
    """
    if not actor.may(resource, action, resource_id):
        which = f" on '{resource_id}'" if resource_id else ""
        message = f"Expected '{actor.username}' to have the permission {resource}:{action}{which}, but it is missing"
        raise Forbidden(message, permission=f"{resource}:{action}")
