"""Substitutes and absences in words: what a line says, what is wrong with it, and why one was refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.domain.substitutions import MOST_PROCESSES, Mode, Substitution, absences_during
from bpm_server.kernel.errors import BpmError, Conflict, NotFound
from bpm_server.web.pages.formats import moment
from bpm_server.web.pages.texts import gettext as _

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bpm_server.domain.organisation import Organisation
    from bpm_server.reports.organisation import SubstitutionLine

FIELDS = {"substitute": "substitute", "endsAt": "ends_at", "processes": "processes", "mostAmount": "most_amount"}
"""Fields of the form by those that commands name."""


@dataclass(frozen=True, slots=True)
class Line:
    """One substitution in the visitor's words.

    Attributes:
        state: ``now``, ``coming`` or ``over``.
        warnings: Why the substitute cannot act, or not all the time.
    """

    row: SubstitutionLine
    state: str
    person: str
    substitute: str
    processes: str
    creator: str
    warnings: tuple[str, ...]


def lines(
    rows: Sequence[SubstitutionLine],
    organisation: Organisation,
    names: Mapping[str, str],
    processes: Mapping[str, str],
    now: datetime,
) -> list[Line]:
    """Rows in the visitor's words."""
    return [_line(row, organisation, names, processes, now) for row in rows]


def _line(
    row: SubstitutionLine,
    organisation: Organisation,
    names: Mapping[str, str],
    processes: Mapping[str, str],
    now: datetime,
) -> Line:
    is_over = row.withdrawn_at is not None or (row.ends_at is not None and row.ends_at <= now)
    return Line(
        row,
        "over" if is_over else "now" if row.begins_at <= now else "coming",
        names.get(row.username, row.username),
        names.get(row.substitute or "", row.substitute or ""),
        _(", ").join(processes.get(one, one) for one in row.processes or ()),
        "" if row.created_by == row.username else names.get(row.created_by, row.created_by),
        () if is_over or row.substitute is None else _warnings(row, organisation, names),
    )


def _warnings(row: SubstitutionLine, organisation: Organisation, names: Mapping[str, str]) -> tuple[str, ...]:
    assert row.substitute is not None  # noqa: S101
    who = names.get(row.substitute, row.substitute)
    if not organisation.is_active(row.substitute):
        return (_("%(who)s has left the company.", who=who),)
    processes = None if row.processes is None else tuple(row.processes)
    asked = Substitution(
        row.key, row.username, row.substitute, Mode(row.mode), row.begins_at, row.ends_at, processes, row.most_amount
    )
    return tuple(away(one, names) for one in absences_during(organisation, asked))


def away(one: Substitution, names: Mapping[str, str]) -> str:
    """When somebody who is to act is away themselves, and who acts then."""
    who = names.get(one.username, one.username)
    begin, end = moment(one.begins_at), moment(one.ends_at)
    if one.substitute is None and one.ends_at is None:
        return _("%(who)s is away from %(begin)s on, and nobody acts for them.", who=who, begin=begin)
    if one.substitute is None:
        return _(
            "%(who)s is away from %(begin)s until %(end)s, and nobody acts for them.", who=who, begin=begin, end=end
        )
    other = names.get(one.substitute, one.substitute)
    if one.ends_at is None:
        return _("%(who)s is away from %(begin)s on; then it goes to %(other)s.", who=who, begin=begin, other=other)
    return _(
        "%(who)s is away from %(begin)s until %(end)s; then it goes to %(other)s.",
        who=who, begin=begin, end=end, other=other,
    )  # fmt: skip


def field_of(error: BpmError) -> str:
    """The field of the form that an error is about."""
    if isinstance(error, NotFound) or "path" in error.details:
        return "substitute"
    if "substitutionKey" in error.details:
        return "begins_at"
    named = str(error.details.get("field", ""))
    return FIELDS.get(named, named)


def reason(error: BpmError, names: Mapping[str, str]) -> str:
    """Why it was refused."""
    if isinstance(error, NotFound):
        return _("There is nobody of this name, or they have left the company.")
    if "path" in error.details:
        path = " → ".join(names.get(one, one) for one in error.details["path"])
        return _("They would act for each other in a circle: %(path)s.", path=path)
    if isinstance(error, Conflict):
        return _("There is another one for the same time and processes. End that one first, or choose another time.")
    known = {
        "substitute": _("Choose somebody; not the person themselves."),
        "endsAt": _("The end must be to come, and after the begin."),
        "processes": _("Choose 1 to %(most)s processes, or all.", most=MOST_PROCESSES),
        "mostAmount": _("Type an amount above zero, such as 50,000."),
        "most_amount": _("Type an amount above zero, such as 50,000."),
        "begins_at": _("Type a date and a time."),
        "ends_at": _("Type a date and a time."),
        "reason": _("That is too long."),
        "mode": _("Choose one of the two."),
    }
    return known.get(str(error.details.get("field", "")), error.message)
