"""What goes into and comes out of one step of the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, tzinfo

    from bpm_server.bpmn.values import Variables
    from bpm_server.domain.events import Event
    from bpm_server.engine.instance import Instance


@dataclass(frozen=True, slots=True)
class Limits:
    """Where an instance stops with an incident instead of taking the server down.

    Attributes:
        steps: Elements run in one command.
        items: Items of one multi-instance.
        tokens: Tokens alive at the same time in loaded state.
    """

    steps: int = 100_000
    items: int = 100_000
    tokens: int = 200_000


@dataclass(frozen=True, slots=True)
class DecisionOutcome:
    """A decision taken: its key, value, explanation as JSON, and what failed."""

    key: int
    value: Any
    evaluation: Mapping[str, Any]
    failure: str | None = None


class Decisions(Protocol):
    """Finds and evaluates deployed decisions; versions are resolved by who calls the engine."""

    def evaluate(
        self, decision_id: str, binding: str, version: str | None, variables: Variables, now: datetime
    ) -> DecisionOutcome | None:
        """The outcome, or None where no such decision is deployed."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a step needs beside definition, state and command.

    Attributes:
        now: Engine time of the command.
        new_key: Source of keys for what the step creates.
        business_key: Of the instance, for Camunda 7's ``execution.processBusinessKey``.
        outer: What a name means that no scope of the process has: the cluster variables.
        zone: Whose calendar and clocks timers go by.
    """

    now: datetime
    new_key: Callable[[], int]
    decisions: Decisions | None = None
    limits: Limits = field(default_factory=Limits)
    business_key: str | None = None
    outer: Mapping[str, Any] = field(default_factory=dict)
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step gave.

    Attributes:
        instance: The live state; the one that went in is used up.
        events: In order of happening.
        finished: No token is left; there is no state to keep.
        variables: Process variables at the end, where finished.
    """

    instance: Instance
    events: list[Event]
    finished: bool
    variables: dict[str, Any]


class Stuck(Exception):
    """An element cannot go on: becomes an incident.

    Attributes:
        kind: Camunda's error type, for instance ``CONDITION_ERROR``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class ChunkNeeded(Exception):
    """A step touches items of a multi-instance that were not loaded: load all and run the command again."""
