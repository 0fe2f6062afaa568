"""Random text that looks like FEEL: whatever it is, it compiles or is refused, and evaluates to a value.

``python -m tests.unit.feel.fuzzing 1000000`` tries that many texts and prints what broke.
"""

from __future__ import annotations

import sys
import time
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

from bpm_server import feel
from bpm_server.feel.builtins import LIBRARIES
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS = (
    *("a", "b", "x", "item", "partial", "?", "null", "true", "false", "0", "1", "2", "10", "1.5", ".5", "1e6", "-1"),
    *('"a"', '"ab👍"', '""', '"\\u0041"', '"(a+)+$"', '@"P1D"', '@"2026-01-31"', '@"12:00:00"', '@"P1Y"', '@"x"'),
    *('"2026-01-31T10:00:00@Europe/Berlin"', '"999999999-12-31"', '"PT1S"', '"[a-z]+"', '"P1Y2M"'),
    *("+", "-", "*", "/", "**", "=", "!=", "<", "<=", ">", ">=", "(", ")", "[", "]", "{", "}", ",", ":", "."),
    *("..", "and", "or", "not", "if", "then", "else", "for", "in", "return", "some", "every", "satisfies"),
    *("between", "instance of", "function", "external", "number", "list<number>", "range<date>", "date and time"),
    *("//", "/* */", "`", '"', "@", "\n", "\\", "\x00", "é", "中文", "_", "$", "#", "'", "~", "%"),
)
_SHAPES = (
    "{0} + {1}",
    "{0} - {1}",
    "{0} * {1}",
    "{0} ** {1}",
    "{0} / {1}",
    "{0} = {1}",
    "{0} < {1}",
    "{0} and {1}",
    "{0} or {1}",
    "({0})",
    "-{0}",
    "[{0}, {1}]",
    "{{a: {0}, b: {1}}}",
    "({0}).a",
    "({0})[{1}]",
    "({0})[item > {1}]",
    "if {0} then {1} else {2}",
    "for x in {0} return {1}",
    "for x in 1..3, y in {0} return {1}",
    "some x in {0} satisfies {1}",
    "every x in {0} satisfies {1}",
    "{0} in ({1}, < {2})",
    "{0} between {1} and {2}",
    "[{0}..{1}]",
    "({0}..{1}]",
    "(function(x) {0})({1})",
    "{0} instance of number",
)
_VARIABLES: dict[str, Any] = {"a": 5, "b": [1, {"a": "x"}, None], "x": {"a": {"b": "text"}, "item": 3}}


def texts(seed: int, count: int) -> Iterator[str]:
    """Texts: words in a row, expressions of shapes, and expressions with one thing broken."""
    random = Random(seed)
    functions = sorted(LIBRARIES["camunda8"])
    for _ in range(count):
        match random.randrange(4):
            case 0:
                yield " ".join(random.choices(_WORDS, k=random.randrange(1, 15)))
            case 1:
                yield _broken(random, _shaped(random, functions, 4))
            case _:
                yield _shaped(random, functions, 4)


def _shaped(random: Random, functions: list[str], depth: int) -> str:
    if depth == 0 or random.random() < 0.2:
        return random.choice(_WORDS[:27])
    if random.random() < 0.4:
        arguments = ", ".join(_shaped(random, functions, depth - 1) for _ in range(random.randrange(4)))
        return f"{random.choice(functions)}({arguments})"
    return random.choice(_SHAPES).format(*(_shaped(random, functions, depth - 1) for _ in range(3)))


def _broken(random: Random, text: str) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(("", *_WORDS)) + text[at + random.randrange(3) :]


def try_out(text: str, now: datetime, budget: feel.Budget) -> None:
    """Compiles and evaluates a text in every way; raises whatever is not declared."""
    dialects: tuple[feel.DialectName, ...] = ("camunda8", "dmn")
    for dialect in dialects:
        for kind in ("expression", "unary"):
            try:
                expression = feel.compile(text, kind=kind, dialect=dialect)  # type: ignore[arg-type]
            except feel.FeelSyntaxError as error:
                _check(error.message.startswith("Expected "), error.message)
                continue
            result = expression.evaluate(_VARIABLES, tested=5, now=now, budget=budget, seed=1)
            _check(len(result.diagnostics) <= budget.diagnostics, "too many diagnostics")
            with suppress(InvalidInput):
                feel.to_json(result.value)


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(what)


def main(arguments: list[str]) -> int:
    """Tries texts; the first argument says how many, the second the seed."""
    count = int(arguments[0]) if arguments else 100_000
    seed = int(arguments[1]) if len(arguments) > 1 else int(time.monotonic())
    now, budget = datetime(2026, 1, 31, 12, 30, tzinfo=UTC), feel.Budget(steps=20_000, size=20_000)
    broken, slowest = 0, (0.0, "")
    for text in texts(seed, count):
        started = time.perf_counter()
        try:
            try_out(text, now, budget)
        except Exception:  # noqa: BLE001 - the one place that looks for undeclared ones
            broken += 1
            print(repr(text), traceback.format_exc(limit=-4), sep="\n")
        slowest = max(slowest, (time.perf_counter() - started, text))
    print(f"{count} texts of seed {seed}: {broken} broke; the slowest took {slowest[0]:.2f} s: {slowest[1][:200]!r}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
