"""An approval node at work: who is asked, whose turn it is, what is decided. ``acts`` has what people do with it.

After every act the node counts: ``outcome`` is set once and for all, and whoever is still open is told who decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from bpm_server.domain.approvals.items import GroupMode, Item, ItemState, Place
from bpm_server.domain.approvals.policy import Duplicates, InitiatorSigns, Policy
from bpm_server.domain.approvals.voting import Vote, count, group_policy, group_vote, turn, vote_of
from bpm_server.kernel.errors import Forbidden, InvalidInput, NotFound, WrongState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

MOST_ITEMS = 1_000
"""Of one node, with all who were added, passed on to, and removed."""


class Outcome(StrEnum):
    """What a node decided; the words that processes see."""

    APPROVED = "approved"
    REJECTED = "rejected"
    RETURNED = "returned"


class Act(StrEnum):
    """What somebody did; the words of the history."""

    APPROVE = "approve"
    REJECT = "reject"
    RETURN = "return"
    ADD = "add"
    REMOVE = "remove"
    TRANSFER = "transfer"
    DELEGATE = "delegate"
    TAKE_BACK = "take-back"
    UNDO = "undo"
    """Who has transferred, delegated or added signers takes that back."""
    HANDOVER = "handover"
    """Somebody leaves: what was theirs goes to another; the history names both."""
    NAME = "name"
    """An administrator names signers."""
    RESUBMIT = "resubmit"
    """The initiator has corrected the request."""
    URGE = "urge"
    REMIND = "remind"
    """The clock of the task reminds whoever it waits for."""
    ESCALATE = "escalate"
    """The time is over: a superior is asked in their place."""
    TIMEOUT = "timeout"
    """The time is over: the policy decides."""
    COPY = "copy"
    """Somebody is informed."""
    RECALL = "recall"
    """The initiator takes the request back before anybody has acted."""
    TERMINATE = "terminate"
    """An administrator ends the case."""


ASIDE = (Act.HANDOVER, Act.URGE, Act.REMIND, Act.ESCALATE, Act.COPY, Act.UNDO)
"""What says nothing about the request: who made it may still take it back."""


class Where(StrEnum):
    """Where an added signer stands to who adds them."""

    BEFORE = "before"
    AFTER = "after"
    PARALLEL = "parallel"


@dataclass(frozen=True, slots=True)
class Hand:
    """Who acts.

    Attributes:
        actor: The user.
        stands_for: Whom they may act for here, as their substitute.
        is_admin: May let anybody off who has not acted.
    """

    actor: str
    stands_for: frozenset[str] = frozenset()
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody whom the rules found, with the reason."""

    person: str
    reason: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Before:
    """What an act has changed, so that it can be undone.

    Attributes:
        brought: Keys of the items that came about by it.
        group_mode: Of the item that it was done on, as it was.
    """

    brought: tuple[int, ...]
    group_mode: GroupMode | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """One act, for the history.

    Attributes:
        item: On whose item.
        to: Who was added, or got it; of an undo: who is let off.
        where: Of added signers; of an undo: the act that is taken back.
        before: Of an act that can be undone: what it takes for that.
    """

    act: Act
    actor: str
    item: int
    comment: str | None = None
    to: tuple[str, ...] = ()
    where: str | None = None
    before: Before | None = None


