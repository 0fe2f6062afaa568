"""A company whose people sign, and processes with approval nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import quoteattr

import sqlalchemy as sa

from bpm_server.domain.identity import Actor, Permission
from bpm_server.kernel import json
from bpm_server.services import approvals
from bpm_server.store.identities import identity_changed
from bpm_server.store.tables.approvals import approval, approval_act, approval_item
from bpm_server.store.tables.identity import group, group_member, role, role_member, user
from bpm_server.store.tables.instances import incident
from bpm_server.store.tables.organisation import department, department_member
from bpm_server.store.tables.tasks import user_task, user_task_candidate
from tests.support.bpmn_builder import Process
from tests.support.product import START, Product

PEOPLE = ("ann", "bob", "cai", "dan", "eve", "fei")
"""Bob heads everybody; all but ann are in the group ``board``."""


def hire(bpm: Product, *more: str) -> None:
    """Puts the people into the directory."""
    people = (*PEOPLE, *more, "admin")
    rows = [{"username": name, "name": name.title(), "active": True, "created_at": START} for name in people]
    with bpm.server.database.write() as connection:
        connection.execute(user.insert(), rows)
        connection.execute(group.insert(), [{"group_id": "board", "name": "Board"}])
        connection.execute(
            group_member.insert(), [{"group_id": "board", "username": name} for name in ("bob", "cai", "dan")]
        )
        connection.execute(role.insert(), [{"role_id": "admin", "name": "Administrator", "permissions": "[]"}])
        connection.execute(role_member.insert(), [{"role_id": "admin", "kind": "u", "member": "admin"}])
        connection.execute(department.insert(), [{"department_id": "all", "name": "All", "head": "bob"}])
        members = [{"department_id": "all", "username": name, "is_main": True} for name in PEOPLE]
        connection.execute(department_member.insert(), members)
        identity_changed(connection)
        connection.commit()


def properties(**values: str) -> str:
    """``zeebe:properties`` of an approval; ``on_reject`` becomes ``approval.onReject``."""

    def name(key: str) -> str:
        first, *rest = key.split("_")
        return "approval." + first + "".join(part.title() for part in rest)

    rows = "".join(f"<zeebe:property name={quoteattr(name(k))} value={quoteattr(v)}/>" for k, v in values.items())
    return f"<zeebe:properties>{rows}</zeebe:properties>"


def node(p: Process, key: str, mode: str, signers: str | None = None, **policy: str) -> str:
    """An approval node."""
    named = {"mode": mode, **({} if signers is None else {"signers": signers}), **policy}
    return p.user(key, extra=properties(**named))


def one_node(mode: str, signers: str | None = "ann, bob, cai", **policy: str) -> bytes:
    """Start, approval ``sign``, end."""
    p = Process()
    p.path(p.start(), node(p, "sign", mode, signers, **policy), p.end())
    return p.xml()


def person(name: str) -> Actor:
    """Somebody without rights."""
    return Actor(name)


def starter(name: str) -> Actor:
    """Somebody who may start processes."""
    return Actor(name, permissions=frozenset({Permission("PROCESS_DEFINITION", "CREATE_PROCESS_INSTANCE")}))


@dataclass
class Desk:
    """What people do at approval nodes, in short."""

    bpm: Product

    def start(self, file: bytes, initiator: str = "eve", element_id: str = "sign", **variables: Any) -> tuple[int, int]:
        """Deploys and starts: the instance, and the task that waits."""
        self.bpm.deploy(file)
        instance = self.bpm.start(actor=starter(initiator), **variables)
        return instance, self.task(element_id)

    def task(self, element_id: str = "sign") -> int:
        return self.bpm.task(element_id).key

    def vote(self, name: str, outcome: str = "approved", key: int | None = None, **more: Any) -> Any:
        comment = more.pop("comment", None if outcome == "approved" else "no")
        return approvals.decide(self.bpm.server, person(name), key or self.task(), outcome, comment, **more)

    def asked(self, key: int) -> list[str]:
        """Who has the task in their inbox."""
        t = user_task_candidate
        return sorted(self.bpm.scalars(sa.select(t.c.name).where(t.c.task_key == key, t.c.kind == "u")))

    def items(self, key: int) -> dict[str, str]:
        """What became of each person; the last where somebody had several."""
        t = approval_item
        query = sa.select(t.c.person, t.c.state).where(t.c.task_key == key).order_by(t.c.key)
        return {row.person: row.state for row in self.bpm.rows(query)}

    def item(self, key: int, name: str) -> int:
        t = approval_item
        query = sa.select(t.c.key).where(t.c.task_key == key, t.c.person == name).order_by(t.c.key)
        found: int = self.bpm.scalars(query)[-1]
        return found

    def outcome(self, key: int) -> str | None:
        found: str | None = self.bpm.scalars(sa.select(approval.c.outcome).where(approval.c.task_key == key))[0]
        return found

    def acts(self, key: int) -> list[tuple[str, str]]:
        """Who did what, in order."""
        t = approval_act
        query = sa.select(t.c.actor, t.c.act).where(t.c.task_key == key).order_by(t.c.key)
        return [tuple(row) for row in self.bpm.rows(query)]

    def incidents(self, key: int) -> list[tuple[str, str]]:
        """State and kind of each at a task, in order."""
        query = sa.select(incident.c.state, incident.c.kind).where(incident.c.element_key == key)
        return [tuple(row) for row in self.bpm.rows(query.order_by(incident.c.key))]

    def state(self, key: int) -> str:
        found: str = self.bpm.scalars(sa.select(user_task.c.state).where(user_task.c.key == key))[0]
        return found

    def reason(self, key: int, name: str) -> Any:
        t = approval_item
        return json.loads(self.bpm.scalars(sa.select(t.c.reason).where(t.c.task_key == key, t.c.person == name))[0])


__all__ = ["PEOPLE", "Desk", "hire", "node", "one_node", "person", "properties", "starter"]
