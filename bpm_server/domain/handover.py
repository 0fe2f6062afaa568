"""Somebody leaves, or changes jobs: to whom their work goes, and what becomes of their place in the organisation."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bpm_server.domain.organisation import check_organisation, with_department, with_superior
from bpm_server.domain.tasks import check_comment
from bpm_server.kernel.errors import Conflict, InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bpm_server.domain.organisation import Organisation

MOST_PROCESSES = 100
"""For which another successor can be named."""


class WorkKind(StrEnum):
    """Why an open task is somebody's."""

    ASSIGNED = "assigned"
    OFFERED = "offered"
    """They may claim it, by name."""
    APPROVAL = "approval"
    """They sign, now or later, or have asked others first."""
    OPINION = "opinion"
    """It was delegated to them: it returns."""
    CORRECTION = "correction"
    """Their request came back."""


class What(StrEnum):
    """What of the organisation names somebody."""

    DEPARTMENT = "department"
    """They head it."""
    SUPERIOR = "superior"
    """They are somebody's named superior."""
    SUBSTITUTION = "substitution"
    """They act for somebody, or somebody acts for them."""


@dataclass(frozen=True, slots=True)
class Handover:
    """Whose work goes to whom.

    Attributes:
        by_process: Other successors, by process id.
        note: Why, for the history.
    """

    person: str
    successor: str
    note: str
    by_process: Mapping[str, str] = field(default_factory=dict)

    def heir(self, process_id: str) -> str:
        """Who gets the work of a process."""
        return self.by_process.get(process_id, self.successor)

    @property
    def heirs(self) -> list[str]:
        """Everybody who gets something, the successor first."""
        return list(dict.fromkeys([self.successor, *self.by_process.values()]))

    def as_plan(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the organisation; ``name``: id of the department, the person below, or key of the substitution."""

    what: What
    name: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What did not go to the successor, and why."""

    what: What
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Moved:
    """The organisation with a successor in somebody's places."""

    organisation: Organisation
    places: tuple[Place, ...]
    kept: tuple[Kept, ...]


def check_handover(handover: Handover, organisation: Organisation) -> Handover:
    """A handover that can be; its note without blanks around it.

    Raises:
        InvalidInput: no note, the person themselves, or too many processes.
        NotFound: somebody is not known, or a successor has left.
    """
    note = check_comment(handover.note, "note")
    if note is None:
        message = "Expected a note that says why work is handed over, but found none"
        raise InvalidInput(message, field="note")
    if len(handover.by_process) > MOST_PROCESSES:
        message = f"Expected successors for at most {MOST_PROCESSES} processes, but found {len(handover.by_process)}"
        raise InvalidInput(message, field="successors")
    if handover.person not in organisation.people:
        message = f"Expected to find person '{handover.person[:80]}', but there is none"
        raise NotFound(message)
    for name, one in (
        ("successor", handover.successor),
        *(("successors", one) for one in handover.by_process.values()),
    ):
        if one == handover.person:
            message = f"Expected somebody else to succeed '{one}', but found themselves"
            raise InvalidInput(message, field=name)
        if not organisation.is_active(one):
            known = "has left" if one in organisation.people else "is not known"
            message = f"Expected an active person as successor, but '{one[:80]}' {known}"
            raise NotFound(message, field=name)
    return replace(handover, note=note)


def places_of(organisation: Organisation, person: str) -> list[Place]:
    """Departments that somebody heads, people whose named superior they are, and substitutions that name them."""
    below = sorted(name for name, above in organisation.superiors.items() if above == person)
    named = [str(one.key) for one in organisation.substitutions if person in (one.username, one.substitute)]
    return [
        *(Place(What.DEPARTMENT, name) for name in organisation.headed.get(person, ())),
        *(Place(What.SUPERIOR, name) for name in below),
        *(Place(What.SUBSTITUTION, key) for key in named),
    ]


def move_places(
    organisation: Organisation, person: str, successor: str, may_change: Callable[[str], bool]
) -> Moved:  # fmt: skip
    """The successor heads somebody's departments, and is the superior of whom they were.

    Args:
        organisation: As it is.
        person: Who leaves.
        successor: Who comes.
        may_change: Whether who hands over may change a department or person of this name.
    """
    wanted: list[Place] = []
    kept: list[Kept] = []
    for place in places_of(organisation, person):
        if place.what is What.SUBSTITUTION:
            continue
        if not may_change(place.name):
            kept.append(Kept(place.what, place.name, f"Expected the right to change '{place.name}', but it is missing"))
        elif place.what is What.SUPERIOR and place.name == successor:
            kept.append(Kept(place.what, place.name, f"Expected nobody above themselves, but found '{successor}'"))
        else:
            wanted.append(place)
    after = _with_places(organisation, wanted, successor)
    if _why_not(after) is None:
        return Moved(after, tuple(wanted), tuple(kept))
    after, moved = organisation, []
    for place in wanted:  # one by one, to know which of them makes the circle
        tried = _with_places(after, [place], successor)
        reason = _why_not(tried)
        if reason is None:
            after = tried
            moved.append(place)
        else:
            kept.append(Kept(place.what, place.name, reason))
    return Moved(after, tuple(moved), tuple(kept))


def _with_places(organisation: Organisation, places: Sequence[Place], successor: str) -> Organisation:
    for place in places:
        if place.what is What.DEPARTMENT:
            organisation = with_department(organisation, replace(organisation.departments[place.name], head=successor))
        else:
            organisation = with_superior(organisation, place.name, successor)
    return organisation


def _why_not(organisation: Organisation) -> str | None:
    try:
        check_organisation(organisation)
    except Conflict as error:
        return error.message
    return None
