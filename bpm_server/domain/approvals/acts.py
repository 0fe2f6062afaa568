"""What those who are asked at an approval node may do.

Every act checks first and changes afterwards, so that one that is refused has changed nothing. ``item`` names on which
item somebody acts, where there are several. All raise what :meth:`Node.find` raises.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bpm_server.domain.approvals.items import GroupMode, Item, ItemState, Place, in_group
from bpm_server.domain.approvals.node import Act, Before, Done, Outcome, Where, last_group
from bpm_server.domain.approvals.policy import Mode
from bpm_server.kernel.errors import Forbidden, InvalidInput, WrongState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bpm_server.domain.approvals.node import Hand, Node

VOTED = (ItemState.APPROVED, ItemState.REJECTED)

# --- votes ------------------------------------------------------------------------------------------


def approve(node: Node, hand: Hand, comment: str | None = None, *, item: int | None = None) -> None:
    """Agrees."""
    _vote(node, hand, Act.APPROVE, ItemState.APPROVED, comment, item)


def reject(node: Node, hand: Hand, comment: str | None = None, *, item: int | None = None) -> None:
    """Does not agree: a vote, which may leave the node open."""
    _vote(node, hand, Act.REJECT, ItemState.REJECTED, comment, item)


def _vote(node: Node, hand: Hand, act: Act, state: ItemState, comment: str | None, key: int | None) -> None:
    mine = node.find(hand, act, key)
    _act(node, mine, hand, act, state, comment)
    node.settle(hand.actor)


def _act(node: Node, item: Item, hand: Hand, act: Act, state: ItemState, comment: str | None) -> None:
    item.acted_by, item.comment = hand.actor, comment
    node.change(item, state)
    node.history.append(Done(act, hand.actor, item.key, comment))


def give_back(node: Node, hand: Hand, target: str, comment: str, *, item: int | None = None) -> None:
    """Returns the case for correction: one person's act, which ends the node.

    Whether ``target``, an element, can be reached is for the process to say.

    Raises:
        InvalidInput: without a reason, or to where the policy does not let it go.
    """
    _check_reason(comment, "returned")
    allowed = node.policy.return_to
    if allowed and target not in allowed:
        message = f"Expected to return to one of {', '.join(allowed)}, but found '{target[:60]}'"
        raise InvalidInput(message, field="target")
    mine = node.find(hand, Act.RETURN, item)
    _act(node, mine, hand, Act.RETURN, ItemState.RETURNED, comment)
    node.target = target
    node.decide(Outcome.RETURNED, hand.actor)


def take_back(node: Node, hand: Hand, *, item: int | None = None) -> None:
    """Takes an own vote back, as long as nobody has acted after it and nothing is decided.

    Raises:
        WrongState: something followed.
    """
    node.check_undecided(Act.TAKE_BACK)
    mine = node.choose([one for one in node.items_of(hand) if one.state in VOTED], Act.TAKE_BACK, item)
    check_nobody_acted(mine, {one.acted_by for one in _others_after(node, mine)})
    for one in node.added_to(mine):
        if one.place is Place.AFTER and one.is_open:
            node.change(one, ItemState.TAKEN_BACK)
    if mine.parent is not None:
        _wait_again(node, node.items[mine.parent])
    mine.acted_by, mine.comment = None, None
    node.change(mine, ItemState.TO_DO)
    node.history.append(Done(Act.TAKE_BACK, hand.actor, mine.key))
    node.settle(hand.actor)


def check_nobody_acted(mine: Item, people: Iterable[str | None]) -> None:
    """Raises WrongState where somebody has acted since."""
    later = sorted({name for name in people if name is not None})
    if later:
        message = f"Expected nobody to have acted since '{mine.person}' did, but {', '.join(later)} did"
        raise WrongState(message, actedSince=later, retry=False)


def _wait_again(node: Node, parent: Item) -> None:
    """The group of a vote that was taken back is open again."""
    group = last_group(node.added_to(parent)) or node.added_to(parent)
    for one in group:
        if one.state is ItemState.HANDLED_BY_ANOTHER:
            node.change(one, ItemState.WAITING)
    if parent.state is ItemState.TO_DO:
        delegated = any(one.place is Place.DELEGATE and one.counts for one in group)
        node.change(parent, ItemState.DELEGATED if delegated else ItemState.WAITING_FOR_ADDED)


def _others_after(node: Node, mine: Item) -> list[Item]:
    """Whose acts build on this vote: those added to it, and in a sequence whoever comes later."""
    if mine.parent is not None:
        parent = node.items[mine.parent]
        siblings = [one for one in node.added_to(parent) if one.step > mine.step]
        return siblings if mine.place is Place.AFTER else [parent, *siblings]
    later = [one for one in node.own() if one.step > mine.step] if node.policy.mode is Mode.SEQUENTIAL else []
    return later + [one for one in node.added_to(mine) if one.place is Place.AFTER]


def _check_reason(comment: str, done: str) -> None:
    if not comment.strip():
        message = f"Expected a comment that says why it is {done}, but found none"
        raise InvalidInput(message, field="comment")


# --- other people -----------------------------------------------------------------------------------


def add_signers(
    node: Node,
    hand: Hand,
    people: Sequence[str],
    where: Where,
    *,
    mode: GroupMode = GroupMode.ALL,
    comment: str | None = None,
    item: int | None = None,
) -> None:
    """Asks more people: before an item (which decides then), after it (it agrees with this), or beside it.

    Raises:
        InvalidInput: nobody, or somebody who signs here already.
        WrongState: the item was itself added to another, or has people added on the other side.
    """
    mine = node.find(hand, Act.ADD, item)
    node.check_new(people, Act.ADD)
    if mine.parent is not None:
        message = f"Expected to add signers to an item of the node, but '{mine.person}' was added {mine.place}"
        raise WrongState(message, retry=False)
    place = Place.OWN if where is Where.PARALLEL else Place(where)
    added = node.added_to(mine)
    if place is not Place.OWN and any(one.place is not place for one in added):
        message = f"Expected to add signers {where} '{mine.person}', but there are others on the other side"
        raise WrongState(message, retry=False)
    group = _next_group(node, mine) if place is Place.BEFORE else {}
    keys = tuple(node.new_key() for _ in people)
    for step, (key, person) in enumerate(zip(keys, people, strict=True)):
        inside = place is not Place.OWN
        node.add(
            Item(
                key,
                person,
                ItemState.WAITING,
                step if inside else mine.step,
                place,
                mine.key if inside else None,
                weight=node.policy.weight(person),
                added_by=hand.actor,
                reason={"added": str(where), "by": hand.actor, **group},
            )
        )
    before = Before(keys, mine.group_mode)
    node.history.append(Done(Act.ADD, hand.actor, mine.key, comment, tuple(people), where, before))
    if place is not Place.OWN:
        mine.group_mode = mode
    if place is Place.BEFORE:
        node.change(mine, ItemState.WAITING_FOR_ADDED)
    elif place is Place.AFTER:
        _act(node, mine, hand, Act.APPROVE, ItemState.APPROVED, comment)
    node.settle(hand.actor)


def _next_group(node: Node, item: Item) -> dict[str, int]:
    """For the reason of whoever is asked once those asked before by the same item have decided."""
    asked = last_group(node.added_to(item))
    return in_group(asked[0].group + 1) if asked else {}


def name_signers(node: Node, hand: Hand, people: Sequence[str], comment: str) -> None:
    """An administrator asks more people, for instance where the rules found nobody.

    Raises:
        Forbidden: not an administrator.
        InvalidInput: nobody, somebody who signs here already, or no reason.
    """
    node.check_undecided(Act.NAME)
    if not hand.is_admin:
        message = f"Expected an administrator to name signers, but found '{hand.actor}'"
        raise Forbidden(message)
    _check_reason(comment, "changed who signs")
    node.check_new(people, Act.NAME)
    after = max((one.step for one in node.own()), default=-1) + 1
    keys = []
    for step, person in enumerate(people, after):
        keys.append(node.new_key())
        reason = {"named": hand.actor}
        weight = node.policy.weight(person)
        node.add(Item(keys[-1], person, ItemState.WAITING, step, weight=weight, added_by=hand.actor, reason=reason))
    node.history.append(Done(Act.NAME, hand.actor, keys[0], comment, tuple(people)))
    node.settle(hand.actor)


def remove_signer(node: Node, hand: Hand, item: int, comment: str | None = None) -> None:
    """Lets somebody off who has not acted; those who are left decide, perhaps at once.

    Raises:
        Forbidden: not by who added them, nor an administrator.
        WrongState: they have acted, or nobody would be left.
    """
    node.check_undecided(Act.REMOVE)
    gone = node.known(item)
    if not (hand.is_admin or (gone.added_by is not None and gone.added_by == hand.actor)):
        message = f"Expected to remove signer '{gone.person}', but only who added them and administrators may"
        raise Forbidden(message)
    if not gone.is_open or _has_acted_for(node, gone):
        message = f"Expected to remove signer '{gone.person}', but what they do here is {gone.state}"
        raise WrongState(message, retry=False)
    if gone.parent is None and not any(one.counts for one in node.own() if one is not gone):
        message = f"Expected somebody to be left, but '{gone.person}' is the last who signs"
        raise WrongState(message, retry=False)
    node.end(gone, ItemState.CANCELED)
    node.history.append(Done(Act.REMOVE, hand.actor, gone.key, comment, (gone.person,)))
    node.settle(hand.actor)


def _has_acted_for(node: Node, item: Item) -> bool:
    return any(one.acted_by is not None for one in node.added_to(item))


def transfer(node: Node, hand: Hand, person: str, comment: str, *, item: int | None = None) -> None:
    """Hands an item over for good; the new one stands in the same place.

    Raises:
        InvalidInput: to the initiator, to somebody who signs here already, or without a reason.
    """
    _check_reason(comment, "transferred")
    mine = node.find(hand, Act.TRANSFER, item)
    node.check_new([person], Act.TRANSFER)
    _hand_over(node, mine, hand.actor, person, comment, Act.TRANSFER)
    node.settle(hand.actor)


def _hand_over(node: Node, item: Item, actor: str, person: str, comment: str | None, act: Act) -> None:
    node.end(item, ItemState.TRANSFERRED)
    new = replace(
        item,
        key=node.new_key(),
        person=person,
        state=ItemState.WAITING,
        group_mode=None,
        reason={
            "escalated_from" if act is Act.ESCALATE else "transferred_from": item.person,
            "by": actor,
            **in_group(item.group),
        },
        acted_by=None,
        comment=None,
    )
    item.acted_by, item.comment = actor, comment
    node.add(new)
    before = None if act is Act.ESCALATE else Before((new.key,))
    node.history.append(Done(act, actor, item.key, comment, (person,), before=before))


def delegate(node: Node, hand: Hand, person: str, comment: str | None = None, *, item: int | None = None) -> None:
    """Asks somebody what they think; it comes back, and who asked decides.

    Raises:
        InvalidInput: to somebody who signs here already, or the initiator where they may not sign.
        WrongState: the item was itself added to another, or waits for others.
    """
    mine = node.find(hand, Act.DELEGATE, item)
    node.check_new([person], Act.DELEGATE)
    if mine.parent is not None:
        message = f"Expected to delegate an item of the node, but '{mine.person}' was added {mine.place}"
        raise WrongState(message, retry=False)
    reason = {"delegated_by": mine.person, "by": hand.actor, **_next_group(node, mine)}
    key = node.new_key()
    node.add(Item(key, person, ItemState.WAITING, 0, Place.DELEGATE, mine.key, added_by=hand.actor, reason=reason))
    node.change(mine, ItemState.DELEGATED)
    before = Before((key,), mine.group_mode)
    node.history.append(Done(Act.DELEGATE, hand.actor, mine.key, comment, (person,), before=before))
    node.settle(hand.actor)


def escalate(node: Node, actor: str, superiors: Mapping[str, str]) -> list[str]:
    """The time is over: superiors are asked in the place of those whose turn it is.

    Args:
        node: The node.
        actor: Who does it: the system.
        superiors: By person. Who made the request, or signs here already, is not asked again.

    Returns:
        Who is asked now.
    """
    node.check_undecided(Act.ESCALATE)
    asked: list[str] = []
    for item in [one for one in node.items.values() if one.state is ItemState.TO_DO]:
        superior = superiors.get(item.person)
        if superior is not None and superior != node.initiator and not node.signs(superior):
            _hand_over(node, item, actor, superior, None, Act.ESCALATE)
            asked.append(superior)
    node.settle(actor)
    return asked


def time_out(node: Node, actor: str, outcome: Outcome) -> None:
    """The time is over: the policy decides. Nobody has voted by that; whoever was asked is told who decided.

    Raises:
        WrongState: it is decided, or nobody was asked: that never passes silently.
    """
    node.check_undecided(Act.TIMEOUT)
    asked = [one for one in node.items.values() if one.state is ItemState.TO_DO]
    if not asked:
        message = "Expected somebody who was asked before the time was over, but found nobody"
        raise WrongState(message, retry=False)
    node.history.append(Done(Act.TIMEOUT, actor, asked[0].key, to=tuple(one.person for one in asked)))
    node.decide(outcome, actor)
