"""``/v2/users``, ``/v2/setup/user``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.reports import people as report
from bpm_server.reports.sight import EVERYTHING
from bpm_server.services import users
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Body, Reply, Text
from bpm_server.web.api.searching import SearchTable

if TYPE_CHECKING:
    from bpm_server.reports.people import UserLine

api = ApiBlueprint("users", tag="User")


class UserResult(Reply):
    """A person."""

    username = Text()
    name = Text(null=True)
    email = Text(null=True)


class UserCreation(Body):
    """A new person."""

    username = Text(longest=256, required=True)
    password = Text(longest=1_000, required=True)
    name = Text(longest=256, null=True, load_default=None)
    email = Text(longest=256, null=True, load_default=None)


class UserUpdate(Body):
    """What changes; absent members stay as they are."""

    password = Text(longest=1_000, null=True, load_default=None)
    name = Text(longest=256, null=True, load_default=None)
    email = Text(longest=256, null=True, load_default=None)


SEALED = "addresses are stored encrypted, so they have no order"
SEARCH = SearchTable(
    report.USERS,
    UserResult,
    {"username": "username", "name": "name", "email": "email"},
    sorts=("username", "name"),
    alternatives=True,
    unsorted={"email": SEALED},
)
api.search(
    "/users/search", "searchUsers", SEARCH, lambda call, query: report.find_users(call.server, call.actor, query)
)


@api.operation("POST", "/users", "createUser", takes=UserCreation, gives=UserResult, status=201, body_required=True)
def create_user(call: Call) -> dict[str, Any]:
    """Add a person."""
    users.create_user(call.server, call.actor, **call.body)
    return call.body


@api.operation(
    "POST", "/setup/user", "createAdminUser", takes=UserCreation, gives=UserResult, status=201, body_required=True
)
def create_admin_user(call: Call) -> dict[str, Any]:
    """Add an administrator. An installation has one from the beginning: this needs its rights."""
    users.create_user(call.server, call.actor, **call.body, roles=("admin",))
    return call.body


@api.operation("GET", "/users/{username}", "getUser", gives=UserResult)
def get_user(call: Call, username: str) -> UserLine:
    """Read a person."""
    return report.read_user(call.server, call.actor, username)


@api.operation("PUT", "/users/{username}", "updateUser", takes=UserUpdate, gives=UserResult, body_required=True)
def update_user(call: Call, username: str) -> UserLine:
    """Change a person."""
    users.update_user(call.server, call.actor, username, **call.body)
    return report.read_user(call.server, EVERYTHING, username)


@api.operation("DELETE", "/users/{username}", "deleteUser", status=204)
def delete_user(call: Call, username: str) -> None:
    """Remove a person; what they did stays in history."""
    users.delete_user(call.server, call.actor, username)
