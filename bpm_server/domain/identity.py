"""Who acts, and what they may do.

Permissions use Camunda's words for resources and actions, so that roles here and authorizations on the REST API
are the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

ANY = "*"


class Permission(NamedTuple):
    """A right: an action on a kind of resource, for one id or all."""

    resource: str
    action: str
    resource_id: str = ANY

    def __str__(self) -> str:
        return f"{self.resource}:{self.action}" + ("" if self.resource_id == ANY else f":{self.resource_id}")

    @classmethod
    def parse(cls, text: str) -> Permission:
        """Reads ``RESOURCE:ACTION`` or ``RESOURCE:ACTION:id``."""
        resource, _, rest = text.partition(":")
        action, _, resource_id = rest.partition(":")
        return cls(resource, action or ANY, resource_id or ANY)


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person or program, or the server itself.

    Attributes:
        permissions: From all roles, own and of groups.
        is_system: The worker acting for the server; everything is allowed.
    """

    username: str
    name: str | None = None
    email: str | None = None
    groups: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    permissions: frozenset[Permission] = frozenset()
    language: str | None = None
    time_zone: str | None = None
    is_system: bool = False
    granted: frozenset[tuple[str, str]] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        everywhere = frozenset((p.resource, p.action) for p in self.permissions if p.resource_id == ANY)
        object.__setattr__(self, "granted", everywhere)

    def may(self, resource: str, action: str, resource_id: str | None = None) -> bool:
        """Whether this right was granted, for everything or for this id."""
        if self.is_system or (ANY, ANY) in self.granted:
            return True
        if (resource, action) in self.granted or (resource, ANY) in self.granted:
            return True
        return resource_id is not None and any(
            p.resource == resource and p.action in (action, ANY) and p.resource_id == resource_id
            for p in self.permissions
        )

    def is_candidate(self, users: frozenset[str], groups: frozenset[str]) -> bool:
        """Whether a task is offered to this person."""
        return self.username in users or bool(self.groups & groups)


SYSTEM = Actor("system", is_system=True)

ROLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "admin": ("Administrator", ("*:*",)),
    "designer": (
        "Process designer",
        (
            "RESOURCE:CREATE",
            "RESOURCE:READ",
            "RESOURCE:DELETE_PROCESS",
            "PROCESS_DEFINITION:READ_PROCESS_DEFINITION",
            "PROCESS_DEFINITION:READ_PROCESS_INSTANCE",
            "PROCESS_DEFINITION:CREATE_PROCESS_INSTANCE",
            "DECISION_DEFINITION:*",
        ),
    ),
    "operator": (
        "Operator",
        (
            "PROCESS_DEFINITION:*",
            "DECISION_DEFINITION:*",
            "RESOURCE:READ",
            "MESSAGE:*",
            "WEBHOOK:*",
            "SYSTEM:READ",
        ),
    ),
    "worker": (
        "Job worker",
        (
            "PROCESS_DEFINITION:UPDATE_PROCESS_INSTANCE",
            "PROCESS_DEFINITION:READ_PROCESS_INSTANCE",
            "PROCESS_DEFINITION:CREATE_PROCESS_INSTANCE",
            "MESSAGE:CREATE",
        ),
    ),
    "staff": (
        "Staff",
        ("PROCESS_DEFINITION:CREATE_PROCESS_INSTANCE", "PROCESS_DEFINITION:READ_PROCESS_DEFINITION"),
    ),
}
"""Roles that every installation begins with: name and permissions."""
