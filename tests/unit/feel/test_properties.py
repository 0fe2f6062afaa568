"""What holds for all expressions: printing, evaluating, refusing.

Short in CI; ``make proof`` (``BPM_PROOF=1``) tries 20,000 examples of each and a million random texts.
"""

from __future__ import annotations

import os
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpm_server import feel
from bpm_server.feel.compiler import parse_tree
from bpm_server.feel.dialects import CAMUNDA8, DMN, Dialect
from bpm_server.feel.errors import Source
from bpm_server.feel.printer import printed
from tests.unit.feel import fuzzing, naive, trees

if TYPE_CHECKING:
    from bpm_server.feel import nodes

NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
PROOF = os.environ.get("BPM_PROOF") == "1"
EXAMPLES = settings(max_examples=20_000 if PROOF else 100, deadline=None)
TEXTS = 1_000_000 if PROOF else 800
BUDGET = feel.Budget(steps=20_000, size=20_000)


def reread(tree: nodes.Node, dialect: Dialect, kind: Any = "expression") -> nodes.Node:
    return parse_tree(Source(printed(tree, dialect)), kind, dialect, {*trees.SPACED}, {*trees.SPACED})


@EXAMPLES
@given(trees.written(spaced=False))
def test_printing_and_parsing_is_the_identity_in_camunda8(tree: nodes.Node) -> None:
    assert reread(tree, CAMUNDA8) == tree


@EXAMPLES
@given(trees.written(spaced=True))
def test_printing_and_parsing_is_the_identity_in_dmn(tree: nodes.Node) -> None:
    assert reread(tree, DMN) == tree


@EXAMPLES
@given(trees.unary_tests(spaced=True))
def test_printing_and_parsing_cells_is_the_identity(tree: nodes.Node) -> None:
    assert reread(tree, DMN, "unary") == tree


@settings(max_examples=20_000 if PROOF else 200, deadline=None)
@given(trees.computed(), trees.scopes())
def test_compiled_and_naive_agree(tree: nodes.Node, scope: dict[str, Any]) -> None:
    text = printed(tree, DMN)
    compiled = feel.compile(text, dialect="dmn").evaluate(scope, now=NOW)
    if any(note.kind == "budget" for note in compiled.diagnostics):
        return
    assert _comparable(compiled.value) == _comparable(naive.evaluate(tree, scope))


def _comparable(value: Any) -> Any:
    """Numbers by value but not as booleans; functions as such."""
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    if isinstance(value, dict):
        return {key: _comparable(item) for key, item in value.items()}
    if isinstance(value, (naive.Closure, feel.FeelFunction)):
        return "function"
    return naive.kind(value), value


@EXAMPLES
@given(trees.computed(), trees.scopes())
def test_the_fast_path_gives_the_same_value(tree: nodes.Node, scope: dict[str, Any]) -> None:
    expression = feel.compile(printed(tree, CAMUNDA8))
    assert _comparable(expression(scope)) == _comparable(expression.evaluate(scope).value)


@EXAMPLES
@given(trees.computed(), trees.scopes())
def test_inputs_stay_as_they_are(tree: nodes.Node, scope: dict[str, Any]) -> None:
    before = repr(scope)
    feel.compile(printed(tree, DMN), dialect="dmn").evaluate(scope)
    assert repr(scope) == before


@EXAMPLES
@given(trees.computed())
def test_free_names_are_those_that_are_asked_for(tree: nodes.Node) -> None:
    class Asked:
        def __init__(self) -> None:
            self.names: set[str] = set()

        def get(self, name: str, default: object = None) -> object:
            self.names.add(name)
            return default

    asked = Asked()
    expression = feel.compile(printed(tree, DMN), dialect="dmn")
    expression.evaluate(asked)
    assert asked.names <= expression.names


@EXAMPLES
@given(st.text(max_size=60))
def test_any_text_is_compiled_or_refused(text: str) -> None:
    fuzzing.try_out(text, NOW, BUDGET)


def test_text_that_looks_like_feel_is_compiled_or_refused() -> None:
    """In proof with a random seed; one that fails is named, and repeats the failure."""
    seed, slowest = secrets.randbits(32) if PROOF else 1, 0.0
    for number, text in enumerate(fuzzing.texts(seed, TEXTS)):
        started = time.process_time()
        try:
            fuzzing.try_out(text, NOW, BUDGET)
        except Exception as error:  # noqa: BLE001 - whatever is not declared
            pytest.fail(f"text {number} of seed {seed}: {text!r} raised {error!r}")
        slowest = max(slowest, time.process_time() - started)
    assert slowest < 10, f"seed {seed}"
