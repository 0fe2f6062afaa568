"""Approval nodes for tests: who is who, and what stands where."""

from __future__ import annotations

import itertools
from typing import Any

from bpm_server.domain.approvals import acts
from bpm_server.domain.approvals.node import Asked, Hand, Node
from bpm_server.domain.approvals.policy import Mode, Policy

INITIATOR = "ines"


def node(*people: str, mode: Mode = Mode.ALL, initiator: str = INITIATOR, **policy: Any) -> Node:
    """A node that asks these people."""
    made = Node(Policy(mode, **policy), initiator, itertools.count(1).__next__)
    assert made.open([Asked(person) for person in people])
    return made


def hand(actor: str, *stands_for: str, is_admin: bool = False) -> Hand:
    return Hand(actor, frozenset(stands_for), is_admin)


def states(made: Node) -> dict[str, str]:
    """The last state of each person."""
    return {item.person: str(item.state) for item in made.items.values()}


def to_do(made: Node) -> str:
    """Whose turn it is."""
    return " ".join(item.person for item in made.items.values() if item.state == "to-do")


def approve(made: Node, *people: str) -> None:
    """These people agree, one after the other."""
    for person in people:
        acts.approve(made, hand(person))


def item_of(made: Node, person: str) -> int:
    """Key of the last item of a person."""
    return next(item.key for item in reversed(made.items.values()) if item.person == person)
