"""The organisation: departments with heads, who belongs where, and who is whose superior.

A person's superior is the one named for them; else the head of their main department, or of the nearest one above that
has another head. Whoever heads a department has the head above the highest department they head. People who left are
nobody's superior: the next one above is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from bpm_server.kernel.errors import Conflict, InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bpm_server.domain.substitutions import Substitution

LONGEST_NAME = 256
HIGHEST_LEVEL = 50
"""Superiors one above the other that are looked at."""


@dataclass(frozen=True, slots=True)
class Department:
    """A department. ``head``: a person's name."""

    department_id: str
    name: str
    name_en: str | None = None
    parent_id: str | None = None
    head: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """What people are employed as, for instance sales manager."""

    position_id: str
    name: str
    name_en: str | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """A person in a department; one of theirs is the main one."""

    department_id: str
    username: str
    position_id: str | None = None
    is_main: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the installation. ``active``: has not left."""

    username: str
    name: str | None = None
    active: bool = True


class SuperiorRule(StrEnum):
    """Why somebody is the superior."""

    NAMED = "named"
    HEAD = "department_head"


@dataclass(frozen=True, slots=True)
class Superior:
    """Who is above somebody. ``department_id``: whose head they are, where that is why."""

    username: str
    rule: SuperiorRule
    department_id: str | None = None


@dataclass(frozen=True)
class Organisation:
    """All of it at one moment.

    Attributes:
        superiors: Those that are named, by person.
        groups: Members by group.
        roles: Who has a role, themselves or through a group.
        substitutions: Those that have not ended.
    """

    people: Mapping[str, Person] = field(default_factory=dict)
    departments: Mapping[str, Department] = field(default_factory=dict)
    positions: Mapping[str, Position] = field(default_factory=dict)
    memberships: tuple[Membership, ...] = ()
    superiors: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    substitutions: tuple[Substitution, ...] = ()

    @cached_property
    def by_person(self) -> dict[str, list[Membership]]:
        """Where everybody belongs, the main department first."""
        found: dict[str, list[Membership]] = {}
        for one in sorted(self.memberships, key=lambda m: (not m.is_main, m.department_id)):
            found.setdefault(one.username, []).append(one)
        return found

    @cached_property
    def by_department(self) -> dict[str, list[Membership]]:
        """Who belongs to each department, by name."""
        found: dict[str, list[Membership]] = {}
        for one in sorted(self.memberships, key=lambda m: m.username):
            found.setdefault(one.department_id, []).append(one)
        return found

    @cached_property
    def children(self) -> dict[str, list[str]]:
        """Departments right below each."""
        found: dict[str, list[str]] = {}
        for one in sorted(self.departments.values(), key=lambda d: d.department_id):
            if one.parent_id is not None:
                found.setdefault(one.parent_id, []).append(one.department_id)
        return found

    @cached_property
    def headed(self) -> dict[str, list[str]]:
        """Departments that each person heads, the highest first."""
        found: dict[str, list[str]] = {}
        for one in self.departments.values():
            if one.head is not None:
                found.setdefault(one.head, []).append(one.department_id)
        for ids in found.values():
            ids.sort(key=lambda department_id: (len(path_to_root(self, department_id)), department_id))
        return found

    def is_active(self, username: str | None) -> bool:
        """Whether there is such a person who has not left."""
        person = None if username is None else self.people.get(username)
        return person is not None and person.active


# --- departments ----------------------------------------------------------------------------------------


def find_department(organisation: Organisation, department_id: str) -> Department:
    """A department by id.

    Raises:
        NotFound: there is none.
    """
    found = organisation.departments.get(department_id)
    if found is None:
        message = f"Expected to find department '{department_id}', but there is none"
        raise NotFound(message)
    return found


def path_to_root(organisation: Organisation, department_id: str | None) -> list[Department]:
    """A department and those above it, up to the root."""
    path: list[Department] = []
    seen: set[str] = set()
    while department_id is not None and department_id not in seen:
        department = organisation.departments.get(department_id)
        if department is None:
            break
        seen.add(department_id)
        path.append(department)
        department_id = department.parent_id
    return path


def with_below(organisation: Organisation, department_id: str) -> list[str]:
    """A department and all below it, level by level."""
    found, seen = [department_id], {department_id}
    for above in found:  # grows as it goes
        below = [one for one in organisation.children.get(above, ()) if one not in seen]
        seen.update(below)
        found += below
    return found


def members(organisation: Organisation, department_id: str, *, deep: bool = True) -> list[str]:
    """Active people of a department, with those below it where ``deep``; each once."""
    ids = with_below(organisation, department_id) if deep else [department_id]
    names = [one.username for below in ids for one in organisation.by_department.get(below, ())]
    return [name for name in dict.fromkeys(names) if organisation.is_active(name)]


def main_department(organisation: Organisation, username: str) -> str | None:
    """The id of a person's main department; None where they belong to none."""
    mine = organisation.by_person.get(username)
    return mine[0].department_id if mine else None


def department_head(organisation: Organisation, username: str) -> Superior | None:
    """The head of a person's main department, which may be the person; where it has none, of the nearest above."""
    return head_from(organisation, main_department(organisation, username))


def head_from(organisation: Organisation, department_id: str | None) -> Superior | None:
    """The head of a department; where it has none who is there, of the nearest above."""
    return _first_head(path_to_root(organisation, department_id), organisation)


def _first_head(path: Iterable[Department], organisation: Organisation, but: str | None = None) -> Superior | None:
    for department in path:
        if department.head is not None and department.head != but and organisation.is_active(department.head):
            return Superior(department.head, SuperiorRule.HEAD, department.department_id)
    return None


