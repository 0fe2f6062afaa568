"""The policy of an approval node: extension properties of its user task, checked and understood.

Properties are named ``approval.<name>``, so that they are told apart from others of the same task.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "approval."
ADMINISTRATOR = PREFIX + "admin"
"""Property of a process: who is asked where an approval names nobody for that."""
HALF = Decimal("0.5")
E = TypeVar("E", bound=StrEnum)


class Mode(StrEnum):
    """How many of those who are asked must agree."""

    ALL = "all"
    """Countersign 会签: everybody is asked at once, all must agree."""
    ANY = "any"
    """Or-sign 或签: everybody is asked at once, the first decides."""
    SEQUENTIAL = "sequential"
    """依次: one after the other, each after the one before agreed."""
    VOTE = "vote"
    """票签: a share of the weights must agree."""


class OnReject(StrEnum):
    """What a reject does to a countersign."""

    IMMEDIATE = "immediate"
    WAIT_ALL = "wait_all"


class Compare(StrEnum):
    """How the share of *yes* is compared with the threshold."""

    ABOVE = ">"
    AT_LEAST = ">="


class InitiatorSigns(StrEnum):
    """What happens when the initiator would have to sign."""

    SELF = "self"
    SKIP = "skip"
    SUPERIOR = "superior"


class Duplicates(StrEnum):
    """Which of two places of one person stays."""

    FIRST = "first"
    LAST = "last"


class AfterReturn(StrEnum):
    """How it goes on after what was returned has been corrected."""

    REWALK = "rewalk"
    """Through all nodes again."""
    DIRECT = "direct"
    """Straight back to the node that returned it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a designer set.

    Attributes:
        mode: See :class:`Mode`.
        threshold: Of a vote: the share of *yes* among the weights of all who sign, 0 to 1.
        weights: Of a vote, by user name; who is not named counts 1.
        any_reject_decides: Whether in an or-sign the first reject decides too; else all must have rejected.
        skip_approved: Whether somebody who has approved in this case before is not asked again.
        return_to: Element ids, ``initiator`` or ``previous`` that a return may name; empty: any that was passed.
    """

    mode: Mode = Mode.ALL
    threshold: Decimal = HALF
    compare: Compare = Compare.ABOVE
    weights: Mapping[str, Decimal] = field(default_factory=dict)
    on_reject: OnReject = OnReject.IMMEDIATE
    any_reject_decides: bool = True
    initiator: InitiatorSigns = InitiatorSigns.SELF
    duplicates: Duplicates = Duplicates.FIRST
    skip_approved: bool = False
    return_to: tuple[str, ...] = ()
    after_return: AfterReturn = AfterReturn.REWALK

    def weight(self, person: str) -> Decimal:
        """Of one vote."""
        return self.weights.get(person, Decimal(1)) if self.mode is Mode.VOTE else Decimal(1)

    def reaches(self, yes: Decimal, total: Decimal) -> bool:
        """Whether so many *yes* carry a vote."""
        wanted = self.threshold * total
        return yes > wanted if self.compare is Compare.ABOVE else yes >= wanted


def is_approval(properties: Mapping[str, str]) -> bool:
    """Whether a user task is an approval node: it names a mode."""
    return PREFIX + "mode" in properties


def comes_straight_back(properties: Mapping[str, str]) -> bool:
    """Whether what an approval node has returned comes straight back to it."""
    return is_approval(properties) and properties.get(PREFIX + "afterReturn", "").strip() == AfterReturn.DIRECT


def read_policy(properties: Mapping[str, str]) -> Policy:
    """The policy that the properties of a user task say.

    Raises:
        InvalidInput: says all that is wrong, by property.
    """
    reader = _Reader({name.removeprefix(PREFIX): text for name, text in properties.items() if name.startswith(PREFIX)})
    policy = Policy(
        mode=reader.one_of("mode", Mode, Mode.ALL),
        threshold=reader.share("threshold", HALF),
        compare=reader.one_of("compare", Compare, Compare.ABOVE),
        weights=reader.weights("weights"),
        on_reject=reader.one_of("onReject", OnReject, OnReject.IMMEDIATE),
        any_reject_decides=reader.truth("anyRejectDecides", otherwise=True),
        initiator=reader.one_of("initiator", InitiatorSigns, InitiatorSigns.SELF),
        duplicates=reader.one_of("duplicates", Duplicates, Duplicates.FIRST),
        skip_approved=reader.truth("skipApproved", otherwise=False),
        return_to=reader.words("returnTo"),
        after_return=reader.one_of("afterReturn", AfterReturn, AfterReturn.REWALK),
    )
    if policy.mode is Mode.VOTE and policy.threshold == (1 if policy.compare is Compare.ABOVE else 0):
        reader.refuse("threshold", f"one that some votes reach and some do not ({policy.compare})")
    reader.finish()
    return policy


class _Reader:
    """Reads properties and collects what is wrong."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._wrong: list[str] = []

    def _text(self, name: str) -> str:
        return self._texts.get(name, "").strip()

    def refuse(self, name: str, expected: str) -> None:
        """Notes what is wrong with a property."""
        self._wrong.append(f"{PREFIX}{name}: expected {expected}, but found '{self._text(name)[:60]}'")

    def one_of(self, name: str, words: type[E], otherwise: E) -> E:
        text = self._text(name)
        if not text:
            return otherwise
        try:
            return words(text)
        except ValueError:
            self.refuse(name, "one of " + ", ".join(words))
            return otherwise

    def truth(self, name: str, *, otherwise: bool) -> bool:
        text = self._text(name).lower()
        if text not in ("", "true", "false"):
            self.refuse(name, "true or false")
        return otherwise if not text else text == "true"

    def words(self, name: str) -> tuple[str, ...]:
        return tuple(filter(None, (word.strip() for word in self._text(name).split(","))))

    def share(self, name: str, otherwise: Decimal) -> Decimal:
        if not self._text(name):
            return otherwise
        found = _number(self._text(name))
        if found is None or not 0 <= found <= 1:
            self.refuse(name, "a share from 0 to 1")
            return otherwise
        return found

    def weights(self, name: str) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        for part in self.words(name):
            person, _, text = part.rpartition("=")
            number = _number(text.strip())
            if not person.strip() or number is None or number <= 0:
                self.refuse(name, "'person=weight' with weights above 0, separated by commas")
                return {}
            found[person.strip()] = number
        return found

    def finish(self) -> None:
        """Says what is wrong.

        Raises:
            InvalidInput: something is.
        """
        if self._wrong:
            raise InvalidInput("Expected an approval policy that can be understood, but " + "; ".join(self._wrong))


def _number(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
