"""A company that signs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpm_server.kernel import json
from bpm_server.services import identities
from bpm_server.store.identities import identity_changed
from bpm_server.store.tables.identity import role, role_member, user
from tests.support.approvals import Desk, hire
from tests.support.product import START

if TYPE_CHECKING:
    from bpm_server.domain.identity import Actor
    from tests.support.product import Product


@pytest.fixture
def desk(bpm: Product) -> Desk:
    """People, and what they do at approval nodes."""
    hire(bpm)
    return Desk(bpm)


@pytest.fixture
def hr(desk: Desk) -> Actor:
    """Who may change the organisation, and nothing else."""
    with desk.bpm.server.database.write() as connection:
        connection.execute(user.insert(), {"username": "hr", "name": "Hr", "active": True, "created_at": START})
        rights = json.dumps(["ORGANISATION:*", "USER:UPDATE"])
        connection.execute(role.insert(), {"role_id": "hr", "name": "People", "permissions": rights})
        connection.execute(role_member.insert(), {"role_id": "hr", "kind": "u", "member": "hr"})
        identity_changed(connection)
        connection.commit()
    return identities.actor_by_name(desk.bpm.server, "hr")
