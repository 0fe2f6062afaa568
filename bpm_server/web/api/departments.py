"""``/api/departments`` and ``/api/positions``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request

from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports import organisation as report
from bpm_server.services import departments, people, positions
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Flag, Many, Reply, StrictBody, Text
from bpm_server.web.api.searching import SearchTable

if TYPE_CHECKING:
    from bpm_server.domain.organisation import Department, Position

api = ApiBlueprint("departments", prefix="/api", tag="Organisation")
NAME = 256


class DepartmentResult(Reply):
    """A department."""

    department_id = Text()
    name = Text()
    name_en = Text(null=True)
    parent_id = Text(null=True)
    head = Text(null=True)


class DepartmentNames(StrictBody):
    """What a department is called."""

    name = Text(longest=NAME, required=True)
    name_en = Text(longest=NAME, null=True, load_default=None)


class DepartmentCreation(DepartmentNames):
    """A new department."""

    department_id = Text(longest=NAME, required=True)
    parent_id = Text(longest=NAME, null=True, load_default=None)
    head = Text(longest=NAME, null=True, load_default=None)


class Parent(StrictBody):
    """Below which department; null makes it a root."""

    parent_id = Text(longest=NAME, null=True, required=True)


class Head(StrictBody):
    """Who heads it; null for nobody."""

    username = Text(longest=NAME, null=True, required=True)


class Assignment(StrictBody):
    """As what somebody is in a department."""

    position_id = Text(longest=NAME, null=True, load_default=None)
    is_main = Flag(load_default=False)


class Place(Reply):
    """Where a person belongs."""

    department_id = Text()
    username = Text()
    name = Text(null=True)
    position_id = Text(null=True)
    is_main = Flag()


class Members(Reply):
    """Who is in a department."""

    items = Many(Place)


class PositionResult(Reply):
    """A position."""

    position_id = Text()
    name = Text()
    name_en = Text(null=True)


class PositionCreation(DepartmentNames):
    """A new position."""

    position_id = Text(longest=NAME, required=True)


_DEPARTMENT = {
    "departmentId": "department_id", "name": "name", "nameEn": "name_en", "parentId": "parent_id", "head": "head",
}  # fmt: skip
_POSITION = {"positionId": "position_id", "name": "name", "nameEn": "name_en"}
DEPARTMENTS = SearchTable(report.DEPARTMENTS, DepartmentResult, _DEPARTMENT, sorts=tuple(_DEPARTMENT))
POSITIONS = SearchTable(report.POSITIONS, PositionResult, _POSITION, sorts=tuple(_POSITION))
DEEP: dict[str, Any] = {
    "in": "query",
    "name": "deep",
    "schema": {"type": "boolean", "default": True},
    "description": "With the departments below it.",
}
api.search("/departments/search", "searchDepartments", DEPARTMENTS)
api.search("/positions/search", "searchPositions", POSITIONS)


@api.operation(
    "POST",
    "/departments",
    "createDepartment",
    takes=DepartmentCreation,
    gives=DepartmentResult,
    status=201,
    body_required=True,
)
def create_department(call: Call) -> Department:
    """Add a department."""
    return departments.create_department(call.server, call.actor, **call.body)


@api.operation("GET", "/departments/{departmentId}", "getDepartment", gives=DepartmentResult)
def get_department(call: Call, department_id: str) -> report.DepartmentLine:
    """Read a department."""
    with call.server.database.read() as connection:
        return report.DEPARTMENTS.get(connection, call.actor, department_id)


@api.operation(
    "PUT",
    "/departments/{departmentId}",
    "renameDepartment",
    takes=DepartmentNames,
    gives=DepartmentResult,
    body_required=True,
)
def rename_department(call: Call, department_id: str) -> Department:
    """Change the names of a department."""
    names = call.body["name"], call.body["name_en"]
    return departments.rename_department(call.server, call.actor, department_id, *names)


@api.operation("DELETE", "/departments/{departmentId}", "deleteDepartment", status=204)
def delete_department(call: Call, department_id: str) -> None:
    """Remove a department that has nothing below it and nobody in it."""
    departments.delete_department(call.server, call.actor, department_id)


@api.operation(
    "PUT",
    "/departments/{departmentId}/parent",
    "moveDepartment",
    takes=Parent,
    gives=DepartmentResult,
    body_required=True,
)
def move_department(call: Call, department_id: str) -> Department:
    """Put a department, with all below it, below another one."""
    return departments.move_department(call.server, call.actor, department_id, call.body["parent_id"])


@api.operation(
    "PUT",
    "/departments/{departmentId}/head",
    "appointHead",
    takes=Head,
    gives=DepartmentResult,
    body_required=True,
)
def appoint_head(call: Call, department_id: str) -> Department:
    """Make somebody the head of a department."""
    return departments.appoint_head(call.server, call.actor, department_id, call.body["username"])


@api.operation("GET", "/departments/{departmentId}/members", "getDepartmentMembers", gives=Members, parameters=(DEEP,))
def get_members(call: Call, department_id: str) -> dict[str, Any]:
    """List the active people of a department, as a rule with those of departments below it."""
    deep = request.args.get("deep", "true").lower()
    if deep not in ("true", "false"):
        message = f"Expected deep to be true or false, but found '{deep[:60]}'"
        raise InvalidInput(message, field="deep")
    with call.server.database.read() as connection:
        return {"items": report.members(call.server, connection, call.actor, department_id, deep=deep == "true")}


@api.operation("PUT", "/departments/{departmentId}/members/{username}", "assignPerson", takes=Assignment, status=204)
def assign_person(call: Call, department_id: str, username: str) -> None:
    """Put a person into a department with a position, or change these."""
    people.assign_person(call.server, call.actor, department_id, username, **call.body)


@api.operation("DELETE", "/departments/{departmentId}/members/{username}", "unassignPerson", status=204)
def unassign_person(call: Call, department_id: str, username: str) -> None:
    """Take a person out of a department."""
    people.unassign_person(call.server, call.actor, department_id, username)


@api.operation(
    "POST",
    "/positions",
    "createPosition",
    takes=PositionCreation,
    gives=PositionResult,
    status=201,
    body_required=True,
)
def create_position(call: Call) -> Position:
    """Add a position."""
    return positions.create_position(call.server, call.actor, **call.body)


@api.operation("GET", "/positions/{positionId}", "getPosition", gives=PositionResult)
def get_position(call: Call, position_id: str) -> report.PositionLine:
    """Read a position."""
    with call.server.database.read() as connection:
        return report.POSITIONS.get(connection, call.actor, position_id)


@api.operation(
    "PUT",
    "/positions/{positionId}",
    "renamePosition",
    takes=DepartmentNames,
    gives=PositionResult,
    body_required=True,
)
def rename_position(call: Call, position_id: str) -> Position:
    """Change the names of a position."""
    return positions.rename_position(call.server, call.actor, position_id, call.body["name"], call.body["name_en"])


@api.operation("DELETE", "/positions/{positionId}", "deletePosition", status=204)
def delete_position(call: Call, position_id: str) -> None:
    """Remove a position that nobody has."""
    positions.delete_position(call.server, call.actor, position_id)
