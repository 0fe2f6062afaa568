"""What holds for all expressions: printing, evaluating, refusing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

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
BUDGET = feel.Budget(steps=20_000, size=20_000)


def reread(tree: nodes.Node, dialect: Dialect, kind: Any = "expression") -> nodes.Node:
    return parse_tree(Source(printed(tree, dialect)), kind, dialect, {*trees.SPACED}, {*trees.SPACED})


@given(trees.written(spaced=False))
def test_printing_and_parsing_is_the_identity_in_camunda8(tree: nodes.Node) -> None:
    assert reread(tree, CAMUNDA8) == tree


@given(trees.written(spaced=True))
def test_printing_and_parsing_is_the_identity_in_dmn(tree: nodes.Node) -> None:
    assert reread(tree, DMN) == tree


@given(trees.unary_tests(spaced=True))
def test_printing_and_parsing_cells_is_the_identity(tree: nodes.Node) -> None:
    assert reread(tree, DMN, "unary") == tree


@settings(max_examples=400)
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


@given(trees.computed(), trees.scopes())
def test_the_fast_path_gives_the_same_value(tree: nodes.Node, scope: dict[str, Any]) -> None:
    expression = feel.compile(printed(tree, CAMUNDA8))
    assert _comparable(expression(scope)) == _comparable(expression.evaluate(scope).value)


@given(trees.computed(), trees.scopes())
def test_inputs_stay_as_they_are(tree: nodes.Node, scope: dict[str, Any]) -> None:
    before = repr(scope)
    feel.compile(printed(tree, DMN), dialect="dmn").evaluate(scope)
    assert repr(scope) == before


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


@given(st.text(max_size=60))
def test_any_text_is_compiled_or_refused(text: str) -> None:
    fuzzing.try_out(text, NOW, BUDGET)


@given(st.integers(0, 2**32))
def test_text_that_looks_like_feel_is_compiled_or_refused(seed: int) -> None:
    for text in fuzzing.texts(seed, 3):
        fuzzing.try_out(text, NOW, BUDGET)
