"""The first things of an installation: roles, the first administrator, the demo company."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from bpm_server.connectors import webhooks
from bpm_server.connectors.sealed_fields import EMAIL
from bpm_server.domain.audit import Entity, Operation
from bpm_server.domain.identity import ROLES, SYSTEM
from bpm_server.kernel import json
from bpm_server.services.authorization import authorize
from bpm_server.services.deliveries import SECRET_PURPOSE
from bpm_server.services.organisations import lock_organisation, write_organisation
from bpm_server.services.transaction import command, transaction
from bpm_server.store import identities as store
from bpm_server.store import outbox

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.domain.demo import Company
    from bpm_server.domain.identity import Actor
    from bpm_server.domain.organisation import Organisation
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction

ADMIN = "admin"


@command
def prepare_installation(server: Server, admin_password: str) -> str | None:
    """Adds roles and the administrator to a database that has nobody.

    Returns:
        The administrator's password where one was generated, else None.
    """
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "SYSTEM", "UPDATE")
        for role_id, (name, permissions) in ROLES.items():
            store.save_role(tx.connection, role_id, name, json.dumps(permissions))
        if store.count_users(tx.connection):
            return None
        generated = None if admin_password else secrets.token_urlsafe(12)
        _add_person(tx, ADMIN, "Administrator", admin_password or generated or "", (), ("admin",))
        store.identity_changed(tx.connection)
        tx.audit(Entity.USER, Operation.CREATE, ADMIN)
    return generated


@command
def note_restore(server: Server, actor: Actor, file_name: str, product: str, taken_at: datetime) -> None:
    """Notes in the audit log of a restored database where it comes from.

    Args:
        server: On the database that was restored.
        actor: Who asked for it.
        file_name: The backup, without its folder.
        product: The release that wrote it.
        taken_at: When.

    Raises:
        Forbidden: the permission SYSTEM:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "SYSTEM", "UPDATE")
        taken = taken_at.isoformat(timespec="seconds")
        description = f"database restored from a backup of bpm-server {product} that was taken at {taken}"
        tx.audit(Entity.RESOURCE, Operation.CREATE, file_name[-256:], description=description)


def _add_person(
    tx: Transaction,
    username: str,
    name: str,
    password: str,
    groups: tuple[str, ...],
    roles: tuple[str, ...],
    *,
    title: str | None = None,
    is_demo: bool = False,
) -> None:
    values = {
        "username": username,
        "name": name,
        **EMAIL.columns(tx.server.secrets, username, None),
        "title": title,
        "password_hash": tx.server.identities.hash(password),
        "active": True,
        "is_demo": is_demo,
        "created_at": tx.now,
    }
    store.save_user(tx.connection, values)
    store.set_groups(tx.connection, username, groups)
    store.set_roles(tx.connection, username, roles)


@command
def install_demo_company(server: Server, company: Company) -> bool:
    """Adds people with their organisation, groups and a webhook endpoint; False where they are there already."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "SYSTEM", "UPDATE")
        if store.find_user(tx.connection, company.people[0].username) is not None:
            return False
        before = lock_organisation(tx)
        for group_id, name in company.groups.items():
            store.save_group(tx.connection, group_id, name)
        for person in company.people:
            _add_person(
                tx,
                person.username,
                person.name,
                company.password,
                person.groups,
                person.roles,
                title=person.title,
                is_demo=True,
            )
        _add_departments(tx, before, company)
        if outbox.find_endpoint(tx.connection, company.endpoint) is None:
            keys = json.dumps_bytes([webhooks.new_secret()])
            values = {
                "key": server.new_key(),
                "name": company.endpoint,
                "url": f"{server.settings.url()}/demo/finance-system",
                "secrets": server.secrets.seal(keys, SECRET_PURPOSE),
                "created_at": tx.now,
                "created_by": tx.actor.username,
                "disabled_at": None,
                "disabled_reason": None,
                "paused_until": None,
                "most_per_minute": None,
            }
            outbox.insert_endpoint(tx.connection, values)
    return True


def _add_departments(tx: Transaction, before: Organisation, company: Company) -> None:
    """Those of an installation that has some already stay."""
    departments = {one.department_id: one for one in company.departments}
    positions = {one.position_id: one for one in company.positions}
    after = replace(
        before,
        departments={**departments, **before.departments},
        positions={**positions, **before.positions},
        memberships=(*before.memberships, *company.memberships),
    )
    write_organisation(tx, before, after)