# --- superiors ------------------------------------------------------------------------------------------


def superior_of(organisation: Organisation, username: str) -> Superior | None:
    """Who is right above a person; None at the top."""
    named = organisation.superiors.get(username)
    if named is not None and organisation.is_active(named):
        return Superior(named, SuperiorRule.NAMED)
    headed = organisation.headed.get(username)
    path = path_to_root(organisation, headed[0] if headed else main_department(organisation, username))
    return _first_head(path[1:] if headed else path, organisation, but=username)


def superiors(organisation: Organisation, username: str, levels: int = HIGHEST_LEVEL) -> list[Superior]:
    """The chain above a person up to a level, nearest first; it ends where it would come back."""
    chain: list[Superior] = []
    seen = {username}
    while len(chain) < levels:
        above = superior_of(organisation, chain[-1].username if chain else username)
        if above is None or above.username in seen:
            break
        seen.add(above.username)
        chain.append(above)
    return chain


def nth_superior(organisation: Organisation, username: str, level: int) -> Superior | None:
    """The superior at a level, 1 being right above; None where the chain is shorter.

    Raises:
        InvalidInput: no level from 1 to 50.
    """
    if not 1 <= level <= HIGHEST_LEVEL:
        message = f"Expected a level from 1 to {HIGHEST_LEVEL}, but found {level}"
        raise InvalidInput(message, field="level")
    chain = superiors(organisation, username, level)
    return chain[level - 1] if len(chain) == level else None


# --- what may not be ------------------------------------------------------------------------------------


def check_name(name: str, what: str) -> str:
    """A name that people can read.

    Raises:
        InvalidInput: it is blank or longer than 256 characters.
    """
    if name.strip() and len(name) <= LONGEST_NAME:
        return name
    message = f"Expected {what} of 1 to {LONGEST_NAME} characters, but found '{name[:60]}'"
    raise InvalidInput(message, field="name")


def check_departments(organisation: Organisation) -> None:
    """Every department leads up to a root.

    Raises:
        Conflict: some go in a circle; the message names the path.
        NotFound: one is below a department that is not there.
    """
    sound: set[str] = set()
    for department_id in organisation.departments:
        path: list[str] = []
        at: str | None = department_id
        while at is not None and at not in sound:
            if at in path:
                circle = " -> ".join([*path[path.index(at) :], at])
                message = f"Expected departments that lead up to a root, but they go in a circle: {circle}"
                raise Conflict(message, path=[*path[path.index(at) :], at])
            path.append(at)
            at = find_department(organisation, at).parent_id
        sound.update(path)


def check_superiors(organisation: Organisation) -> None:
    """Nobody is above themselves.

    Raises:
        Conflict: some go in a circle; the message names the path.
    """
    sound: set[str] = set()
    for username, named in organisation.superiors.items():
        if named == username:  # also where they have left, so that nobody looks at it
            message = f"Expected nobody above themselves, but found '{username}'"
            raise Conflict(message, path=[username, username])
    for username in organisation.people:
        path: list[str] = []
        at: str | None = username
        while at is not None and at not in sound:
            if at in path:
                circle = [*path[path.index(at) :], at]
                message = f"Expected nobody above themselves, but superiors go in a circle: {' -> '.join(circle)}"
                raise Conflict(message, path=circle)
            path.append(at)
            above = superior_of(organisation, at)
            at = None if above is None else above.username
        sound.update(path)


def check_organisation(organisation: Organisation) -> None:
    """Departments form trees and superiors lead to a top.

    Raises:
        Conflict: one of them goes in a circle.
    """
    check_departments(organisation)
    check_superiors(organisation)


# --- changed --------------------------------------------------------------------------------------------


def with_department(organisation: Organisation, department: Department) -> Organisation:
    """The organisation with a department added or changed."""
    return replace(organisation, departments={**organisation.departments, department.department_id: department})


def with_membership(organisation: Organisation, membership: Membership) -> Organisation:
    """The organisation with somebody in a department; their first one is the main one, and there is one main one."""
    mine = organisation.by_person.get(membership.username, ())
    others = [one for one in mine if one.department_id != membership.department_id]
    was_main = any(one.is_main for one in mine if one.department_id == membership.department_id)
    is_main = membership.is_main or was_main or not others
    new = [replace(membership, is_main=is_main), *(replace(one, is_main=one.is_main and not is_main) for one in others)]
    return _with_memberships(organisation, membership.username, new)


def without_membership(organisation: Organisation, department_id: str, username: str) -> Organisation:
    """The organisation with somebody out of a department; of those that remain, one is the main one."""
    left = [one for one in organisation.by_person.get(username, ()) if one.department_id != department_id]
    if left and not any(one.is_main for one in left):
        left[0] = replace(left[0], is_main=True)
    return _with_memberships(organisation, username, left)


def _with_memberships(organisation: Organisation, username: str, new: Iterable[Membership]) -> Organisation:
    others = [one for one in organisation.memberships if one.username != username]
    return replace(organisation, memberships=(*others, *new))


def with_superior(organisation: Organisation, username: str, superior: str | None) -> Organisation:
    """The organisation with a superior named for a person, or none any more."""
    named = {name: above for name, above in organisation.superiors.items() if name != username}
    if superior is not None:
        named[username] = superior
    return replace(organisation, superiors=named)


def told_change(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """What is otherwise, for the audit log: ``head: 'a' -> 'b'; parent_id: None -> 'c'``."""
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    return "; ".join(f"{name}: {before.get(name)!r} -> {after.get(name)!r}" for name in names)
