"""Function invocation: arguments to parameters, implicit conversions, nesting (Table 63 and 10.3.2.13)."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from decimal import DecimalException
from typing import TYPE_CHECKING, Any, Final

from bpm_server.feel import types
from bpm_server.feel.errors import Refused
from bpm_server.feel.values import (
    ExternalFunction,
    FeelFunction,
    UserFunction,
    Value,
    classes_of,
    coerced,
    described,
)

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Sequence

    from bpm_server.feel.errors import Place
    from bpm_server.feel.evaluation import Run


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a built-in.

    Attributes:
        names: The first is the documented one; the others are accepted too.
        type: What arguments are converted to.
        nullable: null is within the domain.
        optional: May be left out; a left out argument is not passed on.
        other_names: Accepted where the dialect has them.
        classes: Python classes whose values are of the type, without a further look.
    """

    names: tuple[str, ...]
    type: types.Type
    nullable: bool = False
    optional: bool = False
    other_names: tuple[str, ...] = ()
    classes: frozenset[builtins.type] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", classes_of(self.type))

    def is_named(self, name: str) -> bool:
        """Whether an argument of that name is meant for this parameter."""
        return name in self.names or name in self.other_names

    def without_other_names(self) -> Parameter:
        """The parameter as the standard has it."""
        return replace(self, other_names=())


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """One way to call a built-in.

    Attributes:
        result: What it returns, where not null.
        minimum: Fewest positional arguments.
        maximum: Most of them.
        variadic: The last parameter takes all further arguments, as a list.
        needs_run: The implementation gets the running evaluation and the place first.
        at_once: It takes the same time whatever the size of its arguments; others are charged for them.
    """

    parameters: tuple[Parameter, ...]
    implementation: Callable[..., Value]
    result: types.Type = types.ANY
    variadic: bool = False
    needs_run: bool = False
    at_once: bool = False
    minimum: int = field(init=False)
    maximum: int = field(init=False)

    def with_parameters(self, parameters: tuple[Parameter, ...]) -> Signature:
        """The same signature with other parameters."""
        return replace(self, parameters=parameters)

    def __post_init__(self) -> None:
        object.__setattr__(self, "minimum", sum(not parameter.optional for parameter in self.parameters))
        object.__setattr__(self, "maximum", sys.maxsize if self.variadic else len(self.parameters))

    def positions(self, names: Sequence[str]) -> list[int] | None:
        """The parameter that each named argument belongs to; None where one belongs to none."""
        found = []
        for name in names:
            position = next((i for i, p in enumerate(self.parameters) if p.is_named(name)), None)
            if position is None or position in found:
                return None
            found.append(position)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class BuiltIn(FeelFunction):
    """A function of the language, with all its signatures."""

    signatures: tuple[Signature, ...] = ()


# ---------------------------------------------------------------------- any function value


def call(run: Run, place: Place, function: Value, arguments: list[Value]) -> Value:
    """``function(a, b)``"""
    if isinstance(function, UserFunction):
        if len(arguments) != len(function.parameters):
            _wrong_number(run, place, function, len(arguments))
            return None
        return invoke(run, place, function, arguments)
    if isinstance(function, BuiltIn):
        return call_built_in(run, place, function, arguments)
    _no_function(run, place, function)
    return None


def call_named(run: Run, place: Place, function: Value, names: tuple[str, ...], arguments: list[Value]) -> Value:
    """``function(name: a)``; parameters without an argument are null."""
    if isinstance(function, UserFunction):
        given = dict(zip(names, arguments, strict=True))
        if len(given) != len(names) or not given.keys() <= set(function.parameters):
            run.fail(
                place,
                "function",
                "Expected the parameters {}, but found {}",
                ", ".join(function.parameters) or "none",
                ", ".join(names),
            )
            return None
        return invoke(run, place, function, [given.get(name) for name in function.parameters])
    if isinstance(function, BuiltIn):
        return call_built_in_named(run, place, function, names, arguments)
    _no_function(run, place, function)
    return None


def _no_function(run: Run, place: Place, function: Value) -> None:
    if isinstance(function, ExternalFunction):
        run.fail(
            place,
            "external",
            "Expected a function of FEEL, but found one in Java or PMML, which is not run here",
        )
        return
    run.fail(place, "function", "Expected a function to call, but found {}", described(function))
    return


def _wrong_number(run: Run, place: Place, function: FeelFunction, count: int) -> None:
    run.fail(
        place,
        "function",
        "Expected {} arguments for {}, but found {}",
        len(function.parameters),
        function,
        count,
    )


def invoke(run: Run, place: Place, function: UserFunction, arguments: list[Value]) -> Value:
    """Calls a function of an expression or model with one argument per parameter."""
    for position, type_ in enumerate(function.types):
        if type_ is not None:
            fits, value = coerced(arguments[position], type_)
            if not fits:
                run.fail(
                    place,
                    "coercion",
                    "Expected {} for parameter '{}', but found {}",
                    type_,
                    function.parameters[position],
                    described(arguments[position]),
                )
                return None
            arguments[position] = value
    run.enter(place)
    try:
        return function.body(run, *arguments)
    finally:
        run.leave()


# ---------------------------------------------------------------------- built-ins


