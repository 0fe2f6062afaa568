"""``/v2/roles``: who has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.reports import people as report
from bpm_server.reports.sight import EVERYTHING
from bpm_server.services import roles
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Body, Reply, Text
from bpm_server.web.api.searching import SearchTable

if TYPE_CHECKING:
    from bpm_server.reports.people import RoleLine
    from bpm_server.reports.query import Page, Query

api = ApiBlueprint("roles", tag="Role")


class RoleResult(Reply):
    """A role."""

    role_id = Text()
    name = Text()
    description = Text(null=True)


class RoleUser(Reply):
    """Somebody who was given a role."""

    username = Text()


class RoleGroup(Reply):
    """A group that was given a role."""

    group_id = Text()


class RoleCreation(Body):
    """A new role."""

    role_id = Text(longest=256, required=True)
    name = Text(longest=256, required=True)
    description = Text(longest=4_000, null=True, load_default=None)


class RoleUpdate(Body):
    """Name and description."""

    name = Text(longest=256, required=True)
    description = Text(longest=4_000, null=True, load_default=None)


SEARCH = SearchTable(
    report.ROLES, RoleResult, {"roleId": "role_id", "name": "name"}, sorts=("roleId", "name"), alternatives=True
)
USERS = SearchTable(report.USERS, RoleUser, {"username": "username"}, sorts=("username",))
GROUPS = SearchTable(report.GROUPS, RoleGroup, {"groupId": "group_id"}, sorts=("groupId",))
api.search("/roles/search", "searchRoles", SEARCH)


def _find_users(call: Call, query: Query, role_id: str) -> Page[Any]:
    with call.server.database.read() as connection:
        report.ROLES.get(connection, call.actor, role_id)
        return report.USERS.page(connection, EVERYTHING, query, report.with_role(role_id))


def _find_groups(call: Call, query: Query, role_id: str) -> Page[Any]:
    with call.server.database.read() as connection:
        report.ROLES.get(connection, call.actor, role_id)
        return report.GROUPS.page(connection, EVERYTHING, query, report.groups_with_role(role_id))


def _find_of_group(call: Call, query: Query, group_id: str) -> Page[Any]:
    with call.server.database.read() as connection:
        report.GROUPS.get(connection, call.actor, group_id)
        return report.ROLES.page(connection, EVERYTHING, query, report.roles_of_group(group_id))


api.search("/roles/{roleId}/users/search", "searchUsersForRole", USERS, _find_users)
api.search("/roles/{roleId}/groups/search", "searchGroupsForRole", GROUPS, _find_groups)
api.search("/groups/{groupId}/roles/search", "searchRolesForGroup", SEARCH, _find_of_group)


@api.operation("POST", "/roles", "createRole", takes=RoleCreation, gives=RoleResult, status=201, body_required=True)
def create_role(call: Call) -> dict[str, Any]:
    """Add a role; authorizations give it rights."""
    body = call.body
    roles.create_role(call.server, call.actor, body["role_id"], body["name"], body["description"])
    return body


@api.operation("GET", "/roles/{roleId}", "getRole", gives=RoleResult)
def get_role(call: Call, role_id: str) -> RoleLine:
    """Read a role."""
    with call.server.database.read() as connection:
        return report.ROLES.get(connection, call.actor, role_id)


@api.operation("PUT", "/roles/{roleId}", "updateRole", takes=RoleUpdate, gives=RoleResult, body_required=True)
def update_role(call: Call, role_id: str) -> dict[str, Any]:
    """Change name and description of a role."""
    roles.update_role(call.server, call.actor, role_id, call.body["name"], call.body["description"])
    return {"role_id": role_id, **call.body}


@api.operation("DELETE", "/roles/{roleId}", "deleteRole", status=204)
def delete_role(call: Call, role_id: str) -> None:
    """Remove a role; nobody has it any more."""
    roles.delete_role(call.server, call.actor, role_id)


@api.operation("PUT", "/roles/{roleId}/users/{username}", "assignRoleToUser", status=204)
def assign_role_to_user(call: Call, role_id: str, username: str) -> None:
    """Give a role to a person."""
    roles.give_role(call.server, call.actor, role_id, "u", username)


@api.operation("DELETE", "/roles/{roleId}/users/{username}", "unassignRoleFromUser", status=204)
def unassign_role_from_user(call: Call, role_id: str, username: str) -> None:
    """Take a role from a person."""
    roles.take_role(call.server, call.actor, role_id, "u", username)


@api.operation("PUT", "/roles/{roleId}/groups/{groupId}", "assignRoleToGroup", status=204)
def assign_role_to_group(call: Call, role_id: str, group_id: str) -> None:
    """Give a role to a group."""
    roles.give_role(call.server, call.actor, role_id, "g", group_id)


@api.operation("DELETE", "/roles/{roleId}/groups/{groupId}", "unassignRoleFromGroup", status=204)
def unassign_role_from_group(call: Call, role_id: str, group_id: str) -> None:
    """Take a role from a group."""
    roles.take_role(call.server, call.actor, role_id, "g", group_id)
