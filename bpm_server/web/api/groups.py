"""``/v2/groups`` and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.reports import people as report
from bpm_server.reports.sight import EVERYTHING
from bpm_server.services import groups
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Body, Reply, Text
from bpm_server.web.api.searching import SearchTable

if TYPE_CHECKING:
    from bpm_server.reports.people import GroupLine
    from bpm_server.reports.query import Page, Query

api = ApiBlueprint("groups", tag="Group")


class GroupResult(Reply):
    """A group."""

    group_id = Text()
    name = Text()
    description = Text(null=True)


class GroupUser(Reply):
    """Somebody in a group."""

    username = Text()


class GroupCreation(Body):
    """A new group."""

    group_id = Text(longest=256, required=True)
    name = Text(longest=256, required=True)
    description = Text(longest=4_000, null=True, load_default=None)


class GroupUpdate(Body):
    """Name and description."""

    name = Text(longest=256, required=True)
    description = Text(longest=4_000, null=True, load_default=None)


SEARCH = SearchTable(
    report.GROUPS, GroupResult, {"groupId": "group_id", "name": "name"}, sorts=("groupId", "name"), alternatives=True
)
USERS = SearchTable(report.USERS, GroupUser, {"username": "username"}, sorts=("username",))
api.search("/groups/search", "searchGroups", SEARCH)


def _find_users(call: Call, query: Query, group_id: str) -> Page[Any]:
    with call.server.database.read() as connection:
        report.GROUPS.get(connection, call.actor, group_id)
        return report.USERS.page(connection, EVERYTHING, query, report.in_group(group_id))


api.search("/groups/{groupId}/users/search", "searchUsersForGroup", USERS, _find_users)


@api.operation("POST", "/groups", "createGroup", takes=GroupCreation, gives=GroupResult, status=201, body_required=True)
def create_group(call: Call) -> dict[str, Any]:
    """Add a group."""
    body = call.body
    groups.create_group(call.server, call.actor, body["group_id"], body["name"], body["description"])
    return body


@api.operation("GET", "/groups/{groupId}", "getGroup", gives=GroupResult)
def get_group(call: Call, group_id: str) -> GroupLine:
    """Read a group."""
    with call.server.database.read() as connection:
        return report.GROUPS.get(connection, call.actor, group_id)


@api.operation("PUT", "/groups/{groupId}", "updateGroup", takes=GroupUpdate, gives=GroupResult, body_required=True)
def update_group(call: Call, group_id: str) -> dict[str, Any]:
    """Change name and description of a group."""
    groups.update_group(call.server, call.actor, group_id, call.body["name"], call.body["description"])
    return {"group_id": group_id, **call.body}


@api.operation("DELETE", "/groups/{groupId}", "deleteGroup", status=204)
def delete_group(call: Call, group_id: str) -> None:
    """Remove a group; its members stay."""
    groups.delete_group(call.server, call.actor, group_id)


@api.operation("PUT", "/groups/{groupId}/users/{username}", "assignUserToGroup", status=204)
def assign_user_to_group(call: Call, group_id: str, username: str) -> None:
    """Put a person into a group."""
    groups.add_member(call.server, call.actor, group_id, username)


@api.operation("DELETE", "/groups/{groupId}/users/{username}", "unassignUserFromGroup", status=204)
def unassign_user_from_group(call: Call, group_id: str, username: str) -> None:
    """Take a person out of a group."""
    groups.remove_member(call.server, call.actor, group_id, username)
