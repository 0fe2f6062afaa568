"""Properties of components that the form viewer would choke on, or take for something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bpm_server.domain.forms.expressions import FormExpression, is_expression, read_condition, read_expression
from bpm_server.domain.forms.fieldtypes import is_offered, option_values
from bpm_server.domain.forms.numbers import decimal_of, is_number, read_number
from bpm_server.domain.forms.patterns import Pattern, PatternError
from bpm_server.domain.forms.references import MARK, MOST, MOST_REFERENCES, STAND_FOR, component_of, properties_of
from bpm_server.domain.forms.structure import MAX_DEFAULT_ROWS
from bpm_server.feel import FeelSyntaxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bpm_server.domain.forms.expressions import Condition
    from bpm_server.kernel.findings import Severity

    Note = tuple[Severity, str, str]

_CHOICES: Final = ("radio", "select", "checklist", "taglist")
_VALIDATION_TYPES: Final = ("custom", "email", "phone")


def of_field(component: dict[str, Any]) -> Iterator[Note]:
    """Remarks about a component with a value, its conditions aside."""
    kind = component["type"]
    properties = properties_of(component)
    if str(properties.get(MARK)) in STAND_FOR:
        yield from _of_reference(component, properties)
    yield from _of_validate(component)
    if component_of(component):
        return
    if kind == "number":
        yield from _of_number(component)
    elif kind in _CHOICES:
        yield from _of_options(component)
    elif kind == "datetime":
        yield from _of_datetime(component)
    elif kind == "expression":
        yield from _of_expression(component)
    elif kind == "filepicker":
        for name in ("multiple", "accept"):
            if is_expression(component.get(name)) and "{{" not in component[name]:
                yield from _expression(name, component[name], read_expression)


def _of_reference(component: dict[str, Any], properties: Mapping[str, Any]) -> Iterator[Note]:
    """Remarks about a component that stands for one of ours."""
    mark, most = properties[MARK], properties.get(MOST)
    if not component_of(component):
        where = " or ".join(STAND_FOR[mark])
        yield "error", "form-component", f"Expected '{mark}' at a {where}, but found it at a {component['type']}"
    number = read_number(most) if isinstance(most, str) else most
    if most is not None and not (type(number) is int and 1 <= number <= MOST_REFERENCES):
        message = f"Expected '{MOST}' from 1 to {MOST_REFERENCES}, but found {_shown(most)}"
        yield "error", "form-component", message


def of_list(component: dict[str, Any]) -> Iterator[Note]:
    """Remarks about a dynamic list."""
    raw = component.get("defaultRepetitions")
    number = read_number(raw) if isinstance(raw, str) else raw
    if raw is not None and not (type(number) is int and 0 <= number <= MAX_DEFAULT_ROWS):
        message = f"Expected defaultRepetitions from 0 to {MAX_DEFAULT_ROWS}, but found {_shown(raw)}"
        yield "error", "form-repetitions", message


def of_conditions(component: dict[str, Any]) -> Iterator[Note]:
    """Remarks about what hides a component or keeps people from changing it."""
    conditional = component.get("conditional")
    hide = conditional.get("hide") if isinstance(conditional, dict) else None
    if hide is not None and hide != "":
        if is_expression(hide):
            yield from _expression("conditional.hide", hide, read_condition)
            yield from _of_own_value(component, hide)
        else:
            yield "warning", "form-condition", f"Expected an expression in conditional.hide, but found {_shown(hide)}"
    if is_expression(component.get("readonly")):
        yield from _expression("readonly", component["readonly"], read_condition)
    disabled = component.get("disabled")
    if disabled and not isinstance(disabled, bool):
        message = f"Expected true or false in disabled, but found {_shown(disabled)}, which always disables"
        yield "warning", "form-disabled", message


def _of_own_value(component: dict[str, Any], hide: str) -> Iterator[Note]:
    """Of a hidden field no value is submitted, so the server could not see that its own value hides it."""
    key = component.get("path" if component.get("type") in ("group", "dynamiclist") else "key")
    try:
        names = read_condition(hide[1:]).names
    except FeelSyntaxError:
        return
    if isinstance(key, str) and key and (key.split(".")[0] in names or f"this.{key}" in hide):
        message = f"Expected a condition on other fields, but found the field's own value in '{hide}'"
        yield "warning", "form-hides-itself", message


def _expression(
    name: str, text: str, read: Callable[[str], FormExpression] | Callable[[str], Condition]
) -> Iterator[Note]:
    try:
        unknown = read(text[1:]).unknown
    except FeelSyntaxError as error:
        yield "error", "form-expression", f"Expected an expression in {name}, but found '{text[:80]}': {error.message}"
        return
    if unknown:
        functions = ", ".join(unknown)
        message = f"Expected functions that the form viewer knows in {name}, but found {functions}: calls give null"
        yield "warning", "form-unknown-function", message


# ---------------------------------------------------------------------- validate


def _of_validate(component: dict[str, Any]) -> Iterator[Note]:
    validate = component.get("validate")
    if validate is None:
        return
    if not isinstance(validate, dict):
        yield "error", "form-validate", f"Expected an object in validate, but found {_shown(validate)}"
        return
    for name in ("min", "max"):
        yield from _bound(name, validate.get(name), lambda raw: decimal_of(raw) is not None, "a number")
    for name in ("minLength", "maxLength"):
        yield from _bound(name, validate.get(name), _is_length, "a whole number from 0")
    yield from _in_order(validate, "min", "max")
    yield from _in_order(validate, "minLength", "maxLength")
    pattern = validate.get("pattern")
    if pattern is not None and pattern != "":
        yield from _pattern(pattern)
    kind = validate.get("validationType")
    if kind is not None and kind not in ("", *_VALIDATION_TYPES):
        yield "warning", "form-validation-type", f"Expected custom, email or phone, but found {_shown(kind)}"


def _bound(name: str, raw: Any, is_good: Callable[[Any], bool], expected: str) -> Iterator[Note]:
    if is_expression(raw):
        yield from _expression(f"validate.{name}", raw, read_expression)
    elif raw is not None and not is_good(raw):
        yield "error", "form-bound", f"Expected {expected} in validate.{name}, but found {_shown(raw)}"


def _is_length(raw: Any) -> bool:
    number = read_number(raw) if isinstance(raw, str) and raw else raw
    return type(number) is int and number >= 0


def _in_order(validate: dict[str, Any], lower: str, upper: str) -> Iterator[Note]:
    low, high = decimal_of(validate.get(lower)), decimal_of(validate.get(upper))
    if low is not None and high is not None and low > high:
        yield "warning", "form-bound", f"Expected {lower} up to {upper}, but found {low} and {high}: nothing fits"


def _pattern(raw: Any) -> Iterator[Note]:
    if not isinstance(raw, str):
        yield "error", "form-pattern", f"Expected a regular expression, but found {_shown(raw)}"
        return
    try:
        Pattern(raw)
    except PatternError as error:
        yield "error", "form-pattern", error.message


# ---------------------------------------------------------------------- by type


def _of_number(component: dict[str, Any]) -> Iterator[Note]:
    digits, step, default = (component.get(name) for name in ("decimalDigits", "increment", "defaultValue"))
    if digits is not None and digits != "" and not _is_length(digits):
        yield "error", "form-bound", f"Expected a whole number from 0 in decimalDigits, but found {_shown(digits)}"
    if step is not None and step != "":
        number = decimal_of(step)
        if number is None or number <= 0:
            yield "error", "form-bound", f"Expected a positive number in increment, but found {_shown(step)}"
    if default is not None and decimal_of(default) is None:
        yield "warning", "form-default", f"Expected a number in defaultValue, but found {_shown(default)}"


def _of_options(component: dict[str, Any]) -> Iterator[Note]:
    sources = [name for name in ("valuesKey", "values", "valuesExpression") if component.get(name) is not None]
    if not sources:
        yield "warning", "form-options", "Expected values, valuesKey or valuesExpression, but found none: no options"
    elif len(sources) > 1:
        message = f"Expected one source of options, but found {', '.join(sources)}: only {sources[0]} counts"
        yield "warning", "form-options", message
    if is_expression(component.get("valuesExpression")):
        yield from _expression("valuesExpression", component["valuesExpression"], read_expression)
    if sources[:1] != ["values"]:
        return
    values = component["values"]
    if not isinstance(values, list):
        yield "error", "form-options", f"Expected a list in values, but found {_shown(values)}"
        return
    offered = option_values(values)
    if len(offered) < len(values):
        yield "warning", "form-options", "Expected options with values, but found some without: they are not shown"
    yield from _of_default(component, offered)


def _of_default(component: dict[str, Any], offered: tuple[Any, ...]) -> Iterator[Note]:
    default = component.get("defaultValue")
    many = component["type"] in ("checklist", "taglist")
    wanted = default if many and isinstance(default, list) else [default]
    if default not in (None, "") and not all(is_offered(value, offered) for value in wanted):
        yield "warning", "form-default", f"Expected an option in defaultValue, but found {_shown(default)}"


def _of_datetime(component: dict[str, Any]) -> Iterator[Note]:
    subtype, form, interval = (component.get(name) for name in ("subtype", "timeSerializingFormat", "timeInterval"))
    if subtype not in (None, "date", "time", "datetime"):
        yield "error", "form-datetime", f"Expected the subtype date, time or datetime, but found {_shown(subtype)}"
    if form not in (None, "utc_offset", "utc_normalized", "no_timezone"):
        yield "error", "form-datetime", f"Expected a timeSerializingFormat, but found {_shown(form)}"
    if interval is not None and not (type(interval) is int and 1 <= interval <= 1440):
        yield "warning", "form-datetime", f"Expected a timeInterval in minutes, but found {_shown(interval)}"


def _of_expression(component: dict[str, Any]) -> Iterator[Note]:
    text, when = component.get("expression"), component.get("computeOn")
    if is_expression(text):
        yield from _expression("expression", str(text), read_expression)
    else:
        yield "warning", "form-expression", f"Expected an expression that begins with =, but found {_shown(text)}"
    if when not in (None, "change", "presubmit"):
        yield "error", "form-expression", f"Expected computeOn change or presubmit, but found {_shown(when)}"


def _shown(value: Any) -> str:
    if type(value) is int and not is_number(value):
        return "an enormous number"
    text = repr(value) if isinstance(value, (str, bool)) or value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