def call_built_in(run: Run, place: Place, function: BuiltIn, arguments: list[Value]) -> Value:
    """Positional arguments: the first signature that takes them."""
    misfits: list[_Misfit] = []
    count = len(arguments)
    for signature in function.signatures:
        if not signature.minimum <= count <= signature.maximum:
            continue
        try:
            return apply(run, place, signature, _fitted(signature, arguments))
        except _Misfit as misfit:
            misfits.append(misfit)
        except Refused as refused:
            run.fail(place, refused.kind, "{}: {}", function.name, refused.message)
            return None
        except (DecimalException, OverflowError):
            _out_of_range(run, place, function)
            return None
    _no_signature(run, place, function, misfits, f"{count} argument{'' if count == 1 else 's'}")
    return None


def call_built_in_named(
    run: Run, place: Place, function: BuiltIn, names: tuple[str, ...], arguments: list[Value]
) -> Value:
    """Named arguments: the first signature that has parameters of those names.

    ``before(range, point)`` and ``before(point, range)`` differ in the order only, so that decides first.
    """
    misfits: list[_Misfit] = []
    shaped = [(signature.positions(names), signature) for signature in function.signatures]
    found = [(positions, signature) for positions, signature in shaped if positions is not None]
    for positions, signature in sorted(found, key=lambda each: each[0]):
        try:
            ordered = _ordered(signature, positions, arguments)
            return apply(run, place, signature, _fitted(signature, ordered))
        except _Misfit as misfit:
            misfits.append(misfit)
        except Refused as refused:
            run.fail(place, refused.kind, "{}: {}", function.name, refused.message)
            return None
        except (DecimalException, OverflowError):
            _out_of_range(run, place, function)
            return None
    _no_signature(run, place, function, misfits, f"arguments named {', '.join(names)}")
    return None


def _no_signature(run: Run, place: Place, function: BuiltIn, misfits: list[_Misfit], given: str) -> None:
    """Says what was expected: by the signatures that came furthest, or by all where none had this shape."""
    if not misfits:
        shapes = dict.fromkeys(_shape(function, signature) for signature in function.signatures)
        run.fail(place, "function", "Expected {}, but found {}", " or ".join(shapes), given)
        return
    last = misfits[-1]
    alike = [each for each in misfits if each.parameter.names[0] == last.parameter.names[0]]
    expected = " or ".join(dict.fromkeys(str(each.parameter.type) for each in alike))
    name, found = last.parameter.names[0], described(last.argument)
    run.fail(place, "type", "{}: Expected {} for '{}', but found {}", function.name, expected, name, found)


_FEW: Final = 16
"""Items of a list that are looked at for their own size: there may be few items, but large ones."""


def apply(run: Run, place: Place, signature: Signature, arguments: list[Value]) -> Value:
    """Runs an implementation with arguments that fit."""
    if not signature.at_once:
        for argument in arguments:
            run.charge_for(place, argument)
            if type(argument) is list and len(argument) <= _FEW:
                for item in argument:
                    run.charge_for(place, item)
    if not signature.needs_run:
        return signature.implementation(*arguments)
    run.enter(place)
    try:
        return signature.implementation(run, place, *arguments)
    finally:
        run.leave()


def _out_of_range(run: Run, place: Place, function: BuiltIn) -> None:
    run.fail(place, "arithmetic", "Expected a result of {} within the range of FEEL, but it is not", function.name)


def _shape(function: BuiltIn, signature: Signature) -> str:
    parameters = [f"{p.names[0]}{'?' if p.optional else ''}" for p in signature.parameters]
    return f"{function.name}({', '.join(parameters)}{'...' if signature.variadic else ''})"


class _Misfit(Exception):
    """An argument of the wrong kind: another signature may take it."""

    def __init__(self, parameter: Parameter, argument: Value) -> None:
        super().__init__(parameter, argument)
        self.parameter = parameter
        self.argument = argument


def _ordered(signature: Signature, positions: list[int], arguments: list[Value]) -> list[Value]:
    """Arguments in the order of the parameters, without trailing optional ones that were not given."""
    ordered: list[Any] = [None] * (max(positions, default=-1) + 1)
    for position, argument in zip(positions, arguments, strict=True):
        ordered[position] = argument
    ordered.extend([None] * (signature.minimum - len(ordered)))
    if signature.variadic and isinstance(ordered[-1], list):
        return [*ordered[:-1], *ordered[-1]]
    return ordered


def _fitted(signature: Signature, arguments: list[Value]) -> list[Value]:
    parameters = signature.parameters
    if signature.variadic:
        fixed = len(parameters) - 1
        head = [_fit(p, a) for p, a in zip(parameters, arguments[:fixed], strict=False)]
        return [*head, [_fit(parameters[-1], argument) for argument in arguments[fixed:]]]
    return [_fit(parameter, argument) for parameter, argument in zip(parameters, arguments, strict=False)]


def _fit(parameter: Parameter, argument: Value) -> Value:
    if argument is None:
        if parameter.nullable:
            return None
        raise _Misfit(parameter, None)
    if type(argument) in parameter.classes:
        return argument
    type_ = parameter.type
    if type_ is types.ANY:
        return argument
    fits, value = coerced(argument, type_)
    if not fits:
        raise _Misfit(parameter, argument)
    return value
