"""People, groups, roles and rights through Camunda's Python client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.python_client import world

if TYPE_CHECKING:
    from tests.conformance.python_client import World

__all__ = ["world"]

sdk = pytest.importorskip("camunda_orchestration_sdk")
from camunda_orchestration_sdk import models  # noqa: E402


def test_people_and_their_rights(world: World) -> None:
    client = world.client
    client.create_user(
        data=models.UserRequest(username="ann", password="long enough", name="Ann", email="a@example.org")
    )
    client.create_group(data=models.GroupCreateRequest(group_id="sales", name="Sales"))
    client.create_role(data=models.RoleCreateRequest(role_id="seller", name="Seller"))
    client.assign_user_to_group("sales", "ann")
    client.assign_role_to_user("seller", "ann")
    client.assign_role_to_group("seller", "sales")
    assert [one.username for one in client.search_users_for_group("sales").items] == ["ann"]
    assert [one.username for one in client.search_users_for_role("seller").items] == ["ann"]
    assert [one.group_id for one in client.search_groups_for_role("seller").items] == ["sales"]
    assert [one.role_id for one in client.search_roles_for_group("sales").items] == ["seller"]
    assert client.get_user("ann").name == "Ann"
    assert client.update_user("ann", data=models.UserUpdateRequest(name="Anna")).name == "Anna"
    assert client.get_group("sales").name == "Sales"
    assert client.get_role("seller").name == "Seller"
    client.update_group("sales", data=models.GroupUpdateRequest(name="Selling"))
    client.update_role("seller", data=models.RoleUpdateRequest(name="Sells"))
    right = {"ownerId": "seller", "ownerType": "ROLE", "resourceId": "order", "resourceType": "PROCESS_DEFINITION"}
    made = client.create_authorization(
        data=models.AuthorizationIdBasedRequest.from_dict({**right, "permissionTypes": ["READ_PROCESS_INSTANCE"]})
    )
    assert client.get_authorization(made.authorization_key).resource_id == "order"
    assert client.search_authorizations().items
    assert client.search_own_authorizations().authorizations_enabled
    client.update_authorization(
        made.authorization_key,
        data=models.AuthorizationIdBasedRequest.from_dict({**right, "permissionTypes": ["CREATE_PROCESS_INSTANCE"]}),
    )
    assert client.get_authorization(made.authorization_key).permission_types == ["CREATE_PROCESS_INSTANCE"]
    assert [one.name for one in client.search_groups().items] == ["Selling"]
    assert "Sells" in [one.name for one in client.search_roles().items]
    client.delete_authorization(made.authorization_key)
    client.unassign_role_from_group("seller", "sales")
    client.unassign_role_from_user("seller", "ann")
    client.unassign_user_from_group("sales", "ann")
    client.delete_role("seller")
    client.delete_group("sales")
    client.delete_user("ann")
    assert [one.username for one in client.search_users().items] == ["admin", "camunda"]


def test_another_administrator(world: World) -> None:
    """An installation has one from the beginning, so adding one needs its rights."""
    person = models.UserRequest(username="ann", password="long enough", name="Ann", email="a@example.org")
    assert world.client.create_admin_user(data=person).username == "ann"
    assert {one.username for one in world.client.search_users_for_role("admin").items} == {"admin", "camunda", "ann"}
