"""Which types go together: the tables of the operators, and what may be an argument of what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bpm_server.feel import nodes, types

if TYPE_CHECKING:
    from bpm_server.feel.calls import Parameter, Signature

ORDERED: Final = frozenset(
    {types.NUMBER, types.STRING, types.DATE, types.TIME, types.DATE_AND_TIME, types.DAYS, types.MONTHS}
)
_DATE_PROPERTIES: Final[dict[str, types.Type]] = dict.fromkeys(("year", "month", "day", "weekday"), types.NUMBER)
_TIME_PROPERTIES: Final[dict[str, types.Type]] = {
    **dict.fromkeys(("hour", "minute", "second"), types.NUMBER),
    "time offset": types.DAYS,
    "timezone": types.STRING,
}
PROPERTIES: Final[dict[types.Type, dict[str, types.Type]]] = {
    types.DATE: {**_DATE_PROPERTIES},
    types.TIME: _TIME_PROPERTIES,
    types.DATE_AND_TIME: {**_DATE_PROPERTIES, **_TIME_PROPERTIES},
    types.DAYS: dict.fromkeys(("days", "hours", "minutes", "seconds"), types.NUMBER),
    types.MONTHS: dict.fromkeys(("years", "months"), types.NUMBER),
}
_SUMS: Final[dict[tuple[types.Type, types.Type], types.Type]] = {
    (types.NUMBER, types.NUMBER): types.NUMBER,
    (types.STRING, types.STRING): types.STRING,
    (types.DATE, types.DAYS): types.DATE,
    (types.DATE, types.MONTHS): types.DATE,
    (types.DATE_AND_TIME, types.DAYS): types.DATE_AND_TIME,
    (types.DATE_AND_TIME, types.MONTHS): types.DATE_AND_TIME,
    (types.TIME, types.DAYS): types.TIME,
    (types.DAYS, types.DAYS): types.DAYS,
    (types.MONTHS, types.MONTHS): types.MONTHS,
}
_DIFFERENCES: Final[dict[tuple[types.Type, types.Type], types.Type]] = {
    **{pair: result for pair, result in _SUMS.items() if pair != (types.STRING, types.STRING)},
    (types.DATE, types.DATE): types.DAYS,
    (types.DATE, types.DATE_AND_TIME): types.DAYS,
    (types.DATE_AND_TIME, types.DATE): types.DAYS,
    (types.DATE_AND_TIME, types.DATE_AND_TIME): types.DAYS,
    (types.TIME, types.TIME): types.DAYS,
}
_PRODUCTS: Final[dict[tuple[types.Type, types.Type], types.Type]] = {
    (types.NUMBER, types.NUMBER): types.NUMBER,
    (types.NUMBER, types.DAYS): types.DAYS,
    (types.DAYS, types.NUMBER): types.DAYS,
    (types.NUMBER, types.MONTHS): types.MONTHS,
    (types.MONTHS, types.NUMBER): types.MONTHS,
}
_QUOTIENTS: Final[dict[tuple[types.Type, types.Type], types.Type]] = {
    (types.NUMBER, types.NUMBER): types.NUMBER,
    (types.DAYS, types.NUMBER): types.DAYS,
    (types.MONTHS, types.NUMBER): types.MONTHS,
    (types.DAYS, types.DAYS): types.NUMBER,
    (types.MONTHS, types.MONTHS): types.NUMBER,
}
ARITHMETIC: Final[dict[str, dict[tuple[types.Type, types.Type], types.Type]]] = {
    "+": {**_SUMS, **{(right, left): result for (left, right), result in _SUMS.items()}},
    "-": _DIFFERENCES,
    "*": _PRODUCTS,
    "/": _QUOTIENTS,
    "**": {(types.NUMBER, types.NUMBER): types.NUMBER},
}


def is_known(type_: types.Type) -> bool:
    """Whether something can be said about values of a type."""
    return type_ not in (types.ANY, types.NULL)


def compatible(left: types.Type, right: types.Type) -> bool:
    """Whether values of two types may be equal, as far as is known."""
    if not is_known(left) or not is_known(right):
        return True
    match left, right:
        case types.ListType(), types.ListType():
            return True
        case types.ContextType(), types.ContextType():
            return True
        case types.RangeType(), types.RangeType():
            return True
        case types.FunctionType(), types.FunctionType():
            return True
    return left == right


def joined(left: types.Type, right: types.Type) -> types.Type:
    """A type that both conform to."""
    if types.conforms(left, right):
        return right
    return left if types.conforms(right, left) else types.ANY


def fits_shape(signature: Signature, node: nodes.Call, count: int) -> bool:
    """Whether a call has as many arguments, and the names, that a signature asks for."""
    if node.names is None:
        return signature.minimum <= count <= signature.maximum
    return signature.positions(node.names) is not None


def fits_types(signature: Signature, node: nodes.Call, found: list[types.Type]) -> bool:
    """Whether arguments of known types may be what a signature asks for."""
    positions = list(range(len(found))) if node.names is None else signature.positions(node.names) or []
    last = len(signature.parameters) - 1
    return all(
        _may_be_argument(type_, signature.parameters[min(position, last)])
        for position, type_ in zip(positions, found, strict=True)
    )


def _may_be_argument(type_: types.Type, parameter: Parameter) -> bool:
    return type_ == types.NULL or may_be(type_, parameter.type)


def may_be(type_: types.Type, expected: types.Type) -> bool:
    """Whether a value of a type may conform to another after the implicit conversions."""
    if not is_known(type_) or not is_known(expected):
        return True
    match type_, expected:
        case types.ListType(item), types.ListType(wanted):
            return may_be(item, wanted)
        case types.ListType(item), _:
            return may_be(item, expected)
        case _, types.ListType(wanted):
            return may_be(type_, wanted)
        case types.ContextType(), types.ContextType():
            return True
        case types.RangeType(), types.RangeType():
            return True
        case types.FunctionType(), types.FunctionType():
            return True
    return type_ == expected or (type_ == types.DATE and expected == types.DATE_AND_TIME)
