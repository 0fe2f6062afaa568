"""Counting: what the votes so far decide."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from bpm_server.domain.approvals.items import GroupMode, Item, ItemState, Place
from bpm_server.domain.approvals.policy import Mode, OnReject, Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_GROUPS = {
    GroupMode.ALL: Policy(Mode.ALL),
    GroupMode.ANY: Policy(Mode.ANY),
    GroupMode.SEQUENTIAL: Policy(Mode.SEQUENTIAL),
}


class Vote(StrEnum):
    """What an item, or all of them, say."""

    YES = "yes"
    NO = "no"
    OPEN = "open"


def vote_of(item: Item, added: Sequence[Item]) -> Vote:
    """What an item says; who agreed and added others to sign after says what those say."""
    if item.state is ItemState.APPROVED:
        after = [one for one in added if one.place is Place.AFTER and one.counts]
        return group_vote(item, after) if after else Vote.YES
    return Vote.NO if item.state in (ItemState.REJECTED, ItemState.RETURNED) else Vote.OPEN


def group_vote(item: Item, added: Iterable[Item]) -> Vote:
    """What people who were added to an item say together."""
    return count(group_policy(item.group_mode), [(one, vote_of(one, ())) for one in added])


def count(policy: Policy, votes: Sequence[tuple[Item, Vote]]) -> Vote:
    """What votes decide by a policy; nobody at all decides nothing.

    Args:
        policy: See there.
        votes: Of all who are counted.
    """
    if not votes:
        return Vote.OPEN
    said = [vote for _, vote in votes]
    if policy.mode is Mode.VOTE:
        return _share(policy, votes)
    if policy.mode is Mode.ANY:
        if Vote.YES in said:
            return Vote.YES
        rejected = Vote.NO in said if policy.any_reject_decides else Vote.OPEN not in said
        return Vote.NO if rejected else Vote.OPEN
    if Vote.NO in said and (policy.mode is Mode.SEQUENTIAL or policy.on_reject is OnReject.IMMEDIATE):
        return Vote.NO
    if Vote.OPEN in said:
        return Vote.OPEN
    return Vote.NO if Vote.NO in said else Vote.YES


def _share(policy: Policy, votes: Sequence[tuple[Item, Vote]]) -> Vote:
    """Ends as soon as what is still open changes nothing."""
    nothing = Decimal(0)
    weight = {vote: sum((item.weight for item, said in votes if said is vote), nothing) for vote in Vote}
    total = sum(weight.values(), nothing)
    if policy.reaches(weight[Vote.YES], total):
        return Vote.YES
    return Vote.OPEN if policy.reaches(weight[Vote.YES] + weight[Vote.OPEN], total) else Vote.NO


def turn(policy: Policy, votes: Sequence[tuple[Item, Vote]]) -> int | None:
    """In a sequence: the step whose turn it is, None where none is or the policy knows no order."""
    if policy.mode is not Mode.SEQUENTIAL:
        return None
    return min((item.step for item, vote in votes if vote is Vote.OPEN), default=None)


def group_policy(mode: GroupMode | None) -> Policy:
    """How added people decide."""
    return _GROUPS[mode or GroupMode.ALL]
