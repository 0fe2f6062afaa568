"""Substitutes: who acts for whom from when until when, for which processes and up to which amount."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from bpm_server.kernel import json
from bpm_server.kernel.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from bpm_server.domain.organisation import Organisation

_NEVER = datetime.max.replace(tzinfo=UTC)
MOST_PROCESSES = 100


class Mode(StrEnum):
    """What the substitute is for."""

    ABSENCE = "absence"
    """The person is away (holiday mode): the substitute has the work, or nobody where none is named."""
    ASSISTANCE = "assistance"
    """The person works; the substitute may act for them as well."""


@dataclass(frozen=True, slots=True)
class Substitution:
    """Somebody is away, or somebody acts for them.

    Attributes:
        username: Who is away or helped.
        substitute: Who acts; None for an absence without anybody.
        ends_at: From then on it does not count; None: until it is withdrawn.
        processes: For these only; None for all.
        most_amount: Not for more than that; None for any amount.
    """

    key: int
    username: str
    substitute: str | None
    mode: Mode
    begins_at: datetime
    ends_at: datetime | None = None
    processes: tuple[str, ...] | None = None
    most_amount: Decimal | None = None

    @property
    def end(self) -> datetime:
        """When it ends, the end of time where it does not."""
        return self.ends_at or _NEVER

    def counts(self, moment: datetime) -> bool:
        """Whether it is in force at a moment."""
        return self.begins_at <= moment < self.end

    def covers(self, process_id: str | None) -> bool:
        """Whether it is for a process."""
        return self.processes is None or process_id in self.processes

    def allows(self, amount: Decimal | None) -> bool:
        """Whether it is for an amount; what is not known is more than any limit."""
        return self.most_amount is None or (amount is not None and amount <= self.most_amount)


@dataclass(frozen=True, slots=True)
class StandIn:
    """Who acts for somebody.

    Attributes:
        path: From the person to the substitute, over those who are away themselves.
        key: Of the last substitution on the way.
        mode: Of the first one: whether the person is away.
    """

    username: str
    path: tuple[str, ...]
    key: int
    mode: Mode


def check_substitution(new: Substitution, organisation: Organisation) -> None:
    """A substitution that can be.

    Raises:
        InvalidInput: somebody for themselves, an end before the begin, no process, a limit that is not positive.
        Conflict: another one is for the same time and process, or they would act for each other in a circle.
    """
    if new.substitute == new.username:
        message = f"Expected somebody else to act for '{new.username}', but found '{new.substitute}'"
        raise InvalidInput(message, field="substitute")
    if new.substitute is None and new.mode is not Mode.ABSENCE:
        message = f"Expected somebody to assist '{new.username}', but found nobody"
        raise InvalidInput(message, field="substitute")
    if new.end <= new.begins_at:
        begin, end = json.timestamp(new.begins_at), json.timestamp(new.end)
        message = f"Expected an end after the begin {begin}, but found {end}"
        raise InvalidInput(message, field="endsAt")
    if new.processes is not None and not 1 <= len(new.processes) <= MOST_PROCESSES:
        message = f"Expected 1 to {MOST_PROCESSES} processes, or none for all, but found {len(new.processes)}"
        raise InvalidInput(message, field="processes")
    if new.most_amount is not None and not (new.most_amount.is_finite() and new.most_amount > 0):
        message = f"Expected an amount above zero, but found {new.most_amount}"
        raise InvalidInput(message, field="mostAmount")
    others = [one for one in organisation.substitutions if one.key != new.key]
    _check_overlap(new, others)
    circle = _circle(new, others)
    if circle:
        message = f"Expected substitutes who are not in a circle, but found {' -> '.join(circle)}"
        raise Conflict(message, path=circle)


def _check_overlap(new: Substitution, others: Sequence[Substitution]) -> None:
    for one in others:
        # One for named processes goes before one for all, so these two may be at one time.
        same_reach = (one.processes is None) is (new.processes is None)
        shared = one.processes is None or new.processes is None or bool(set(one.processes) & set(new.processes))
        if one.username == new.username and same_reach and shared and _overlap(one, new):
            message = (
                f"Expected one substitution of '{new.username}' at a time, but '{one.key}' counts from "
                f"{json.timestamp(one.begins_at)}"
            )
            raise Conflict(message, substitutionKey=str(one.key))


def _overlap(one: Substitution, other: Substitution) -> bool:
    return max(one.begins_at, other.begins_at) < min(one.end, other.end)


def _circle(new: Substitution, others: Sequence[Substitution]) -> list[str]:
    """The way from the new substitute back to who they act for, through times and processes that all share."""
    by_person: dict[str, list[Substitution]] = {}
    for one in others:
        by_person.setdefault(one.username, []).append(one)
    scope = None if new.processes is None else frozenset(new.processes)
    ways = [([new.username, new.substitute], new.begins_at, new.end, scope)]
    while ways:
        path, begin, end, processes = ways.pop()
        for one in by_person.get(path[-1] or "", ()):
            later, sooner = max(begin, one.begins_at), min(end, one.end)
            both = _both(processes, one.processes)
            if later >= sooner or (both is not None and not both):
                continue
            if one.substitute == new.username:
                return [name or "" for name in (*path, one.substitute)]
            if one.substitute is not None and one.substitute not in path:
                ways.append(([*path, one.substitute], later, sooner, both))
    return []


def _both(one: frozenset[str] | None, other: Iterable[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return one if other is None else frozenset(other)
    return one & set(other)


def substitution_in_force(
    organisation: Organisation, username: str, moment: datetime, process_id: str | None, amount: Decimal | None = None
) -> Substitution | None:
    """The one that counts for a person: for the process before one for all. What its limit forbids does not count."""
    found = [
        one
        for one in organisation.substitutions
        if one.username == username and one.counts(moment) and one.covers(process_id) and one.allows(amount)
    ]
    return min(found, key=lambda one: (one.processes is None, -one.begins_at.timestamp(), one.key), default=None)


def is_absent(organisation: Organisation, username: str, moment: datetime, process_id: str | None = None) -> bool:
    """Whether a person is away at a moment, for a process; for everything where none is named."""
    return any(
        one.mode is Mode.ABSENCE and one.counts(moment) and one.covers(process_id)
        for one in organisation.substitutions
        if one.username == username
    )


def absences_during(organisation: Organisation, one: Substitution) -> list[Substitution]:
    """When the substitute is away while somebody counts on them, for some of the same processes; in order of time."""
    found = [
        other
        for other in organisation.substitutions
        if other.username == one.substitute
        and other.mode is Mode.ABSENCE
        and _overlap(one, other)
        and _both(None if one.processes is None else frozenset(one.processes), other.processes) != frozenset()
    ]
    return sorted(found, key=lambda other: (other.begins_at, other.key))


def stand_in(
    organisation: Organisation, username: str, moment: datetime, process_id: str | None, amount: Decimal | None = None
) -> StandIn | None:
    """Who acts for a person at a moment; None where nobody does.

    Where the substitute is away too, theirs acts, if every limit on the way allows it. Whoever left is passed over in
    the same way. A circle has nobody.
    """
    path = [username]
    first: Substitution | None = None
    while True:
        one = substitution_in_force(organisation, path[-1], moment, process_id, amount)
        if one is None or one.substitute is None or one.substitute in path:
            return None
        if first is not None and one.mode is not Mode.ABSENCE:
            return None
        first = first or one
        path.append(one.substitute)
        if organisation.is_active(one.substitute) and not is_absent(organisation, one.substitute, moment, process_id):
            return StandIn(one.substitute, tuple(path), one.key, first.mode)
