"""How built-ins declare themselves.

A declaration reads like the tables of the standard: ``"list: list, start position: number, length?: number"``.
``name|other`` accepts two names, ``name?`` may be left out, ``type|null`` takes null, and ``name...`` takes
any number of arguments. ``any`` takes everything, null included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from bpm_server.feel import types
from bpm_server.feel.calls import BuiltIn, Parameter, Signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.feel.values import Value

F = TypeVar("F", bound="Callable[..., Value]")

_TYPES: dict[str, types.Type] = {
    **types.SIMPLE_TYPES,
    "list": types.LIST,
    "context": types.CONTEXT,
    "function": types.FUNCTION,
    "range": types.RANGE,
    "list<number>": types.ListType(types.NUMBER),
    "list<string>": types.ListType(types.STRING),
    "list<list>": types.ListType(types.LIST),
    "list<context>": types.ListType(types.CONTEXT),
}


class Library:
    """Built-ins by name; a library can start from others and replace single functions."""

    def __init__(self, *parents: Library) -> None:
        self._signatures: dict[str, list[Signature]] = {}
        for parent in parents:
            for name, signatures in parent._signatures.items():
                self._signatures.setdefault(name, []).extend(signatures)

    def add(self, name: str, declaration: str = "", *, needs_run: bool = False) -> Callable[[F], F]:
        """Adds a signature of a built-in; signatures are tried in the order in which they are added."""
        parameters, variadic = _parameters(declaration)

        def register(implementation: F) -> F:
            signature = Signature(parameters, implementation, variadic, needs_run)
            self._signatures.setdefault(name, []).append(signature)
            return implementation

        return register

    def replace(self, name: str) -> None:
        """Forgets the signatures of a built-in, so that others can take their place."""
        del self._signatures[name]

    def alias(self, name: str, of: str) -> None:
        """Gives a built-in another name."""
        self._signatures[name] = self._signatures[of]

    def functions(self) -> dict[str, BuiltIn]:
        """All built-ins."""
        return {
            name: BuiltIn(
                name,
                tuple(parameter.names[0] for parameter in signatures[0].parameters),
                tuple(parameter.type for parameter in signatures[0].parameters),
                tuple(signatures),
            )
            for name, signatures in self._signatures.items()
        }


def _parameters(declaration: str) -> tuple[tuple[Parameter, ...], bool]:
    parameters = []
    variadic = False
    for part in filter(None, declaration.split(", ")):
        name, _, type_name = part.partition(": ")
        variadic = name.endswith("...")
        optional = name.endswith("?")
        nullable = type_name.endswith("|null") or type_name == "any"
        parameters.append(
            Parameter(
                tuple(name.rstrip(".?").split("|")),
                _TYPES[type_name.removesuffix("|null")],
                nullable,
                optional,
            )
        )
    return tuple(parameters), variadic
