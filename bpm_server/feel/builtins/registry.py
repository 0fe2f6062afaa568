"""How built-ins declare themselves.

A declaration reads like the tables of the standard:
``"string: string, start position: number, length?: number -> string"``. ``name?`` may be left out,
``type|null`` takes null, ``name...`` takes any number of arguments, ``name~other`` has another name in
Camunda 8, and ``a/b`` has both names everywhere. ``any`` takes everything, null included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from bpm_server.feel import types
from bpm_server.feel.calls import BuiltIn, Parameter, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bpm_server.feel.values import Value

F = TypeVar("F", bound="Callable[..., Value]")

_TYPES: dict[str, types.Type] = {
    **types.SIMPLE_TYPES,
    "list": types.LIST,
    "context": types.CONTEXT,
    "function": types.FUNCTION,
    "range": types.RANGE,
    "duration": types.ANY,
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
            for name, signatures in parent.signatures():
                self._signatures.setdefault(name, []).extend(signatures)

    def add(
        self, name: str, declaration: str = "", *, needs_run: bool = False, at_once: bool = False
    ) -> Callable[[F], F]:
        """Adds a signature of a built-in; signatures are tried in the order in which they are added.

        Args:
            name: Of the built-in.
            declaration: Parameters and result, see above.
            needs_run: The implementation gets the running evaluation and the place first.
            at_once: It takes the same time whatever the size of its arguments, so they cost nothing.
        """
        given, _, result = declaration.partition("-> ")
        parameters, variadic = _parameters(given.strip())

        def register(implementation: F) -> F:
            signature = Signature(parameters, implementation, _TYPES[result or "any"], variadic, needs_run, at_once)
            self._signatures.setdefault(name, []).append(signature)
            return implementation

        return register

    def signatures(self) -> Iterator[tuple[str, list[Signature]]]:
        """All names with their signatures."""
        yield from self._signatures.items()

    def forget(self, name: str) -> None:
        """Drops the signatures of a built-in, so that others can take their place."""
        del self._signatures[name]

    def alias(self, name: str, of: str) -> None:
        """Gives a built-in another name."""
        self._signatures[name] = self._signatures[of]

    def functions(self) -> dict[str, BuiltIn]:
        """All built-ins, as the standard has them."""
        return {name: _built_in(name, [_standard(each) for each in all_]) for name, all_ in self._signatures.items()}

    def functions_with_other_names(self) -> dict[str, BuiltIn]:
        """All built-ins, with Camunda's names of parameters as well."""
        return {name: _built_in(name, all_) for name, all_ in self._signatures.items()}


def _built_in(name: str, signatures: list[Signature]) -> BuiltIn:
    parameters = signatures[0].parameters
    return BuiltIn(
        name,
        tuple(parameter.names[0] for parameter in parameters),
        tuple(parameter.type for parameter in parameters),
        tuple(signatures),
    )


def _standard(signature: Signature) -> Signature:
    parameters = tuple(parameter.without_other_names() for parameter in signature.parameters)
    return signature.with_parameters(parameters)


def _parameters(declaration: str) -> tuple[tuple[Parameter, ...], bool]:
    parameters = []
    variadic = False
    for part in filter(None, declaration.split(", ")):
        name, _, type_name = part.partition(": ")
        variadic = name.endswith("...")
        names, *others = name.rstrip(".?").split("~")
        type_ = _TYPES[type_name.removesuffix("|null")]
        nullable = type_name.endswith("|null") or type_name == "any"
        parameters.append(Parameter(tuple(names.split("/")), type_, nullable, name.endswith("?"), tuple(others)))
    return tuple(parameters), variadic
