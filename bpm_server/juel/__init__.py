"""The part of JUEL that Camunda 7 models use: ``${...}`` and ``#{...}``, alone or amid text.

    >>> from bpm_server import juel
    >>> juel.compile("${amount > 1000 && customer.level == 'A'}").evaluate(
    ...     {"amount": 2000, "customer": {"level": "A"}}
    ... ).value
    True
    >>> juel.compile("Dear ${name}").evaluate({"name": "Ada"}).value
    'Dear Ada'

Supported: variables, properties, indexing, arithmetic, comparison, logic, the conditional, ``empty``, text
around expressions, ``execution.getVariable('x')`` and ``hasVariable``, ``now()`` and ``dateTime()``, and the
methods listed in :data:`bpm_server.juel.methods.NAMES`. What callers know about the execution
(``processInstanceId``, ``businessKey`` and so on) they give as a dict under the variable ``execution``.

Other than in FEEL, an unknown variable and a mismatch of types are errors: the value is null, and the
diagnostic is to be treated as a failure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from bpm_server.feel.errors import Diagnostic, Place, Source
from bpm_server.feel.evaluation import Evaluation
from bpm_server.juel import operations
from bpm_server.juel.errors import Failed, JuelSyntaxError
from bpm_server.juel.parser import MAX_TEXT, Parser, Scope

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bpm_server.feel.compiler import Variables

__all__ = ["Evaluation", "Expression", "JuelSyntaxError", "compile"]

CACHED_EXPRESSIONS: Final = 5_000


class Expression:
    """A compiled text. It holds no state, so threads may share it.

    Attributes:
        source: The text.
        names: Variables that it reads.
    """

    __slots__ = ("_parts", "_source", "names", "source")

    def __init__(self, source: Source, parts: list[str | Callable[[Scope], Any]], names: frozenset[str]) -> None:
        self.source = source.text
        self.names = names
        self._source = source
        self._parts = parts

    def __repr__(self) -> str:
        return f"<Expression {self.source!r}>"

    def __call__(self, variables: Variables, *, now: datetime | None = None) -> Any:
        """The value alone; null where the evaluation failed."""
        return self.evaluate(variables, now=now).value

    def evaluate(self, variables: Variables, *, now: datetime | None = None) -> Evaluation:
        """The value; where the evaluation failed, null and the reason.

        Args:
            variables: JSON or FEEL values by name.
            now: Aware time that ``now()`` and ``dateTime()`` return.
        """
        try:
            return Evaluation(self._value(Scope(variables, now)))
        except Failed as error:
            failed = error
        except RecursionError:
            failed = Failed("budget", "Expected values and operations nested less deep, but the stack ended")
        place = Place(self._source, 0, len(self.source))
        return Evaluation(None, (Diagnostic.at(place, failed.kind, failed.message),))

    def _value(self, scope: Scope) -> Any:
        if len(self._parts) == 1:
            (part,) = self._parts
            return part if isinstance(part, str) else part(scope)
        return operations.joined(
            [part if isinstance(part, str) else operations.text(part(scope)) for part in self._parts]
        )


@lru_cache(maxsize=CACHED_EXPRESSIONS)
def compile(text: str, *, bare: bool = False) -> Expression:  # noqa: A001 - the name callers expect
    r"""Compiles a text, or takes it from the cache.

    Args:
        text: Text with any number of ``${...}`` and ``#{...}``; ``\\${`` and ``\\#{`` are plain text.
        bare: Text without any is an expression itself, as in the cells of a decision table.

    Raises:
        JuelSyntaxError: outside the supported subset.
    """
    source = Source(text)
    if len(text) > MAX_TEXT:
        raise JuelSyntaxError(source, 0, f"at most {MAX_TEXT} characters", str(len(text)))
    if bare and "${" not in text and "#{" not in text:
        parser = Parser(source, 0, closed=False)
        code, _ = parser.parse()
        return Expression(source, [code], frozenset(parser.names))
    parts, names = _parts(source)
    return Expression(source, parts, frozenset(names))


def _parts(source: Source) -> tuple[list[str | Callable[[Scope], Any]], set[str]]:
    text = source.text
    parts: list[str | Callable[[Scope], Any]] = []
    names: set[str] = set()
    literal: list[str] = []
    at = 0
    while at < len(text):
        if text.startswith(("\\${", "\\#{"), at):
            literal.append(text[at + 1])
            at += 2
        elif text.startswith(("${", "#{"), at):
            if literal:
                parts.append("".join(literal))
                literal = []
            parser = Parser(source, at + 2, closed=True)
            code, at = parser.parse()
            parts.append(code)
            names |= parser.names
        else:
            literal.append(text[at])
            at += 1
    if literal or not parts:
        parts.append("".join(literal))
    return parts, names
