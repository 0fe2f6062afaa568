"""``/v2/authentication/me`` and ``/v2/authorizations``: who one is and what one may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain.identity import RIGHTS, Authorization
from bpm_server.kernel.errors import InvalidInput, NotFound
from bpm_server.reports import people
from bpm_server.services import roles
from bpm_server.services.authorization import authorize
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import (
    Anything,
    Body,
    Data,
    Fixed,
    Flag,
    Key,
    Many,
    Names,
    One,
    Reply,
    Text,
    Word,
    shown,
)
from bpm_server.web.api.search_schemas import PageReply
from bpm_server.web.api.searching import read_page, read_sort
from bpm_server.web.api.tenants import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.domain.identity import Actor

api = ApiBlueprint("authentication", tag="Authentication")
OWNER_TYPES = ("CLIENT", "GROUP", "MAPPING_RULE", "ROLE", "UNSPECIFIED", "USER")
SORTS: dict[str, Callable[[Authorization], str]] = {
    "ownerId": lambda one: one.role_id,
    "ownerType": lambda _: "ROLE",
    "resourceId": lambda one: one.resource_id,
    "resourcePropertyName": lambda _: "",
    "resourceType": lambda one: one.resource,
}
FILTERS = ("ownerId", "ownerType", "resourceIds", "resourcePropertyNames", "resourceType")


class Tenant(Reply):
    """The one tenant."""

    tenant_id = Text()
    name = Text()
    description = Text(null=True)


class CurrentUser(Reply):
    """Who asks."""

    username = Text()
    display_name = Text(of="name", null=True)
    email = Text(null=True)
    authorized_components = Names()
    tenants = Many(Tenant)
    groups = Names()
    roles = Names()
    sales_plan_type = Fixed(None)
    c8_links = Fixed({}, data_key="c8Links")
    can_logout = Fixed(value=True)


class AuthorizationResult(Reply):
    """Rights of a role on one kind of resource, for one id or all (``*``)."""

    authorization_key = Key(of="key")
    owner_id = Text(of="role_id")
    owner_type = Fixed("ROLE")
    resource_type = Word(sorted(RIGHTS), of="resource")
    resource_id = Text(null=True)
    resource_property_name = Fixed(None)
    permission_types = Names(of="actions")


class AuthorizationPage(Reply):
    """A page of authorizations."""

    items = Many(AuthorizationResult)
    page = One(PageReply)


class OwnAuthorizationPage(AuthorizationPage):
    """A page of one's own authorizations."""

    authorizations_enabled = Flag()


class AuthorizationBody(Body):
    """Rights to give. Owners are roles."""

    owner_id = Text(required=True)
    owner_type = Word(OWNER_TYPES, required=True)
    resource_id = Text(null=True, load_default=None)
    resource_property_name = Text(null=True, load_default=None)
    resource_type = Text(required=True)
    permission_types = Names(required=True)


class AuthorizationKey(Reply):
    """A new authorization."""

    authorization_key = Key(of="key")


class AuthorizationQuery(Body):
    """Which authorizations."""

    filter = Data(null=True)
    sort = Anything(null=True)
    page = Data(null=True)


@api.operation("GET", "/authentication/me", "getAuthentication", gives=CurrentUser)
def get_authentication(call: Call) -> dict[str, Any]:
    """Who one is."""
    actor = call.actor
    return {
        "username": actor.username,
        "name": actor.name or actor.username,
        "email": actor.email,
        "authorized_components": components(actor),
        "tenants": [{"tenant_id": DEFAULT, "name": "Default", "description": None}],
        "groups": sorted(actor.groups),
        "roles": sorted(actor.roles),
    }


def components(actor: Actor) -> list[str]:
    """Which of Camunda's web applications a person would use here; ``*`` for all."""
    if actor.may("*", "*"):
        return ["*"]
    found = ["tasklist"]
    if actor.may("PROCESS_DEFINITION", "READ_PROCESS_INSTANCE"):
        found.append("operate")
    if actor.may("USER", "READ") or actor.may("ROLE", "READ"):
        found += ["identity", "admin"]
    return found


@api.operation(
    "POST",
    "/authentication/me/authorizations/search",
    "searchOwnAuthorizations",
    takes=AuthorizationQuery,
    gives=OwnAuthorizationPage,
)
def search_own_authorizations(call: Call) -> dict[str, Any]:
    """Search the rights that one has through roles."""
    with call.server.database.read() as connection:
        found = [one for one in people.all_authorizations(connection) if one.role_id in call.actor.roles]
    return {**_page(found, call.body), "authorizations_enabled": True}


