"""Who acts, and what they may do.

Permissions use Camunda's words for resources and actions, so that roles here and authorizations on the REST API
are the same thing.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    email: str | None = field(default=None, repr=False)
    groups: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    permissions: frozenset[Permission] = frozenset()
    language: str | None = None
    time_zone: str | None = None
    theme: str | None = None
    density: str | None = None
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
ANONYMOUS_NAME = "anonymous"
"""Of whoever calls without credentials, where the installation allows it."""
PUBLIC_FORM_NAME = "public form"
"""Of who starts a process by a public form; no account can have it: a username has no space."""

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
            "EXPRESSION:EVALUATE",
            "CLUSTER_VARIABLE:READ",
            "ORGANISATION:READ",
            "CALENDAR:READ",
        ),
    ),
    "operator": (
        "Operator",
        (
            "PROCESS_DEFINITION:*",
            "DECISION_DEFINITION:*",
            "RESOURCE:READ",
            "CLUSTER_VARIABLE:*",
            "DOCUMENT:*",
            "MESSAGE:*",
            "BATCH:*",
            "WEBHOOK:*",
            "MAIL:*",
            "SYSTEM:READ",
            "ORGANISATION:READ",
            "CALENDAR:*",
        ),
    ),
    "worker": (
        "Job worker",
        (
            "PROCESS_DEFINITION:UPDATE_PROCESS_INSTANCE",
            "PROCESS_DEFINITION:READ_PROCESS_INSTANCE",
            "PROCESS_DEFINITION:CREATE_PROCESS_INSTANCE",
            "DOCUMENT:CREATE",
            "DOCUMENT:READ",
            "MESSAGE:CREATE",
        ),
    ),
    "staff": (
        "Staff",
        (
            "PROCESS_DEFINITION:CREATE_PROCESS_INSTANCE",
            "PROCESS_DEFINITION:READ_PROCESS_DEFINITION",
            "ORGANISATION:READ",
            "CALENDAR:READ",
        ),
    ),
}
"""Roles that every installation begins with: name and permissions."""
ANONYMOUS = Actor(
    ANONYMOUS_NAME,
    permissions=frozenset(
        Permission.parse(text) for role in ("designer", "operator", "worker", "staff") for text in ROLES[role][1]
    ),
)
"""Who calls ``/v2`` without credentials, where the installation allows it: all process work, no people."""

_CRUD = ("CREATE", "READ", "UPDATE", "DELETE")
RIGHTS: dict[str, tuple[str, ...]] = {
    "AUDIT_LOG": ("READ",),
    "AUTHORIZATION": _CRUD,
    "BATCH": (
        "CREATE",
        "CREATE_BATCH_OPERATION_CANCEL_PROCESS_INSTANCE",
        "CREATE_BATCH_OPERATION_DELETE_PROCESS_INSTANCE",
        "CREATE_BATCH_OPERATION_MIGRATE_PROCESS_INSTANCE",
        "CREATE_BATCH_OPERATION_MODIFY_PROCESS_INSTANCE",
        "CREATE_BATCH_OPERATION_RESOLVE_INCIDENT",
        "CREATE_BATCH_OPERATION_SUSPEND_PROCESS_INSTANCE",
        "READ",
        "UPDATE",
    ),
    "CLUSTER_VARIABLE": _CRUD,
    "COMPONENT": ("ACCESS",),
    "DECISION_DEFINITION": (
        "CREATE_DECISION_INSTANCE",
        "DELETE_DECISION_INSTANCE",
        "READ_DECISION_DEFINITION",
        "READ_DECISION_INSTANCE",
    ),
    "DECISION_REQUIREMENTS_DEFINITION": ("READ",),
    "DOCUMENT": ("CREATE", "READ", "DELETE"),
    "EXPRESSION": ("EVALUATE",),
    "GROUP": _CRUD,
    "MESSAGE": ("CREATE", "READ"),
    "PROCESS_DEFINITION": (
        "CANCEL_PROCESS_INSTANCE",
        "CREATE_PROCESS_INSTANCE",
        "DELETE_PROCESS_INSTANCE",
        "MODIFY_PROCESS_INSTANCE",
        "READ_PROCESS_DEFINITION",
        "READ_PROCESS_INSTANCE",
        "READ_USER_TASK",
        "SUSPEND_PROCESS_INSTANCE",
        "UPDATE_PROCESS_INSTANCE",
        "UPDATE_USER_TASK",
    ),
    "RESOURCE": ("CREATE", "READ", "DELETE_DRD", "DELETE_FORM", "DELETE_PROCESS", "DELETE_RESOURCE"),
    "ROLE": _CRUD,
    "SYSTEM": ("READ", "UPDATE"),
    "USER": _CRUD,
}
"""Resources and actions in Camunda's words that mean something here."""
ADMIN_ROLE = "admin"
IDENTIFIER = re.compile(r"[A-Za-z0-9_~@.+\-]{1,256}")
LEAST_PASSWORD = 8
LONGEST_PASSWORD = 1_000


def check_identifier(text: str, what: str) -> str:
    """A name by which a person, group or role is known everywhere.

    Raises:
        InvalidInput: empty, too long, or with other characters than letters, digits and ``_~@.+-``.
    """
    if IDENTIFIER.fullmatch(text):
        return text
    message = f"Expected {what} of 1 to 256 letters, digits and _~@.+-, but found '{text[:60]}'"
    raise InvalidInput(message)


def check_password(password: str) -> str:
    """A password that is worth having.

    Raises:
        InvalidInput: too short or too long; the message does not show it.
    """
    if LEAST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return password
    message = f"Expected a password of {LEAST_PASSWORD} to {LONGEST_PASSWORD} characters, but found {len(password)}"
    raise InvalidInput(message, field="password")


@dataclass(frozen=True, slots=True)
class Authorization:
    """Rights that a role gives on one kind of resource, for one id or all: Camunda's authorization."""

    role_id: str
    resource: str
    resource_id: str
    actions: tuple[str, ...]

    @property
    def key(self) -> int:
        """Always the same for the same role, resource and id."""
        text = f"{self.role_id}\0{self.resource}\0{self.resource_id}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def authorizations(role_id: str, permissions: Iterable[str]) -> list[Authorization]:
    """A role's permissions as authorizations; those for everything are spelled out."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for permission in map(Permission.parse, permissions):
        for resource in RIGHTS if permission.resource == ANY else (permission.resource,):
            if resource in RIGHTS:
                actions = RIGHTS[resource] if permission.action == ANY else (permission.action,)
                found.setdefault((resource, permission.resource_id), {}).update(dict.fromkeys(actions))
    return [Authorization(role_id, resource, rid, tuple(actions)) for (resource, rid), actions in found.items()]