@dataclass(slots=True)
class Node:
    """One approval node.

    Attributes:
        items: By key, in the order in which they came about.
        outcome: What was decided; None while it is open.
        target: Of a return: the element to go to.
        decided_by: Whose act decided; None where the policy alone did.
        history: What the acts since it was loaded did.
        changed: Keys of items that they made or changed.
    """

    policy: Policy
    initiator: str | None
    new_key: Callable[[], int]
    items: dict[int, Item] = field(default_factory=dict)
    outcome: Outcome | None = None
    target: str | None = None
    decided_by: str | None = None
    history: list[Done] = field(default_factory=list)
    changed: set[int] = field(default_factory=set)

    # --- opening ----------------------------------------------------------------------------------------

    def open(
        self,
        asked: Sequence[Asked],
        *,
        approved_before: frozenset[str] = frozenset(),
        superior_of: Callable[[str], Asked | None] = lambda _: None,
    ) -> bool:
        """Asks people.

        Args:
            asked: Whom the rules found, in order.
            approved_before: Who has approved in this case before.
            superior_of: Who signs in the initiator's place where the policy says so.

        Returns:
            Whether somebody is asked or the policy passes over everybody; False: the rules found nobody, which never
            passes for an approval.
        """
        self._check_room(len(asked))
        places = [self._instead_of_initiator(one, superior_of) for one in asked]
        for step, one in enumerate(_without_duplicates(places, self.policy.duplicates)):
            skipped = (self.policy.initiator is InitiatorSigns.SKIP and one.person == self.initiator) or (
                self.policy.skip_approved and one.person in approved_before
            )
            state = ItemState.SKIPPED if skipped else ItemState.WAITING
            weight = self.policy.weight(one.person)
            self.add(Item(self.new_key(), one.person, state, step, weight=weight, reason=one.reason))
        if not self.items:
            return False
        if all(item.state is ItemState.SKIPPED for item in self.items.values()):
            self.outcome = Outcome.APPROVED
        self.settle(None)
        return True

    def _instead_of_initiator(self, one: Asked, superior_of: Callable[[str], Asked | None]) -> Asked:
        if self.policy.initiator is InitiatorSigns.SUPERIOR and one.person == self.initiator:
            return superior_of(one.person) or one
        return one

    def add(self, item: Item) -> None:
        """A new item; whose turn it is shows when the node counts."""
        self.items[item.key] = item
        self.changed.add(item.key)

    # --- who may ----------------------------------------------------------------------------------------

    def find(self, hand: Hand, act: Act, key: int | None = None) -> Item:
        """The item that somebody acts on: their own, or that of whom they stand for.

        Raises:
            WrongState: the node is decided (by whom is said), or it is not their turn.
            Forbidden: nobody asked them; or they would approve their own request as a substitute.
            InvalidInput: there are several, and none was named.
        """
        self.check_undecided(act)
        mine = self.items_of(hand)
        if not mine:
            self._check_not_taken_back(hand, act)
        ready = [one for one in mine if one.state is ItemState.TO_DO]
        if not ready and mine:
            one = mine[-1]
            message = f"Expected to {act} as '{one.person}', but what they do here is {one.state}"
            raise WrongState(message, state=str(one.state), retry=False)
        found = self.choose(ready, act, key)
        if found.person != hand.actor and hand.actor == self.initiator:
            message = f"Expected somebody else to {act} for '{found.person}', but '{hand.actor}' made the request"
            raise Forbidden(message)
        return found

    def _check_not_taken_back(self, hand: Hand, act: Act) -> None:
        """Who is too late for what was asked of them is told who has taken it back."""
        gone = [one for one in self.items.values() if one.person == hand.actor and one.state is ItemState.TAKEN_BACK]
        if gone:
            by = gone[-1].reason.get("by")
            message = f"Expected to {act} as '{hand.actor}', but {by} has taken it back"
            raise WrongState(message, state=str(ItemState.TAKEN_BACK), takenBackBy=by, retry=False)

    def choose(self, candidates: Sequence[Item], act: Act, key: int | None) -> Item:
        """The only one, or the one named."""
        chosen = [one for one in candidates if key is None or one.key == key]
        if not chosen:
            raise Forbidden(f"Expected to be asked here to {act}, but others are")
        if len(chosen) > 1:
            names = ", ".join(sorted(one.person for one in chosen))
            message = f"Expected to know for whom to {act}, but there are several: {names}"
            raise InvalidInput(message, field="item", items=[one.key for one in chosen])
        return chosen[0]

    def items_of(self, hand: Hand) -> list[Item]:
        """What is theirs; first as themselves, else for whom they stand."""
        own = [one for one in self.items.values() if one.person == hand.actor and one.counts]
        if any(one.state is ItemState.TO_DO for one in own):
            return own
        return own or [one for one in self.items.values() if one.person in hand.stands_for and one.counts]

    def check_undecided(self, act: Act) -> None:
        """Raises WrongState, with who decided, when it is over."""
        if self.outcome is not None:
            by = f" by {self.decided_by}" if self.decided_by else ""
            message = f"Expected to {act} here, but it was {self.outcome}{by}"
            raise WrongState(message, outcome=str(self.outcome), decidedBy=self.decided_by, retry=False)

    def check_new(self, people: Sequence[str], act: Act) -> None:
        """Who is added or gets something must not sign here already; the initiator only where they may sign at all.

        Raises:
            InvalidInput: nobody, somebody twice, or one of these.
        """
        if not people:
            raise InvalidInput(f"Expected somebody to {act}, but found nobody", field="people")
        if len(set(people)) < len(people):
            raise InvalidInput(f"Expected to {act} each person once, but found some twice", field="people")
        self._check_room(len(people))
        for person in people:
            if self.signs(person):
                message = f"Expected to {act} somebody new, but '{person}' signs here already"
                raise InvalidInput(message, field="people")
            if person == self.initiator and (act is Act.TRANSFER or self.policy.initiator is not InitiatorSigns.SELF):
                message = f"Expected to {act} somebody else, but '{person}' made the request"
                raise InvalidInput(message, field="people")

    def _check_room(self, more: int) -> None:
        if len(self.items) + more > MOST_ITEMS:
            message = f"Expected at most {MOST_ITEMS} people at one approval node, but found more"
            raise InvalidInput(message, field="people")

    def signs(self, person: str) -> bool:
        """Whether somebody signs here, or has signed."""
        return any(one.person == person and one.counts for one in self.items.values())

    def known(self, key: int) -> Item:
        """An item by its key."""
        if key not in self.items:
            raise NotFound(f"Expected to find item '{key}' of the approval, but there is none")
        return self.items[key]

    # --- what follows -----------------------------------------------------------------------------------

    def own(self) -> list[Item]:
        """Items of the node itself."""
        return [one for one in self.items.values() if one.parent is None]

    def added_to(self, item: Item) -> list[Item]:
        """Items of people who were added to an item."""
        return [one for one in self.items.values() if one.parent == item.key]

    def change(self, item: Item, state: ItemState) -> None:
        """Sets a state."""
        item.state = state
        self.changed.add(item.key)

    def end(self, item: Item, state: ItemState) -> None:
        """Ends an item, with the open ones that were added to it."""
        for one in self.added_to(item):
            if one.is_open:
                self.change(one, ItemState.CANCELED)
        self.change(item, state)

    def settle(self, actor: str | None) -> None:
        """Counts, lets whoever's turn it is act, and decides."""
        if self.outcome is not None:
            self._close()
            return
        for item in self.own():
            self._settle_added(item)
        votes = [(one, vote_of(one, self.added_to(one))) for one in self.own() if one.counts]
        said = count(self.policy, votes)
        if said is not Vote.OPEN:
            self.decide(Outcome.APPROVED if said is Vote.YES else Outcome.REJECTED, actor)
            return
        step = turn(self.policy, votes)
        for item, _ in votes:
            self._give_turn(item, step)

    def _settle_added(self, item: Item) -> None:
        """Those added before: it comes back when they have decided. Those after: in their order, once it agreed."""
        added = [one for one in self.added_to(item) if one.counts]
        before = last_group(added)
        after = [one for one in added if one.place is Place.AFTER]
        waits = item.state in (ItemState.WAITING_FOR_ADDED, ItemState.DELEGATED)
        if waits and (not before or self._has_decided(item, before)):
            self.change(item, ItemState.TO_DO)
        self._has_decided(item, after)
        votes = [(one, vote_of(one, ())) for one in (*before, *after) if one.counts]
        step = turn(group_policy(item.group_mode), votes)
        for one, _ in votes:
            self._give_turn(one, step)

    def _has_decided(self, item: Item, group: Sequence[Item]) -> bool:
        """Whether people who were added to an item have decided; who is open then is told that another has."""
        if group_vote(item, group) is Vote.OPEN:
            return False
        for one in group:
            if one.is_open:
                self.change(one, ItemState.HANDLED_BY_ANOTHER)
        return True

    def _give_turn(self, item: Item, step: int | None) -> None:
        if item.state is ItemState.WAITING and (step is None or item.step == step):
            self.change(item, ItemState.TO_DO)
        elif item.state is ItemState.TO_DO and step is not None and item.step > step:
            self.change(item, ItemState.WAITING)

    def decide(self, outcome: Outcome, actor: str | None) -> None:
        """Ends the node."""
        self.outcome, self.decided_by = outcome, actor
        self._close()

    def _close(self) -> None:
        """Nobody is open any more; who was is told that another has handled it."""
        for item in self.items.values():
            if item.is_open:
                another = self.outcome is not Outcome.RETURNED and item.state is ItemState.TO_DO
                self.change(item, ItemState.HANDLED_BY_ANOTHER if another else ItemState.CANCELED)


def last_group(added: Iterable[Item]) -> list[Item]:
    """Those of the people added to an item whom it waits for; groups of before have decided."""
    asked = [one for one in added if one.place is not Place.AFTER]
    last = max((one.group for one in asked), default=0)
    return [one for one in asked if one.group == last]


def _without_duplicates(asked: Iterable[Asked], which: Duplicates) -> list[Asked]:
    """Each person once: in the first of their places, or in the last."""
    ones = list(asked)
    if which is Duplicates.LAST:
        return list({one.person: one for one in reversed(ones)}.values())[::-1]
    kept: dict[str, Asked] = {}
    for one in ones:
        kept.setdefault(one.person, one)
    return list(kept.values())
