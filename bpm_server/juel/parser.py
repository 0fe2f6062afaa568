"""JUEL text to functions: a parser whose every rule returns the function that computes what it read."""

from __future__ import annotations

import re
from decimal import DecimalException
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bpm_server.feel.jsonvalues import from_datetime
from bpm_server.feel.numbers import parse_number
from bpm_server.juel import methods, operations
from bpm_server.juel.errors import Failed, JuelSyntaxError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bpm_server.feel.errors import Source

MAX_NESTING: Final = 40
MAX_TEXT: Final = 100_000
"""Characters of one expression."""

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<name>[^\W\d][\w$]*)
    | (?P<symbol>==|!=|<=|>=|&&|\|\||[-+*/%<>!?:.,()\[\]}])
    """,
    re.VERBOSE | re.DOTALL,
)
_WORDS: Final = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "gt": ">",
    "le": "<=",
    "ge": ">=",
    "and": "&&",
    "or": "||",
    "not": "!",
    "div": "/",
    "mod": "%",
    "empty": "empty",
}
_LITERALS: Final = {"true": True, "false": False, "null": None}
_LEVELS: Final = (
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"==", "!="}),
    frozenset({"<", ">", "<=", ">="}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
_FUNCTIONS: Final = frozenset({"JSON", "now", "dateTime"})
_READERS: Final = frozenset({"getVariable", "hasVariable", "getVariableLocal", "hasVariableLocal"})


class Scope:
    """What an evaluation reads: variables, and the time where there is one."""

    __slots__ = ("now", "variables")

    def __init__(self, variables: Any, now: datetime | None) -> None:
        self.variables = variables
        self.now = now


Code = "Callable[[Scope], Any]"


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


class Parser:
    """Reads the expression that starts at a position of a text.

    Attributes:
        names: Variables that the expression reads.
    """

    def __init__(self, source: Source, start: int, *, closed: bool) -> None:
        """A parser.

        Args:
            source: The whole text.
            start: Where the expression begins.
            closed: It ends with ``}``, not with the text.
        """
        self._source = source
        self._position = start
        self._closed = closed
        self._depth = 0
        self.names: set[str] = set()
        self._token = self._next()

    def parse(self) -> tuple[Callable[[Scope], Any], int]:
        """The function of the expression, and the position after it."""
        code = self._ternary()
        if self._closed and self._token.text == "}":
            return code, self._token.start + 1
        if self._closed or self._token.kind != "end":
            raise self._error("'}'" if self._closed else "the end of the expression")
        return code, self._token.start

    # ------------------------------------------------------------------ tokens

    def _next(self) -> _Token:
        text = self._source.text
        while self._position < len(text):
            match = _TOKEN.match(text, self._position)
            if match is None:
                token = _Token("other", text[self._position], self._position)
                raise self._error("an expression of the supported subset", token)
            start, self._position = match.span()
            if match.lastgroup != "space":
                return self._token_of(str(match.lastgroup), match.group(), start)
        return _Token("end", "", len(text))

    @staticmethod
    def _token_of(kind: str, text: str, start: int) -> _Token:
        if kind == "name" and text in _WORDS:
            return _Token("symbol", _WORDS[text], start)
        return _Token(kind, text, start)

    def _error(self, expected: str, token: _Token | None = None) -> JuelSyntaxError:
        token = token or self._token
        found = "the end of the expression" if token.kind == "end" else f"'{token.text[:40]}'"
        return JuelSyntaxError(self._source, token.start, expected, found)

    def _advance(self) -> _Token:
        token = self._token
        self._token = self._next() if token.text != "}" else token
        return token

    def _is(self, text: str) -> bool:
        return self._token.kind == "symbol" and self._token.text == text

    def _skip(self, text: str) -> bool:
        if not self._is(text):
            return False
        self._advance()
        return True

    def _expect(self, text: str) -> None:
        if not self._skip(text):
            raise self._error(f"'{text}'")

    # ------------------------------------------------------------------ operators

    def _ternary(self) -> Callable[[Scope], Any]:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._error(f"expressions nested at most {MAX_NESTING} deep")
        code = self._binary(0)
        if self._skip("?"):
            then = self._ternary()
            self._expect(":")
            otherwise = self._ternary()
            code = _conditional(code, then, otherwise)
        self._depth -= 1
        return code

    def _binary(self, level: int) -> Callable[[Scope], Any]:
        if level == len(_LEVELS):
            return self._unary()
        code = self._binary(level + 1)
        operands = [code]
        operators: list[str] = []
        while self._token.kind == "symbol" and self._token.text in _LEVELS[level]:
            operators.append(self._advance().text)
            operands.append(self._binary(level + 1))
        return _folded(operands, operators) if operators else code

    def _unary(self) -> Callable[[Scope], Any]:
        operators = []
        while self._token.kind == "symbol" and self._token.text in {"-", "!", "empty"}:
            operators.append(self._advance().text)
        code = self._postfix()
        for operator in reversed(operators):
            code = _unary(operator, code)
        return code

    # ------------------------------------------------------------------ values

    def _postfix(self) -> Callable[[Scope], Any]:
        code = self._execution() if self._token.kind == "name" and self._token.text == "execution" else self._primary()
        while True:
            if self._skip("."):
                code = self._member(code)
            elif self._skip("["):
                key = self._ternary()
                self._expect("]")
                code = _element(code, key)
            else:
                return code

    def _name(self) -> _Token:
        if self._token.kind != "name":
            raise self._error("a name after '.'")
        return self._advance()

    def _member(self, base: Callable[[Scope], Any]) -> Callable[[Scope], Any]:
        name = self._name()
        if not self._is("("):
            return _element(base, lambda _scope: name.text)
        if name.text not in methods.NAMES:
            raise self._error("a method of the supported subset", name)
        arguments = self._arguments()
        return _method(base, name.text, arguments)

    def _arguments(self) -> list[Callable[[Scope], Any]]:
        self._expect("(")
        arguments: list[Callable[[Scope], Any]] = []
        while not self._is(")"):
            arguments.append(self._ternary())
            if not self._skip(","):
                break
        self._expect(")")
        return arguments

    def _primary(self) -> Callable[[Scope], Any]:
        token = self._token
        if token.kind == "name":
            return self._identifier()
        if token.kind == "number":
            self._advance()
            return _constant(self._number(token))
        if token.kind == "string":
            self._advance()
            return _constant(re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL))
        if self._skip("("):
            code = self._ternary()
            self._expect(")")
            return code
        raise self._error("a value")

    def _number(self, token: _Token) -> Any:
        try:
            return parse_number(token.text)
        except DecimalException as error:
            raise self._error("a number within decimal128", token) from error

    def _identifier(self) -> Callable[[Scope], Any]:
        token = self._advance()
        if token.text in _LITERALS:
            return _constant(_LITERALS[token.text])
        if self._is("("):
            if token.text not in _FUNCTIONS:
                raise self._error("a function of the supported subset", token)
            arguments = self._arguments()
            if token.text == "JSON":
                if len(arguments) != 1:
                    raise self._error("one argument", token)
                return _json(arguments[0])
            if arguments:
                raise self._error("no arguments", token)
            return _clock
        self.names.add(token.text)
        return _variable(token.text)

    def _execution(self) -> Callable[[Scope], Any]:
        """``execution.getVariable('x')`` and what the caller provides about the execution."""
        self._advance()
        self._expect(".")
        name = self._name()
        if not self._is("("):
            return _about_execution(name.text)
        if name.text in _READERS:
            return self._variable_of_execution(name)
        if name.text.startswith("get") and len(name.text) > 3:
            if self._arguments():
                raise self._error("no arguments", name)
            return _about_execution(name.text[3].lower() + name.text[4:])
        raise self._error("a reading method of the execution", name)

    def _variable_of_execution(self, method: _Token) -> Callable[[Scope], Any]:
        arguments = self._arguments()
        if len(arguments) != 1:
            raise self._error("the name of a variable", method)
        (argument,) = arguments
        literal = argument(_NO_SCOPE) if getattr(argument, "is_constant", False) else None
        if isinstance(literal, str):
            self.names.add(literal)
        if method.text.startswith("has"):
            return lambda scope: scope.variables.get(operations.text(argument(scope)), _NOTHING) is not _NOTHING
        return lambda scope: scope.variables.get(operations.text(argument(scope)), None)


_NO_SCOPE: Final = Scope({}, None)
_NOTHING: Final = object()


# ---------------------------------------------------------------------- functions of what was read


def _constant(value: Any) -> Callable[[Scope], Any]:
    def constant(_scope: Scope) -> Any:
        return value

    constant.is_constant = True  # type: ignore[attr-defined]
    return constant


def _variable(name: str) -> Callable[[Scope], Any]:
    def variable(scope: Scope) -> Any:
        value = scope.variables.get(name, _NOTHING)
        if value is _NOTHING:
            message = f"Expected a variable '{name}', but found none of that name"
            raise Failed("unknown-name", message)
        return value

    return variable


def _about_execution(name: str) -> Callable[[Scope], Any]:
    def about(scope: Scope) -> Any:
        given = scope.variables.get("execution", None)
        if not isinstance(given, dict) or name not in given:
            message = f"Expected '{name}' of the execution, but it is not known here"
            raise Failed("no-entry", message)
        return given[name]

    return about


def _clock(scope: Scope) -> Any:
    if scope.now is None:
        message = "Expected a time to be given to the evaluation, but found none"
        raise Failed("clock", message)
    return from_datetime(scope.now)


def _json(text: Callable[[Scope], Any]) -> Callable[[Scope], Any]:
    """Spin's ``JSON(text)``; what is JSON already stays as it is."""
    return lambda scope: operations.parsed_json(text(scope))