@api.operation(
    "POST", "/authorizations/search", "searchAuthorizations", takes=AuthorizationQuery, gives=AuthorizationPage
)
def search_authorizations(call: Call) -> dict[str, Any]:
    """Search the rights of roles."""
    authorize(call.actor, "AUTHORIZATION", "READ")
    with call.server.database.read() as connection:
        return _page(people.all_authorizations(connection), call.body)


@api.operation("GET", "/authorizations/{authorizationKey}", "getAuthorization", gives=AuthorizationResult)
def get_authorization(call: Call, key: int) -> Authorization:
    """Read an authorization."""
    authorize(call.actor, "AUTHORIZATION", "READ")
    with call.server.database.read() as connection:
        found = next((one for one in people.all_authorizations(connection) if one.key == key), None)
    if found is None:
        message = f"Expected to find authorization '{key}', but there is none"
        raise NotFound(message)
    return found


@api.operation(
    "POST",
    "/authorizations",
    "createAuthorization",
    takes=AuthorizationBody,
    gives=AuthorizationKey,
    status=201,
    body_required=True,
)
def create_authorization(call: Call) -> dict[str, int]:
    """Let a role give rights."""
    body = _checked(call.body)
    key = roles.create_authorization(
        call.server,
        call.actor,
        body["owner_id"],
        body["resource_type"],
        body["resource_id"],
        body["permission_types"],
    )
    return {"key": key}


@api.operation(
    "PUT",
    "/authorizations/{authorizationKey}",
    "updateAuthorization",
    takes=AuthorizationBody,
    status=204,
    body_required=True,
)
def update_authorization(call: Call, key: int) -> None:
    """Replace the rights of an authorization."""
    body = _checked(call.body)
    roles.update_authorization(
        call.server,
        call.actor,
        key,
        body["owner_id"],
        body["resource_type"],
        body["resource_id"],
        body["permission_types"],
    )


@api.operation("DELETE", "/authorizations/{authorizationKey}", "deleteAuthorization", status=204)
def delete_authorization(call: Call, key: int) -> None:
    """Take rights from a role."""
    roles.delete_authorization(call.server, call.actor, key)


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    if body["owner_type"] != "ROLE":
        message = f"Expected ROLE as ownerType, as only roles give rights here, but found {body['owner_type']}"
        raise InvalidInput(message, field="ownerType")
    if not body["resource_id"] or body["resource_property_name"] is not None:
        message = "Expected a resourceId ('*' for all), but found none or a resourcePropertyName"
        raise InvalidInput(message, field="resourceId")
    return body


def _page(found: list[Authorization], body: dict[str, Any]) -> dict[str, Any]:
    """A page out of few rows: there are as many as roles times kinds of resources."""
    wanted = body.get("filter") or {}
    unknown = sorted(set(wanted) - set(FILTERS))
    if unknown:
        message = f"Expected one of {', '.join(FILTERS)} in filter, but found '{unknown[0][:60]}'"
        raise InvalidInput(message, field=f"filter.{unknown[0][:60]}")
    ids = wanted.get("resourceIds")
    if ids is not None and not isinstance(ids, list):
        message = f"Expected filter.resourceIds as a list, but found {shown(ids)}"
        raise InvalidInput(message, field="filter.resourceIds")
    matching = [
        one
        for one in found
        if wanted.get("ownerId") in (None, one.role_id)
        and wanted.get("ownerType") in (None, "ROLE")
        and wanted.get("resourceType") in (None, one.resource)
        and (ids is None or one.resource_id in ids)
        and not wanted.get("resourcePropertyNames")
    ]
    for name, descending in reversed(read_sort(body.get("sort"), tuple(SORTS))):
        matching.sort(key=SORTS[name], reverse=descending)
    page = read_page(body.get("page"))
    start = page.offset if page.after is None else _index(page.after) + 1
    if page.before is not None:
        start = max(_index(page.before) - page.limit, 0)
    items = matching[start : start + page.limit]
    cursors = [str(start), str(start + len(items) - 1)] if items else [None, None]
    return {
        "items": items,
        "page": {
            "total_items": len(matching),
            "has_more_total_items": False,
            "start_cursor": cursors[0],
            "end_cursor": cursors[1],
        },
    }


def _index(cursor: str) -> int:
    if cursor.isdecimal() and len(cursor) < 10:
        return int(cursor)
    message = "Expected a cursor of this search, but found another text"
    raise InvalidInput(message, field="page")
