"""For whom somebody acts now: the other way round of ``domain.substitutions.stand_in``, for lists of work.

Who stands in may depend on the process and on the amount. Both are asked at every point where the answer can change, so
that a list needs no question for each task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.domain.substitutions import stand_in

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from decimal import Decimal

    from bpm_server.domain.organisation import Organisation
    from bpm_server.domain.substitutions import Substitution


@dataclass(frozen=True, slots=True)
class Represented:
    """Somebody for whom another acts, and for which work.

    Attributes:
        processes: For these.
        is_for_others: ``processes`` are those that it is not for; it is for all others.
        above: Only for more than that; None for any.
        most: Only up to that; None for any amount, also one that is not known.
    """

    username: str
    processes: tuple[str, ...]
    is_for_others: bool
    above: Decimal | None = None
    most: Decimal | None = None

    def covers(self, process_id: str) -> bool:
        """Whether it is for a process."""
        return (process_id in self.processes) is not self.is_for_others

    def allows(self, amount: Decimal | None) -> bool:
        """Whether it is for an amount; what is not known is more than any limit."""
        if amount is None:
            return self.most is None
        return (self.above is None or amount > self.above) and (self.most is None or amount <= self.most)


def represented_by(organisation: Organisation, substitute: str, moment: datetime) -> tuple[Represented, ...]:
    """Everybody for whom a person acts at a moment, by name."""
    in_force = [one for one in organisation.substitutions if one.counts(moment)]
    people = _behind(in_force, substitute)
    if not people:
        return ()
    mine = [one for one in in_force if one.username in people]
    named = sorted({process for one in in_force for process in one.processes or ()})
    limits = sorted({one.most_amount for one in mine if one.most_amount is not None})
    found = []
    for person in sorted(people):
        above: Decimal | None = None
        for most in (*limits, None):
            asked = (stand_in(organisation, person, moment, process, most) for process in (None, *named))
            acts, *of_named = [one is not None and one.username == substitute for one in asked]
            processes = tuple(process for process, it_is in zip(named, of_named, strict=True) if it_is is not acts)
            if acts or processes:
                found.append(Represented(person, processes, acts, above, most))
            above = most
    return tuple(found)


def _behind(in_force: Iterable[Substitution], substitute: str) -> set[str]:
    """Whose substitutes, or whose substitutes' substitutes, lead to a person."""
    by_substitute: dict[str, list[str]] = {}
    for one in in_force:
        if one.substitute is not None:
            by_substitute.setdefault(one.substitute, []).append(one.username)
    found: set[str] = set()
    ahead = [substitute]
    while ahead:
        for person in by_substitute.get(ahead.pop(), ()):
            if person not in found and person != substitute:
                found.add(person)
                ahead.append(person)
    return found
