"""Why a task is somebody's: who it is offered to and by which words of the process, and which rules matched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.bpmn.model import UserWork
from bpm_server.dmn.elements import DecisionTable
from bpm_server.kernel import json
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.decisions import decision_instance as t

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server import dmn
    from bpm_server.bpmn.model import Process
    from bpm_server.services.server import Server

MOST_DECISIONS = 20
MOST_RULES = 40


@dataclass(frozen=True, slots=True)
class Column:
    """An input or output of a decision table; ``value`` is what it was."""

    id: str
    label: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule of the table; ``matched`` where it was the (or a) reason."""

    number: int
    conditions: tuple[str, ...]
    outputs: tuple[str, ...]
    description: str
    matched: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """A decision that was taken, with its explanation.

    Attributes:
        rules: All rules of a small table, else only those that matched.
        is_cut: Rules that did not match are left out.
    """

    name: str
    decision_id: str
    version: int
    at: datetime
    element_id: str | None
    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    rules: tuple[RuleRow, ...]
    output: Any
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the process says about who does a task: texts or expressions as drawn."""

    assignee: str | None = None
    candidate_users: str | None = None
    candidate_groups: str | None = None
    due_date: str | None = None


def assignment(process: Process, element_id: str) -> Assignment:
    """The assignment as the designer wrote it."""
    node = process.nodes.get(element_id)
    if node is None or not isinstance(node.work, UserWork):
        return Assignment()
    work = node.work
    values = (work.assignee, work.candidate_users, work.candidate_groups, work.due_date)
    return Assignment(*[None if value is None else value.source for value in values])


def decisions(server: Server, instance_key: int) -> tuple[Taken, ...]:
    """The decisions of an instance, newest first; whether the reader may see it is the caller's question."""
    query = sa.select(*t.columns).where(t.c.instance_key == instance_key).order_by(t.c.key.desc()).limit(MOST_DECISIONS)
    found: list[Taken] = []
    with server.database.read() as connection:
        version = read_moment(connection).definition_version
        for row in connection.execute(query).all():
            model = _model(server, connection, version, row.decision_key)
            evaluation = json.loads(row.evaluation)
            found += [
                _taken(entry, evaluation, row.evaluated_at, row.element_id, _table(model, entry["id"]))
                for entry in reversed(evaluation.get("decisions", ()))
            ]
    return tuple(found)


def rule_texts(server: Server, connection: Connection, decision_key: int, entry: Mapping[str, Any]) -> list[str]:
    """What the matched rules of a decision mean, in the words of who wrote the table."""
    model = _model(server, connection, read_moment(connection).definition_version, decision_key)
    table = _table(model, entry.get("id", ""))
    matched = {rule["id"] for rule in entry.get("rules", ())}
    return [
        rule.description for rule in (() if table is None else table.rules) if rule.id in matched and rule.description
    ]


def _model(server: Server, connection: Connection, version: int, key: int) -> dmn.Model | None:
    found = server.definitions.find_decision(connection, version, key=key)
    return None if found is None else found[1]


def _table(model: dmn.Model | None, decision_id: str) -> DecisionTable | None:
    for decision in () if model is None else model.decisions:
        if decision.id == decision_id and isinstance(decision.logic, DecisionTable):
            return decision.logic
    return None


def _taken(
    entry: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    at: datetime,
    element_id: str | None,
    table: DecisionTable | None,
) -> Taken:
    matched = {rule["id"]: rule for rule in entry.get("rules", ())}
    inputs = tuple(Column(one["id"], one["name"] or one["id"], one["value"]) for one in entry.get("inputs", ()))
    rules, is_cut = _rules(table, matched)
    return Taken(
        name=entry.get("name") or entry["id"],
        decision_id=entry["id"],
        version=evaluation.get("version", 0),
        at=at,
        element_id=element_id,
        inputs=inputs,
        outputs=() if table is None else tuple(Column(o.id, o.label or o.name) for o in table.outputs),
        rules=rules,
        output=entry.get("output"),
        is_cut=is_cut,
    )


def _rules(table: DecisionTable | None, matched: Mapping[str, Any]) -> tuple[tuple[RuleRow, ...], bool]:
    if table is None:
        return (), False
    whole = len(table.rules) <= MOST_RULES
    rows = tuple(
        RuleRow(
            number,
            tuple(cell.text or "-" for cell in rule.inputs),
            tuple(cell.text for cell in rule.outputs),
            rule.description or " · ".join(filter(None, rule.annotations)),
            rule.id in matched,
        )
        for number, rule in enumerate(table.rules, 1)
        if whole or rule.id in matched
    )
    return rows, not whole
