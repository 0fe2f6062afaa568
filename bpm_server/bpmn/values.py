"""Attribute values that may be text or an expression, compiled when the file is read.

Camunda 8 marks FEEL with a leading ``=``; Camunda 7 embeds JUEL in ``${...}`` or ``#{...}``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from bpm_server import feel, juel
from bpm_server.feel import Evaluation

if TYPE_CHECKING:
    from datetime import datetime

_NO_NAMES: frozenset[str] = frozenset()


class Variables(Protocol):
    """Where an expression looks a name up. A plain dict is one."""

    def get(self, name: str, default: Any = None, /) -> Any:
        """The value of the variable, else ``default``."""
        ...


class Value(Protocol):
    """Text, FEEL or JUEL: evaluates to a JSON or FEEL value."""

    @property
    def source(self) -> str:
        """As written in the file."""
        ...

    @property
    def names(self) -> frozenset[str]:
        """Names of the variables that it reads."""
        ...

    @property
    def fails(self) -> bool:
        """Whether a diagnostic means failure (JUEL); in FEEL it explains a null."""
        ...

    def evaluate(self, variables: Variables, *, now: datetime) -> Evaluation:
        """Never raises for a wrong value: what went wrong is in the diagnostics."""
        ...


@dataclass(frozen=True, slots=True)
class Compiled:
    """A FEEL or JUEL expression."""

    expression: feel.Expression | juel.Expression
    fails: bool = False

    @property
    def source(self) -> str:
        return self.expression.source

    @property
    def names(self) -> frozenset[str]:
        return self.expression.names

    def evaluate(self, variables: Variables, *, now: datetime) -> Evaluation:
        return self.expression.evaluate(variables, now=now)


@dataclass(frozen=True, slots=True)
class Static:
    """A value that is written in the file as it is."""

    value: Any

    @property
    def source(self) -> str:
        return str(self.value)

    @property
    def names(self) -> frozenset[str]:
        return _NO_NAMES

    @property
    def fails(self) -> bool:
        return False

    def evaluate(self, variables: Variables, *, now: datetime) -> Evaluation:
        return Evaluation(self.value, ())


@dataclass(frozen=True, slots=True)
class Variable:
    """The variable with this name; a missing one is null with a diagnostic of the FEEL engine."""

    name: str

    @property
    def source(self) -> str:
        return self.name

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.name})

    @property
    def fails(self) -> bool:
        return False

    def evaluate(self, variables: Variables, *, now: datetime) -> Evaluation:
        return Evaluation(variables.get(self.name), ())


@dataclass(frozen=True, slots=True)
class ListValue:
    """A Camunda 7 ``camunda:list``: one value per item."""

    items: tuple[Value, ...]

    @property
    def source(self) -> str:
        return "[" + ", ".join(item.source for item in self.items) + "]"

    @property
    def names(self) -> frozenset[str]:
        return frozenset[str]().union(*(item.names for item in self.items))

    @property
    def fails(self) -> bool:
        return any(item.fails for item in self.items)

    def evaluate(self, variables: Variables, *, now: datetime) -> Evaluation:
        results = [item.evaluate(variables, now=now) for item in self.items]
        diagnostics = tuple(note for result in results for note in result.diagnostics)
        return Evaluation([result.value for result in results], diagnostics)


@dataclass(frozen=True, slots=True)
class MapValue:
    """A Camunda 7 ``camunda:map``: one value per key."""

    entries: tuple[tuple[str, Value], ...]

    @property
    def source(self) -> str:
        return "{" + ", ".join(f"{key}: {value.source}" for key, value in self.entries) + "}"

    @property
    def names(self) -> frozenset[str]:
        return frozenset[str]().union(*(value.names for _, value in self.entries))

    @property
    def fails(self) -> bool:
        return any(value.fails for _, value in self.entries)

    def evaluate(self, variables: Variables, *, now: datetime) -> Evaluation:
        results = {key: value.evaluate(variables, now=now) for key, value in self.entries}
        diagnostics = tuple(note for result in results.values() for note in result.diagnostics)
        return Evaluation({key: result.value for key, result in results.items()}, diagnostics)


def from_camunda8(text: str) -> Value:
    """``=...`` is FEEL, anything else is text.

    Raises:
        InvalidInput: the FEEL expression has a syntax error (with its position).
    """
    if text.lstrip().startswith("="):
        return feel_value(text.lstrip()[1:])
    return Static(text)


def feel_value(text: str) -> Value:
    """A FEEL expression without its ``=``.

    Raises:
        InvalidInput: syntax error, with its position.
    """
    return Compiled(feel.compile(text))


def from_camunda7(text: str) -> Value:
    """``${...}`` and ``#{...}`` are JUEL, also amid text; text without them is text.

    Raises:
        InvalidInput: the expression is outside the supported subset (with its position).
    """
    if "${" in text or "#{" in text:
        return Compiled(juel.compile(text), fails=True)
    return Static(text)


def is_expression(value: Value) -> bool:
    """Whether the value depends on variables or time (text does not)."""
    return not isinstance(value, Static)
