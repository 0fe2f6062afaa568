"""The people of an approval node: each is an item with a state, a place and the reason why they are asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class ItemState(StrEnum):
    """What became of asking somebody."""

    WAITING = "waiting"
    """Others come first."""
    TO_DO = "to-do"
    WAITING_FOR_ADDED = "waiting-for-added"
    DELEGATED = "delegated"
    APPROVED = "approved"
    REJECTED = "rejected"
    RETURNED = "returned"
    TRANSFERRED = "transferred"
    SKIPPED = "skipped"
    CANCELED = "canceled"
    HANDLED_BY_ANOTHER = "handled-by-another"
    TAKEN_BACK = "taken-back"
    """Who had asked them has undone that, before they did anything."""


OPEN = frozenset({ItemState.WAITING, ItemState.TO_DO, ItemState.WAITING_FOR_ADDED, ItemState.DELEGATED})
COUNTED = OPEN | {ItemState.APPROVED, ItemState.REJECTED, ItemState.RETURNED}
"""Those who sign, or have signed; the others are not in the denominator."""


class Place(StrEnum):
    """Where somebody stands to who brought them in."""

    OWN = "own"
    """Of the node itself: named by its rules, added to sign beside the others, or in somebody's place."""
    BEFORE = "before"
    """Signs before an item of the node, which decides then."""
    AFTER = "after"
    """Signs after an item of the node has agreed."""
    DELEGATE = "delegate"
    """Tells who delegated what they think; that one decides."""


class GroupMode(StrEnum):
    """How many of several added people must agree."""

    ANY = "any"
    ALL = "all"
    SEQUENTIAL = "sequential"


@dataclass(slots=True)
class Item:
    """Somebody who is asked, or was.

    Attributes:
        step: Whose turn it is: in a sequence the lower ones come first.
        parent: The item that they were added to, None where they stand in the node itself.
        group_mode: Of an item that others were added to: how those decide.
        added_by: Who brought them in (add signer, transfer, delegate); None: the rules did.
        reason: Why they are asked, as ``domain.signers`` tells it.
        acted_by: Who acted: the person, or their substitute.
    """

    key: int
    person: str
    state: ItemState
    step: int = 0
    place: Place = Place.OWN
    parent: int | None = None
    group_mode: GroupMode | None = None
    weight: Decimal = Decimal(1)
    added_by: str | None = None
    reason: Mapping[str, Any] = field(default_factory=dict)
    acted_by: str | None = None
    comment: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether something is still expected of them, or of those they wait for."""
        return self.state in OPEN

    @property
    def group(self) -> int:
        """Of those added before one item or asked by it, one group after the other: which."""
        found: int = self.reason.get("group", 0)
        return found

    @property
    def counts(self) -> bool:
        """Whether they are among those who sign."""
        return self.state in COUNTED


def in_group(number: int) -> dict[str, int]:
    """What the reason of an item says of its group; nothing of the first."""
    return {"group": number} if number else {}
