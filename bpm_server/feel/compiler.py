"""Text to a callable: parse, generate, compile, cache."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from bpm_server.feel.builtins import LIBRARIES, SPACED_NAMES
from bpm_server.feel.dialects import DIALECTS, Dialect, DialectName
from bpm_server.feel.errors import FeelSyntaxError, Place, Source, Stopped
from bpm_server.feel.evaluation import DEFAULT_BUDGET, Budget, Evaluation, Run, SilentRun
from bpm_server.feel.generate import generate
from bpm_server.feel.names import Vocabulary
from bpm_server.feel.parser import parse, parse_unary_tests
from bpm_server.feel.runtime import load
from bpm_server.feel.syntaxtree import free_names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime
    from typing import Protocol

    from bpm_server.feel import nodes
    from bpm_server.feel.types import Type

    class Variables(Protocol):
        """Where names are looked up; a plain dict is the fastest."""

        def get(self, name: str, default: Any, /) -> Any:
            """The value of a variable, or the default where there is none."""
            ...


Kind = Literal["expression", "unary"]
CACHED_EXPRESSIONS: Final = 10_000
_SILENT: Final = {name: SilentRun(dialect) for name, dialect in DIALECTS.items()}


class Expression:
    """A compiled expression. It holds no state of evaluations, so threads may share it.

    Attributes:
        source: The text.
        kind: ``expression``, or ``unary`` for the tests of a decision table cell.
        dialect: How the text was read.
        names: Free variables that it may read. In a filter, entries of the items are among them.
        tree: The syntax tree.
    """

    __slots__ = (
        "_dialect",
        "_plain",
        "_run",
        "_source",
        "_variables",
        "dialect",
        "kind",
        "names",
        "source",
        "tree",
    )

    def __init__(
        self, source: Source, kind: Kind, dialect: Dialect, tree: nodes.Node, variables: frozenset[str]
    ) -> None:
        self.source = source.text
        self.kind = kind
        self.dialect = dialect.name
        self.tree = tree
        self.names = frozenset(free_names(tree) - (LIBRARIES[dialect.name].keys() - variables) - {"?"})
        self._source = source
        self._dialect = dialect
        self._variables = variables
        self._plain = False
        self._run: Callable[..., Any] | None = None

    @property
    def run(self) -> Callable[..., Any]:
        """The Python function of the expression; made when it is first needed.

        It takes the variables, the running evaluation and the tested value, and is for those who share one
        evaluation between expressions: it may raise ``Stopped``.
        """
        if self._run is None:
            functions = LIBRARIES[self.dialect]
            generated = generate(self.tree, self._source, self._dialect, functions, variables=self._variables)
            self._plain = generated.plain
            self._run = load(generated.text, generated.constants)
        return self._run

    def __repr__(self) -> str:
        return f"<Expression {self.source!r}>"

    def __call__(self, variables: Variables, *, now: datetime | None = None) -> Any:
        """The value alone: the fast way."""
        if self._plain and self._run is not None:
            try:
                return self._run(variables, _SILENT[self.dialect])
            except (Stopped, RecursionError):
                return None
        return self._guarded(variables, Run(self._dialect, now=now, silent=True), None)

    def evaluate(
        self,
        variables: Variables,
        *,
        now: datetime | None = None,
        tested: Any = None,
        seed: int | None = None,
        budget: Budget = DEFAULT_BUDGET,
    ) -> Evaluation:
        """The value, and why parts of it are null.

        Args:
            variables: JSON or FEEL values by name. Each is looked up only when it is needed.
            now: Aware time that ``now()`` and ``today()`` return.
            tested: The value that unary tests look at, their ``?``.
            seed: Makes ``uuid()`` and ``random number()`` give the same each time.
            budget: What may be spent.
        """
        run = Run(self._dialect, now=now, seed=seed, budget=budget)
        value = self._guarded(variables, run, tested)
        return Evaluation(value, tuple(run.diagnostics))

    def _guarded(self, variables: Variables, run: Run, tested: Any) -> Any:
        try:
            return self.run(variables, run, tested)
        except Stopped:
            return None
        except RecursionError:
            place = Place(self._source, 0, len(self.source))
            run.fail(place, "budget", "Expected values and calls nested less deep, but the stack ended")
            return None


def compile(  # noqa: A001 - the name callers expect
    text: str,
    *,
    kind: Kind = "expression",
    dialect: DialectName = "camunda8",
    names: Collection[str] = (),
    members: Collection[str] = (),
    types: Mapping[str, Type] | None = None,
    element: str = "",
) -> Expression:
    """Compiles an expression, or takes it from the cache.

    Args:
        text: FEEL, without the leading ``=`` of Camunda 8.
        kind: ``unary`` for the tests of a decision table cell.
        dialect: ``dmn`` reads names with spaces, with the help of ``names``.
        names: Variables in scope. Only needed where they have several words or the name of a built-in.
        members: Names of context entries that may follow a dot, where they have several words.
        types: Named types for ``instance of`` and parameters.
        element: What the text belongs to, for diagnostics.

    Raises:
        FeelSyntaxError: the text is not an expression.
    """
    if types:
        return _compile(text, kind, dialect, frozenset(names), frozenset(members), element, types)
    return _compile_cached(text, kind, dialect, frozenset(names), frozenset(members), element)


@lru_cache(maxsize=CACHED_EXPRESSIONS)
def _compile_cached(
    text: str,
    kind: Kind,
    dialect: DialectName,
    names: frozenset[str],
    members: frozenset[str],
    element: str,
) -> Expression:
    return _compile(text, kind, dialect, names, members, element, None)


def _compile(
    text: str,
    kind: Kind,
    dialect_name: DialectName,
    names: frozenset[str],
    members: frozenset[str],
    element: str,
    types: Mapping[str, Type] | None,
) -> Expression:
    dialect = DIALECTS[dialect_name]
    source = Source(text, element)
    return Expression(source, kind, dialect, parse_tree(source, kind, dialect, names, members, types), names)


def parse_tree(
    source: Source,
    kind: Kind,
    dialect: Dialect,
    names: Collection[str] = (),
    members: Collection[str] = (),
    types: Mapping[str, Type] | None = None,
) -> nodes.Node:
    """The syntax tree of a text.

    Raises:
        FeelSyntaxError: the text is not an expression.
    """
    vocabulary = Vocabulary(names, members, types or {}, SPACED_NAMES[dialect.name])
    try:
        if kind == "unary":
            return parse_unary_tests(source, dialect, vocabulary)
        return parse(source, dialect, vocabulary)
    except RecursionError as error:
        raise FeelSyntaxError(source, 0, "an expression that is nested less", "a deeper one") from error