def _conditional(
    condition: Callable[[Scope], Any], then: Callable[[Scope], Any], otherwise: Callable[[Scope], Any]
) -> Callable[[Scope], Any]:
    return lambda scope: then(scope) if operations.boolean(condition(scope)) else otherwise(scope)


def _unary(operator: str, operand: Callable[[Scope], Any]) -> Callable[[Scope], Any]:
    match operator:
        case "-":
            return lambda scope: operations.negated(operand(scope))
        case "!":
            return lambda scope: not operations.boolean(operand(scope))
    return lambda scope: operations.empty(operand(scope))


def _folded(operands: list[Callable[[Scope], Any]], operators: list[str]) -> Callable[[Scope], Any]:
    """A chain of operators of one level, from left to right."""
    if operators[0] == "&&":
        return lambda scope: all(operations.boolean(operand(scope)) for operand in operands)
    if operators[0] == "||":
        return lambda scope: any(operations.boolean(operand(scope)) for operand in operands)

    def folded(scope: Scope) -> Any:
        value = operands[0](scope)
        for operator, operand in zip(operators, operands[1:], strict=True):
            value = _applied(operator, value, operand(scope))
        return value

    return folded


def _applied(operator: str, left: Any, right: Any) -> Any:
    match operator:
        case "==":
            return operations.equal(left, right)
        case "!=":
            return not operations.equal(left, right)
        case "<" | "<=" | ">" | ">=":
            return operations.ordered(operator, left, right)
    return operations.arithmetic(operator, left, right)


def _element(base: Callable[[Scope], Any], key: Callable[[Scope], Any]) -> Callable[[Scope], Any]:
    return lambda scope: operations.element(base(scope), key(scope))


def _method(base: Callable[[Scope], Any], name: str, arguments: list[Callable[[Scope], Any]]) -> Callable[[Scope], Any]:
    return lambda scope: methods.call(base(scope), name, [argument(scope) for argument in arguments])
