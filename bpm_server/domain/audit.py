"""The audit log's words, Camunda's: what was done to what, by whom."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from bpm_server.domain.identity import ANONYMOUS_NAME, PUBLIC_FORM_NAME

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor

LONGEST_DESCRIPTION = 512


class Entity(StrEnum):
    """What something was done to."""

    AUTHORIZATION = "AUTHORIZATION"
    BATCH = "BATCH"
    DECISION = "DECISION"
    GROUP = "GROUP"
    INCIDENT = "INCIDENT"
    JOB = "JOB"
    PROCESS_INSTANCE = "PROCESS_INSTANCE"
    RESOURCE = "RESOURCE"
    ROLE = "ROLE"
    USER = "USER"
    USER_TASK = "USER_TASK"
    VARIABLE = "VARIABLE"


class Operation(StrEnum):
    """What was done."""

    ASSIGN = "ASSIGN"
    CANCEL = "CANCEL"
    COMPLETE = "COMPLETE"
    CREATE = "CREATE"
    DELETE = "DELETE"
    EVALUATE = "EVALUATE"
    MIGRATE = "MIGRATE"
    MODIFY = "MODIFY"
    RESOLVE = "RESOLVE"
    RESUME = "RESUME"
    SUSPEND = "SUSPEND"
    UNASSIGN = "UNASSIGN"
    UPDATE = "UPDATE"


class Category(StrEnum):
    """By what the right to read is given."""

    ADMIN = "ADMIN"
    DEPLOYED_RESOURCES = "DEPLOYED_RESOURCES"
    USER_TASKS = "USER_TASKS"


class ActorType(StrEnum):
    """Who acted: a person, nobody who signed in, or the installation's own command line."""

    ANONYMOUS = "ANONYMOUS"
    CLIENT = "CLIENT"
    USER = "USER"


_ADMIN = frozenset({Entity.AUTHORIZATION, Entity.GROUP, Entity.ROLE, Entity.USER})


def category(entity: Entity) -> Category:
    """Where an entry belongs."""
    if entity in _ADMIN:
        return Category.ADMIN
    return Category.USER_TASKS if entity is Entity.USER_TASK else Category.DEPLOYED_RESOURCES


def actor_type(actor: Actor) -> ActorType:
    """What kind of actor it was."""
    if actor.is_system:
        return ActorType.CLIENT
    return ActorType.ANONYMOUS if actor.username in (ANONYMOUS_NAME, PUBLIC_FORM_NAME) else ActorType.USER
