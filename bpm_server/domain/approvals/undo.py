"""Undo of what one has asked of others: a transfer, a delegation, added signers, as long as nothing has followed.

Nothing is erased: who was asked stays in the node as ``taken-back``, and the history tells of both acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain.approvals.acts import check_nobody_acted, take_back
from bpm_server.domain.approvals.items import ItemState
from bpm_server.domain.approvals.node import Act, Done, Where
from bpm_server.kernel.errors import Forbidden, WrongState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpm_server.domain.approvals.items import Item
    from bpm_server.domain.approvals.node import Hand, Node

UNDOABLE = (Act.TRANSFER, Act.DELEGATE, Act.ADD)
_UNTOUCHED = (ItemState.WAITING, ItemState.TO_DO)
_LET_OFF = (ItemState.CANCELED, ItemState.TAKEN_BACK)


def undo(node: Node, hand: Hand, done: Done) -> None:
    """Takes an act back: the item that it was done on is as it was, and whoever was asked by it is let off.

    Votes of others that came meanwhile count; where signers were added beside, that may decide the node.

    Args:
        node: The node.
        hand: Who has done it.
        done: One of ``UNDOABLE`` from the history of this node.

    Raises:
        Forbidden: somebody else has done it.
        WrongState: somebody who was asked by it has acted (``actedSince``), or it has been overtaken.
    """
    node.check_undecided(Act.UNDO)
    if done.actor != hand.actor:
        message = f"Expected '{hand.actor}' to undo what they did, but {done.actor} did it"
        raise Forbidden(message)
    mine = node.known(done.item)
    let_off = _untouched(node, mine, done)
    if done.act is Act.ADD and done.where == Where.AFTER:
        take_back(node, hand, item=mine.key)
    else:
        _check_stands(node, mine, let_off, done)
        for one in let_off:
            node.change(one, ItemState.TAKEN_BACK)
        if done.act is not Act.ADD or done.where == Where.BEFORE:
            mine.acted_by, mine.comment = None, None
            node.change(mine, ItemState.TO_DO)
    if done.before is not None and done.where in (Where.BEFORE, Where.AFTER):
        mine.group_mode = done.before.group_mode
    people = tuple(one.person for one in let_off)
    node.history.append(Done(Act.UNDO, hand.actor, mine.key, to=people, where=str(done.act)))
    node.settle(hand.actor)


def _untouched(node: Node, mine: Item, done: Done) -> list[Item]:
    """Those whom the act asked and nobody has let off since; none of them has done anything."""
    brought = [] if done.before is None else [node.known(key) for key in done.before.brought]
    still = [one for one in brought if one.state not in _LET_OFF]
    touched = [one for one in still if one.state not in _UNTOUCHED or node.added_to(one)]
    check_nobody_acted(mine, {_toucher(node, one) for one in touched})
    if not still:
        raise _overtaken(done, "nobody is asked by it any more")
    return still


def _toucher(node: Node, item: Item) -> str:
    """Who has done something with an item, or with others of its group."""
    if item.state is ItemState.HANDLED_BY_ANOTHER and item.parent is not None:
        others = node.added_to(node.items[item.parent])
        return next((one.acted_by for one in others if one.acted_by is not None), item.person)
    return item.acted_by or item.person


def _check_stands(node: Node, mine: Item, let_off: Sequence[Item], done: Done) -> None:
    """The item that the act was done on must be as the act has left it, and somebody must be left."""
    left = {
        Act.TRANSFER: ItemState.TRANSFERRED,
        Act.DELEGATE: ItemState.DELEGATED,
        Act.ADD: ItemState.WAITING_FOR_ADDED if done.where == Where.BEFORE else mine.state,
    }[done.act]
    if mine.state is not left:
        raise _overtaken(done, f"what '{mine.person}' does here is {mine.state}")
    if done.act is Act.TRANSFER and node.signs(mine.person):
        raise _overtaken(done, f"'{mine.person}' signs here again")
    stays = (one for one in node.own() if one.counts and one not in let_off)
    if done.where == Where.PARALLEL and not any(stays):
        raise _overtaken(done, "nobody else is left who signs")


def _overtaken(done: Done, found: str) -> WrongState:
    message = f"Expected to undo: {done.act} by {done.actor}, but {found}"
    return WrongState(message, overtaken=True, retry=False)


__all__ = ["UNDOABLE", "undo"]
