"""The organisation as a table that people edit, in CSV or Excel: read into changes, and written in the same shape.

One line for each department, position and person, in any order:

    kind        id      name    name_en  parent   head      email  department  position  others        superior  active
    department  sales   销售部  Sales    company  wang.jun
    position    rep     代表    Rep
    person      li.na   李娜                                        sales       rep       east:lead;hr            yes

A cell that is empty says that there is nothing, a column that is missing leaves what there is. What the file does not
name stays as it is. ``others``: further departments, each with a position after a colon where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ParamSpec

from bpm_server.domain.identity import check_identifier
from bpm_server.domain.lines import Line, read_lines
from bpm_server.domain.organisation import (
    Department,
    Membership,
    Organisation,
    Person,
    Position,
    check_departments,
    check_name,
    check_superiors,
    told_change,
)
from bpm_server.kernel.errors import BpmError, Conflict
from bpm_server.kernel.findings import Finding, refuse_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

DEPARTMENT, POSITION, PERSON = "department", "position", "person"
_USED = {
    DEPARTMENT: ("name", "name_en", "parent", "head"),
    POSITION: ("name", "name_en"),
    PERSON: ("name", "email", "department", "position", "others", "superior", "active"),
}
COLUMNS = ("kind", "id", *dict.fromkeys(name for names in _USED.values() for name in names))
_TRUTHS = {"yes": True, "no": False, "是": True, "否": False, "": True}


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one thing; ``told`` names what is otherwise, before and after (of an address only that it is)."""

    kind: str
    id: str
    is_new: bool
    told: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file makes of the organisation.

    Attributes:
        new_emails: By person, where the address becomes another.
        unnamed: How many departments, positions and people the file does not name: they stay.
    """

    after: Organisation
    new_emails: Mapping[str, str | None]
    changes: tuple[Change, ...]
    unnamed: int


@dataclass(frozen=True, slots=True)
class OrganisationFile:
    """The lines of a file, each of one kind."""

    name: str
    lines: tuple[Line, ...]


def read_file(data: bytes, name: str) -> OrganisationFile:
    """The lines of a CSV file or workbook.

    Raises:
        RefusedFile: it cannot be read, or a line on its own cannot be; names lines and columns.
    """
    lines = read_lines(data, name, COLUMNS, COLUMNS[:2])
    check = _Checking(name)
    seen: dict[tuple[str, str], int] = {}
    for line in lines:
        kind, identifier = line["kind"], line["id"]
        if kind not in _USED:
            check.note(line, "kind", f"Expected one of {', '.join(_USED)}, but found '{kind[:60]}'")
            continue
        for column in COLUMNS[2:]:
            if line[column] and column not in _USED[kind]:
                check.note(line, column, f"Expected nothing for a {kind}, but found '{line[column][:60]}'")
        check.run(line, "id", check_identifier, identifier, f"a {kind} id")
        first = seen.setdefault((kind, identifier), line.number)
        if first != line.number:
            check.note(line, "id", f"Expected {kind} '{identifier}' once, but line {first} has it too")
    refuse_errors(name, check.findings)
    return OrganisationFile(name, tuple(lines))


P = ParamSpec("P")


class _Checking:
    """Findings of a file."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.findings: list[Finding] = []

    def note(self, line: Line | None, column: str, message: str) -> None:
        """Notes what is wrong at a column."""
        number = None if line is None else line.number
        self.findings.append(Finding("error", "organisation", message, element=column, line=number, file=self._file))

    def run(
        self, line: Line | None, column: str, check: Callable[P, object], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Notes at a column what a check has to say."""
        try:
            check(*args, **kwargs)
        except BpmError as error:
            self.note(line, column, error.message)


# --- planned --------------------------------------------------------------------------------------------


def plan_changes(organisation: Organisation, emails: Mapping[str, str], file: OrganisationFile) -> Plan:
    """What the file makes of the organisation; a plan of a file that was imported has no changes.

    Raises:
        RefusedFile: lines that do not fit together or with what there is, named by line and column.
    """
    planning = _Planning(organisation, emails, file)
    return planning.run()


class _Planning:
    """The organisation as the lines read so far make it."""

    def __init__(self, before: Organisation, emails: Mapping[str, str], file: OrganisationFile) -> None:
        self.before = before
        self.file = file
        self.check = _Checking(file.name)
        self.departments = dict(before.departments)
        self.positions = dict(before.positions)
        self.people = dict(before.people)
        self.superiors = dict(before.superiors)
        self.memberships = {name: list(places) for name, places in before.by_person.items()}
        self.emails_before = emails
        self.emails: dict[str, str | None] = dict(emails)

    def run(self) -> Plan:
        readers = {DEPARTMENT: self._department, POSITION: self._position, PERSON: self._person}
        for line in self.file.lines:
            readers[line["kind"]](line)
        for line in self.file.lines:
            self._check_references(line)
        refuse_errors(self.file.name, self.check.findings)
        after = replace(
            self.before,
            departments=self.departments,
            positions=self.positions,
            people=self.people,
            superiors=self.superiors,
            memberships=tuple(place for places in self.memberships.values() for place in places),
        )
        for kind, column, check in ((DEPARTMENT, "parent", check_departments), (PERSON, "superior", check_superiors)):
            try:
                check(after)
            except Conflict as error:
                self.check.note(self._line_of(kind, error.details["path"]), column, error.message)
                refuse_errors(self.file.name, self.check.findings)
        changes = tuple(self._changes(after))
        named = {(line["kind"], line["id"]) for line in self.file.lines}
        there = [(kind, one) for kind, ids in _ids(self.before).items() for one in ids]
        new_emails = {name: email for name, email in self.emails.items() if email != self.emails_before.get(name)}
        return Plan(after, new_emails, changes, sum(one not in named for one in there))

    def _line_of(self, kind: str, path: Sequence[str]) -> Line | None:
        return next((line for line in self.file.lines if line["kind"] == kind and line["id"] in path), None)

    # --- lines ------------------------------------------------------------------------------------------

    def _department(self, line: Line) -> None:
        old = self.departments.get(line["id"], Department(line["id"], ""))
        new = replace(
            old,
            name=self._name(line, old.name),
            name_en=_cell(line, "name_en", old.name_en),
            parent_id=_cell(line, "parent", old.parent_id),
            head=_cell(line, "head", old.head),
        )
        self.departments[new.department_id] = new

    def _position(self, line: Line) -> None:
        old = self.positions.get(line["id"], Position(line["id"], ""))
        name_en = _cell(line, "name_en", old.name_en)
        self.positions[line["id"]] = replace(old, name=self._name(line, old.name), name_en=name_en)

    def _person(self, line: Line) -> None:
        username = line["id"]
        old = self.people.get(username, Person(username))
        active = old.active
        if "active" in line.cells:
            truth = _TRUTHS.get(line["active"].lower())
            if truth is None:
                self.check.note(line, "active", f"Expected yes or no, but found '{line['active'][:60]}'")
            active = bool(truth)
        self.people[username] = replace(old, name=_cell(line, "name", old.name), active=active)
        if "email" in line.cells:
            self.emails[username] = line["email"] or None
        if "superior" in line.cells:
            self.superiors.pop(username, None)
            if line["superior"]:
                self.superiors[username] = line["superior"]
        self._places(line, username)

    def _places(self, line: Line, username: str) -> None:
        """The main department with its position, then the others."""
        old = self.memberships.get(username, [])
        main = next((one for one in old if one.is_main), None)
        others = [one for one in old if not one.is_main]
        if "department" in line.cells:
            position = None if main is None or main.department_id != line["department"] else main.position_id
            main = Membership(line["department"], username, position, is_main=True) if line["department"] else None
        if "position" in line.cells:
            if main is not None:
                main = replace(main, position_id=line["position"] or None)
            elif line["position"]:
                self.check.note(line, "position", "Expected a position in a department, but found no department")
        if "others" in line.cells:
            others = [Membership(place, username, position) for place, position in self._others(line)]
        if main is None and others:
            self.check.note(line, "department", "Expected a main department before others, but found none")
        if main is not None:
            if "others" in line.cells and any(one.department_id == main.department_id for one in others):
                self.check.note(line, "others", f"Expected others than '{main.department_id}', which is the main one")
            others = [one for one in others if one.department_id != main.department_id]
        self.memberships[username] = [*([main] if main is not None else []), *others]

    def _others(self, line: Line) -> Iterator[tuple[str, str | None]]:
        seen: set[str] = set()
        for part in line["others"].replace("；", ";").split(";"):
            place, _, position = (text.strip() for text in part.strip().partition(":"))
            if place in seen:
                self.check.note(line, "others", f"Expected every department once, but found '{place}' twice")
            elif place:
                seen.add(place)
                yield place, position or None

    def _name(self, line: Line, old: str) -> str:
        name = line["name"] if "name" in line.cells else old
        self.check.run(line, "name", check_name, name, f"a {line['kind']} name")
        return name

    # --- together ---------------------------------------------------------------------------------------

    def _check_references(self, line: Line) -> None:
        """What a line names must be there, in the file or before."""
        if line["kind"] == DEPARTMENT:
            self._check(line, "parent", line["parent"], self.departments, "a department")
            self._check(line, "head", line["head"], self.people, "a person")
        elif line["kind"] == PERSON:
            self._check(line, "superior", line["superior"], self.people, "a person")
            for place in self.memberships.get(line["id"], ()):
                columns = ("department", "position") if place.is_main else ("others", "others")
                self._check(line, columns[0], place.department_id, self.departments, "a department")
                self._check(line, columns[1], place.position_id, self.positions, "a position")
            if line["superior"] == line["id"]:
                self.check.note(line, "superior", f"Expected somebody else above '{line['id']}', but found themselves")
        for column in ("name", "name_en", "email"):
            if line[column] and not (column == "name" and line["kind"] != PERSON):  # those are needed: checked before
                self.check.run(line, column, check_name, line[column], f"{line['kind']} {column}")

    def _check(self, line: Line, column: str, name: str | None, known: Mapping[str, object], what: str) -> None:
        if name and name not in known:
            self.check.note(line, column, f"Expected {what} of the file or the server, but found '{name[:60]}'")

    def _changes(self, after: Organisation) -> Iterator[Change]:
        before = _values(self.before, self.emails_before)
        for (kind, identifier), new in _values(after, self.emails).items():
            old = before.get((kind, identifier))
            if old != new:
                yield Change(kind, identifier, old is None, _told(old or dict.fromkeys(new, ""), new))


def _told(old: Mapping[str, object], new: Mapping[str, object]) -> str:
    """What the audit log may hold: no address."""
    hidden = dict.fromkeys(("email",))
    parts = [told_change({**old, **hidden}, {**new, **hidden})]
    if old.get("email") != new.get("email"):
        parts.append("another email")
    return "; ".join(filter(None, parts))


def _cell(line: Line, column: str, old: str | None) -> str | None:
    return (line[column] or None) if column in line.cells else old


def _ids(organisation: Organisation) -> dict[str, Sequence[str]]:
    return {
        DEPARTMENT: list(organisation.departments),
        POSITION: list(organisation.positions),
        PERSON: list(organisation.people),
    }


def _values(organisation: Organisation, emails: Mapping[str, str | None]) -> dict[tuple[str, str], dict[str, object]]:
    """Everything there is, as the cells of its line."""
    found: dict[tuple[str, str], dict[str, object]] = {}
    for line in organisation_lines(organisation, emails):
        found[line["kind"], line["id"]] = {name: text for name, text in line.items() if name not in ("kind", "id")}
    return found


# --- written --------------------------------------------------------------------------------------------


def organisation_lines(organisation: Organisation, emails: Mapping[str, str | None]) -> list[dict[str, str]]:
    """The whole organisation as lines: departments from the root down, positions, people."""
    lines = [
        _line(DEPARTMENT, one.department_id, name=one.name, name_en=one.name_en, parent=one.parent_id, head=one.head)
        for one in _from_the_root(organisation)
    ]
    for _, position in sorted(organisation.positions.items()):
        lines.append(_line(POSITION, position.position_id, name=position.name, name_en=position.name_en))
    for username, person in sorted(organisation.people.items()):
        places = organisation.by_person.get(username, [])
        main = places[0] if places else None
        others = [
            f"{one.department_id}:{one.position_id}" if one.position_id else one.department_id for one in places[1:]
        ]
        lines.append(
            _line(
                PERSON,
                username,
                name=person.name,
                email=emails.get(username),
                department=None if main is None else main.department_id,
                position=None if main is None else main.position_id,
                others=";".join(others),
                superior=organisation.superiors.get(username),
                active="yes" if person.active else "no",
            )
        )
    return lines


def _from_the_root(organisation: Organisation) -> Iterator[Department]:
    roots = sorted(key for key, one in organisation.departments.items() if one.parent_id is None)
    todo = roots[::-1]
    while todo:
        department_id = todo.pop()
        yield organisation.departments[department_id]
        todo += organisation.children.get(department_id, [])[::-1]


def _line(kind: str, identifier: str, **cells: str | None) -> dict[str, str]:
    return {"kind": kind, "id": identifier, **{name: text or "" for name, text in cells.items()}}
