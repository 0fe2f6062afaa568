"""``validate`` and its kin: what a value must satisfy, in the order in which the form viewer reports it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from bpm_server.domain.forms.errors import Problem
from bpm_server.domain.forms.expressions import is_expression, read_expression
from bpm_server.domain.forms.formats import is_email, is_phone
from bpm_server.domain.forms.numbers import WHITESPACE, bound, decimal_of, decimals, neighbours, read_number, text_of
from bpm_server.domain.forms.patterns import Pattern, PatternError, length
from bpm_server.feel import FeelSyntaxError

if TYPE_CHECKING:
    from bpm_server.domain.forms.expressions import Variables
    from bpm_server.domain.forms.fieldtypes import Surroundings

Rule = Callable[[Any, "Variables", "Surroundings"], Problem | None]
_Bound = Callable[["Variables", "Surroundings"], Any]

_EMPTY_TEXTS: Final = (None, "")


def rules_of(component: dict[str, Any], kind: str) -> tuple[Rule, ...]:
    """The rules of a component; what is no rule is left out (the checks at deployment name it)."""
    validate = component.get("validate")
    if not isinstance(validate, dict):
        validate = {}
    number_rules = [_decimal_digits, _increment] if kind == "number" else []
    rules = [make(component) for make in number_rules]
    rules += [make(validate) for make in (_pattern, _required(kind), _minimum, _maximum, _min_length, _max_length)]
    rules.append(_format(validate))
    return tuple(rule for rule in rules if rule is not None)


def _setting(raw: Any) -> _Bound | None:
    """A bound: a value, or an expression that gives it; None where there is none."""
    if raw is None:
        return None
    if is_expression(raw):
        try:
            expression = read_expression(raw[1:])
        except FeelSyntaxError:
            return None
        return lambda variables, around: expression.run(variables, around.now)
    return lambda _variables, _around: raw


# ---------------------------------------------------------------------- numbers


def _decimal_digits(component: dict[str, Any]) -> Rule | None:
    limit = _whole(component.get("decimalDigits"))
    if limit is None or limit < 0:
        return None

    def rule(value: Any, _variables: Variables, _around: Surroundings) -> Problem | None:
        number = decimal_of(value) if value else None
        return Problem("decimalDigits", limit) if number is not None and decimals(number) > limit else None

    return rule


def _whole(raw: Any) -> int | None:
    number = read_number(raw) if isinstance(raw, str) and raw.strip() else raw
    return number if type(number) is int else None


def _increment(component: dict[str, Any]) -> Rule | None:
    step = decimal_of(component.get("increment"))
    if not step:
        return None

    def rule(value: Any, _variables: Variables, _around: Surroundings) -> Problem | None:
        number = decimal_of(value) if value else None
        nearest = neighbours(number, step) if number is not None else None
        return Problem("increment", [text_of(each) for each in nearest]) if nearest else None

    return rule


def _minimum(validate: dict[str, Any]) -> Rule | None:
    return _limit(validate.get("min"), lower=True)


def _maximum(validate: dict[str, Any]) -> Rule | None:
    return _limit(validate.get("max"), lower=False)


def _limit(raw: Any, *, lower: bool) -> Rule | None:
    setting = _setting(raw)
    if setting is None:
        return None
    fixed = None if is_expression(raw) else decimal_of(raw)

    def rule(value: Any, variables: Variables, around: Surroundings) -> Problem | None:
        if value in _EMPTY_TEXTS and not isinstance(value, (list, dict)):
            return None
        shown = setting(variables, around)
        if shown is None:
            return None
        limit, number = fixed or decimal_of(shown), decimal_of(value)
        if limit is None or number is None:
            return Problem("minInvalid" if lower else "maxInvalid")
        if lower:
            return Problem("min", shown) if number < limit else None
        return Problem("max", shown) if number > limit else None

    return rule


# ---------------------------------------------------------------------- texts


def _pattern(validate: dict[str, Any]) -> Rule | None:
    source = validate.get("pattern")
    if not source or not isinstance(source, str):
        return None
    try:
        pattern = Pattern(source)
    except PatternError:
        return lambda value, _variables, _around: Problem("pattern", source) if value else None

    def rule(value: Any, _variables: Variables, around: Surroundings) -> Problem | None:
        text = _tested(value) if value else None
        if text is None:
            return None
        if around.slow_searches <= 0:
            return Problem("slowPattern")
        try:
            return None if pattern.found_in(text) else Problem("pattern", source)
        except TimeoutError:
            around.slow_searches -= 1
            return Problem("slowPattern")

    return rule


def _tested(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true"
    return text_of(value) if isinstance(value, (int, Decimal)) else None


def _min_length(validate: dict[str, Any]) -> Rule | None:
    return _length(validate.get("minLength"), shortest=True)


def _max_length(validate: dict[str, Any]) -> Rule | None:
    return _length(validate.get("maxLength"), shortest=False)


def _length(raw: Any, *, shortest: bool) -> Rule | None:
    setting = _setting(raw)
    if setting is None:
        return None

    def rule(value: Any, variables: Variables, around: Surroundings) -> Problem | None:
        if not value or not isinstance(value, str):
            return None
        shown = setting(variables, around)
        limit = bound(shown)
        if limit is None:
            return None
        found = length(value.strip(WHITESPACE))
        if shortest:
            return Problem("minLength", shown) if found < limit else None
        return Problem("maxLength", shown) if found > limit else None

    return rule


def _format(validate: dict[str, Any]) -> Rule | None:
    match validate.get("validationType"):
        case "phone":
            return lambda value, _variables, _around: _unless(is_phone, value, Problem("phone"))
        case "email":
            return lambda value, _variables, _around: _unless(is_email, value, Problem("email"))
    return None


def _unless(test: Callable[[str], bool], value: Any, problem: Problem) -> Problem | None:
    return problem if value and isinstance(value, str) and not test(value) else None


# ---------------------------------------------------------------------- all


def _required(kind: str) -> Callable[[dict[str, Any]], Rule | None]:
    def make(validate: dict[str, Any]) -> Rule | None:
        if not validate.get("required"):
            return None
        return lambda value, _variables, _around: Problem("required") if _is_missing(value, kind) else None

    return make


def _is_missing(value: Any, kind: str) -> bool:
    if isinstance(value, (list, str)):
        return not value
    return value is None or (value is False and kind == "checkbox")
