"""Whether the rows of an instance are those that its tokens need: what is missing, and what nobody needs.

The engine's own state says what an instance waits for; lists, workers and people see only rows. Both are written in one
transaction, so a difference means that somebody else wrote, or that a disk or a program failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Severity = Literal["error", "warning"]
Wait = tuple[int, str]
"""Element key and event id."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is not as it must be.

    Attributes:
        rule: Stable kebab-case name, for filtering and documentation.
        message: What was expected, and what was found.
        table: Where the row is, or should be.
        key: Of the row (or of the element that it should be for); None where the message counts rows.
        repair: What repairing does; None where a person must decide.
        place: What the rule needs to know to mend it, beside the key.
    """

    rule: str
    message: str
    table: str | None = None
    key: int | str | None = None
    instance_key: int | None = None
    repair: str | None = None
    severity: Severity = "error"
    place: Any = None

    def as_json(self) -> dict[str, Any]:
        """As ``bpm-server doctor --json`` prints it; keys are text, as everywhere."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "message": self.message,
            "table": self.table,
            "key": None if self.key is None else str(self.key),
            "processInstanceKey": None if self.instance_key is None else str(self.instance_key),
            "repair": self.repair,
        }

    def as_text(self) -> str:
        """A line for a terminal, and a second one that says how to mend it."""
        place = f" [{self.table}]" if self.table else ""
        how = f"\n    --repair {self.repair}" if self.repair else ""
        return f"{self.severity}{place}: {self.message} ({self.rule}){how}"


@dataclass(frozen=True, slots=True)
class Needed:
    """What the tokens of an instance need, by element key.

    Attributes:
        waits: Open subscriptions.
        timers: Timers that may run; those that have fired are over, which only the journal knows.
        lost_items: Items of a multi-instance that should run, and of which nothing is left, by body key.
    """

    elements: dict[int, str] = field(default_factory=dict)
    tasks: set[int] = field(default_factory=set)
    jobs: set[int] = field(default_factory=set)
    waits: set[Wait] = field(default_factory=set)
    timers: set[Wait] = field(default_factory=set)
    incidents: set[int] = field(default_factory=set)
    calls: set[int] = field(default_factory=set)
    lost_items: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """The open rows of an instance: their keys by what they are for.

    Attributes:
        jobs: Lists, because two of them may be there.
        thrown: Elements whose job threw an error that nobody caught: it can be done again.
        callers: Elements whose called process runs.
        settled: Commands wait until the instance is resumed; jobs that are done are among them.
        misplaced: Rows whose mark ``suspended`` is not the instance's, by table.
        unlisted: Open tasks whose candidates are not those of their lists.
    """

    elements: dict[int, str]
    tasks: set[int]
    jobs: dict[int, list[int]]
    waits: dict[Wait, int]
    timers: dict[Wait, int]
    incidents: dict[int, int]
    thrown: set[int]
    callers: set[int]
    settled: bool
    misplaced: dict[str, int]
    unlisted: set[int]


_NOUNS = {
    "element_instance": "an active element instance",
    "user_task": "an open task",
    "job": "an open job",
    "subscription": "a subscription",
    "timer": "a timer",
    "incident": "an open incident",
}
_ENDS = {"timer": "deletes it", "subscription": "deletes it", "incident": "resolves it"}
FROM_JOURNAL = "writes it again from the journal"


def compare(key: int, needed: Needed, found: Found) -> Iterator[Defect]:
    """Every difference of instance ``key``; timers that are missing are for the journal to judge."""
    pairs: tuple[tuple[str, Iterable[Any], Iterable[Any]], ...] = (
        ("element_instance", needed.elements, found.elements),
        ("user_task", needed.tasks, found.tasks),
        ("job", needed.jobs - (found.thrown - set(found.jobs)), found.jobs),
        ("subscription", needed.waits, found.waits),
        ("incident", needed.incidents, found.incidents),
    )
    for table, wanted, there in pairs:
        if table == "job" and found.settled:
            continue
        for place in sorted(set(wanted) - set(there)):
            yield missing(key, table, place)
        for place in sorted(set(there) - set(wanted)):
            yield _surplus(key, table, place)
    for place in sorted(set(found.timers) - needed.timers):
        yield _surplus(key, "timer", place)
    yield from _others(key, needed, found)


def missing(key: int, table: str, place: Any) -> Defect:
    """A token needs a row that is not there."""
    message = f"Expected {_NOUNS[table]} for {_named(place)} of instance '{key}', where a token is, but found none"
    return Defect("missing-row", message, table, _element(place), key, FROM_JOURNAL, place=place)


def _surplus(key: int, table: str, place: Any) -> Defect:
    message = (
        f"Expected no row for {_named(place)} of instance '{key}', where no token needs it, but found {_NOUNS[table]}"
    )
    return Defect("row-without-token", message, table, _element(place), key, _ENDS.get(table, "ends it"), place=place)


def _others(key: int, needed: Needed, found: Found) -> Iterator[Defect]:
    for element_key, element_id in needed.elements.items():
        there = found.elements.get(element_key)
        if there is not None and there != element_id:
            message = f"Expected element instance '{element_key}' to be '{element_id}', but its row says '{there}'"
            how = "writes the token's element"
            yield Defect("other-element", message, "element_instance", element_key, key, how, place=element_id)
    for element_key, keys in found.jobs.items():
        if len(keys) > 1:
            message = f"Expected one open job for element '{element_key}' of instance '{key}', but found {len(keys)}"
            yield Defect("two-jobs", message, "job", element_key, key, "cancels those that are not in the journal")
    for element_key in sorted(needed.calls - found.callers - needed.incidents):
        message = f"Expected a called process of element '{element_key}' of instance '{key}' to run, but none does"
        yield Defect("lost-call", message, "process_instance", element_key, key)
    for body_key, count in sorted(needed.lost_items.items()):
        message = (
            f"Expected {count} more items of multi-instance '{body_key}' of instance '{key}', but their rows are gone"
        )
        yield Defect("lost-items", message, "instance_item", body_key, key)
    for task_key in sorted(found.unlisted & needed.tasks):
        message = f"Expected task '{task_key}' to be offered to those of its lists, but others have rows"
        yield Defect("other-candidates", message, "user_task_candidate", task_key, key, "writes them from the lists")
    for table, count in sorted(found.misplaced.items()):
        message = f"Expected rows of instance '{key}' to be suspended with it and free with it, but {count} are not"
        yield Defect("suspended-otherwise", message, table, None, key, "marks them as the instance is")


def _named(place: Any) -> str:
    return f"event '{place[1]}' of element '{place[0]}'" if isinstance(place, tuple) else f"element '{place}'"


def _element(place: Any) -> int:
    found: int = place[0] if isinstance(place, tuple) else place
    return found
