"""Somebody leaves: what is theirs at an approval node goes to others, and nobody signs twice."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from bpm_server.domain.approvals.items import Item, ItemState, Place, in_group
from bpm_server.domain.approvals.node import Act, Done
from bpm_server.domain.approvals.policy import Duplicates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bpm_server.domain.approvals.node import Node

_WAITS = (ItemState.DELEGATED, ItemState.WAITING_FOR_ADDED)


class _Way(Enum):
    """How an item goes to somebody."""

    TAKES = auto()
    """They stand in its place."""
    SIGNS_ALREADY = auto()
    """They are asked here anyway, and sign once."""


def hand_over(
    node: Node,
    actor: str,
    person: str,
    heirs: Sequence[str],
    comment: str | None = None,
    *,
    reasons: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Item]:
    """Hands on whatever is open of somebody who leaves.

    What was delegated to them returns. Everything else goes to the first of ``heirs`` who may have it: not to who made
    the request, and not to who is asked by another signer what they think. Where that one signs here anyway, they sign
    once, where the policy's rule for duplicates puts them.

    Args:
        node: The node.
        actor: Who hands over.
        person: Who leaves.
        heirs: The successor, and who gets it where the successor may not have it.
        comment: Why.
        reasons: Why one of the heirs is asked, beside that it was handed over; by person.

    Returns:
        Items that nobody may have. They stay with the person.
    """
    stays: list[Item] = []
    for item in [one for one in node.items.values() if one.person == person and one.is_open]:
        if not item.is_open:  # ended with the one that it was added to
            continue
        if item.place is Place.DELEGATE:
            node.change(item, ItemState.CANCELED)
            node.history.append(Done(Act.HANDOVER, actor, item.key, comment, (person,)))
            continue
        ways = [(heir, _way(node, item, heir)) for heir in heirs]
        heir, way = next(((heir, way) for heir, way in ways if way is not None), ("", None))
        if way is None:
            stays.append(item)
            continue
        if way is _Way.TAKES:
            _take(node, item, heir, actor, (reasons or {}).get(heir, {}))
        else:
            _sign_once(node, item, heir)
        node.history.append(Done(Act.HANDOVER, actor, item.key, comment, (person, heir)))
    node.settle(actor)
    return stays


def _way(node: Node, item: Item, heir: str) -> _Way | None:
    """How an item goes to somebody; None where it may not."""
    if heir in (node.initiator, item.person):
        return None
    theirs = [one for one in node.items.values() if one.person == heir and one.counts and not _advises(one, item)]
    if not theirs:
        return _Way.TAKES
    is_asked_alike = item.parent is not None or any(one.parent is None for one in theirs)
    return _Way.SIGNS_ALREADY if is_asked_alike else None


def _advises(one: Item, item: Item) -> bool:
    """Whether somebody was asked for an opinion on just this item and has not given it: now they decide."""
    return one.parent == item.key and one.is_open


def _take(node: Node, item: Item, heir: str, actor: str, reason: Mapping[str, Any]) -> None:
    """Another stands in the same place, with those who were added to it; what they have said counts."""
    new = replace(
        item,
        key=node.new_key(),
        person=heir,
        state=item.state if item.state in _WAITS else ItemState.WAITING,
        reason={**reason, "handed_over_from": item.person, "by": actor, **in_group(item.group)},
        acted_by=None,
        comment=None,
    )
    for one in node.added_to(item):
        if one.person == heir and one.is_open:
            node.change(one, ItemState.CANCELED)
        one.parent = new.key
        node.changed.add(one.key)
    node.change(item, ItemState.TRANSFERRED)
    node.add(new)


def _sign_once(node: Node, item: Item, heir: str) -> None:
    """The heir signs here anyway: in the first of the two places, or in the last, if they have not signed yet."""
    node.end(item, ItemState.SKIPPED)
    for one in node.own():
        if one.person == heir and one.is_open and item.parent is None:
            first = node.policy.duplicates is not Duplicates.LAST
            one.step = min(one.step, item.step) if first else max(one.step, item.step)
            node.changed.add(one.key)
