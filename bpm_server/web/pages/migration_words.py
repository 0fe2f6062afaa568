"""A migration in people's words: what becomes which element, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.engine import Hindrance
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.wording import place_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bpm_server.bpmn.model import Node, Process
    from bpm_server.engine import Obstacle
    from bpm_server.services.migration import MigrationCheck

MOST_LINKS = 20


@dataclass(frozen=True, slots=True)
class Told:
    """Why something cannot go; ``detail`` is what the engine says."""

    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Row:
    """One element of the source that is active or awaited.

    Attributes:
        number: How many tokens are there.
        is_event: An event that is waited for: it may be left out, its waiting ends then.
        target: Id of the element that it becomes; empty: none.
        choices: Elements of the target that it could become: id and name.
    """

    element_id: str
    name: str
    number: int
    is_event: bool
    target: str
    choices: tuple[tuple[str, str], ...]
    obstacles: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Cases that cannot go for one and the same reason. ``keys``: of the first of them."""

    told: Told
    number: int
    keys: tuple[int, ...]


def rows(
    source: Process,
    target: Process,
    counted: tuple[Mapping[str, int], Mapping[str, int]],
    mapping: Mapping[str, str],
    checks: Iterable[MigrationCheck],
) -> list[Row]:
    """What is to be mapped: active elements first, then events, as they are drawn."""
    told: dict[str, dict[str, Told]] = {}
    for check in checks:
        for one in check.obstacles:
            told.setdefault(one.element_id, {})[one.reason] = obstacle_in_words(one, source)
    found = []
    for is_event, numbers in zip((False, True), counted, strict=True):
        found += [
            Row(
                element_id,
                place_name(source, element_id),
                numbers[element_id],
                is_event,
                mapping.get(element_id, ""),
                _choices(node, target),
                tuple(told.get(element_id, {}).values()),
            )
            for element_id, node in source.nodes.items()
            if element_id in numbers
        ]
    return found


def _choices(node: Node, target: Process) -> tuple[tuple[str, str], ...]:
    """Elements of the same kind."""
    return tuple(
        (other.id, place_name(target, other.id))
        for other in target.nodes.values()
        if other.type is node.type and type(other.event) is type(node.event)
    )


def groups(checks: Sequence[MigrationCheck], source: Process) -> list[Group]:
    """Cases that cannot go, by reason, the most frequent first; a case may be in several."""
    told: dict[str, Told] = {}
    keys: dict[str, dict[int, None]] = {}
    for check in checks:
        for one in check.obstacles:
            told.setdefault(one.reason, obstacle_in_words(one, source))
            keys.setdefault(one.reason, {})[check.key] = None
    ordered = sorted(keys.items(), key=lambda item: -len(item[1]))
    return [Group(told[reason], len(found), tuple(found)[:MOST_LINKS]) for reason, found in ordered]


def obstacles_in_words(obstacles: Iterable[Obstacle], source: Process) -> list[Told]:
    """Each reason once."""
    return list({one.reason: obstacle_in_words(one, source) for one in obstacles}.values())


def obstacle_in_words(obstacle: Obstacle, source: Process) -> Told:
    """What stands in the way of one element."""
    step = place_name(source, obstacle.element_id)
    known = {
        Hindrance.UNMAPPED: _("“%(step)s” is active, and nothing is chosen that it becomes.", step=step),
        Hindrance.MISSING: _("“%(step)s” has nothing to become in the target.", step=step),
        Hindrance.OTHER_KIND: _("“%(step)s” is of another kind in the target.", step=step),
        Hindrance.OTHER_SCOPE: _("“%(step)s” is inside of something else in the target.", step=step),
        Hindrance.OTHER_LOOP: _("“%(step)s” goes through its items in another way in the target.", step=step),
        Hindrance.OTHER_FLOW: _("“%(step)s” has a token from a flow that does not lead there any more.", step=step),
        Hindrance.LISTENING: _("“%(step)s” is calling its listeners, which are others in the target.", step=step),
        Hindrance.NOT_BEGUN: _("“%(step)s” has not begun yet: try again in a moment.", step=step),
        Hindrance.OTHER_EVENT: _("An event at “%(step)s” waits for something else in the target.", step=step),
        Hindrance.COMPENSATION: _("What “%(step)s” could undo cannot be undone in the target.", step=step),
    }
    return Told(known[obstacle.kind], obstacle.reason)
