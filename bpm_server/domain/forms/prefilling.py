"""Filling in a form for somebody before they look at it: from a link, from an earlier request.

What comes from there counts as little as a submission: only fields that are shown and can be edited, and only values
that satisfy the form's rules. It is never submitted by itself.

A component with the property ``secret`` (of any value but ``false``) is left out, with everything else of the variable
in which it lies.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from bpm_server.domain.forms.permissions import total_paths
from bpm_server.domain.forms.references import properties_of
from bpm_server.domain.forms.submitting import without_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from bpm_server.domain.forms.form import Form

MOST_TEXT: Final = 4_000
"""Characters of a value in a link."""
TRUE: Final = frozenset(("true", "1", "yes", "on"))
SECRET: Final = "secret"  # noqa: S105 - the name of a property
FILES: Final = "filepicker"
LINKED: Final = frozenset(
    "textfield textarea datetime number checkbox radio select checklist taglist".split()  # noqa: SIM905 - reads better
)


def prefilled(form: Form, values: Mapping[str, Any], *, now: datetime, timezone: str) -> dict[str, Any]:
    """Of the values, those that the form would take from somebody who enters them, by variable."""
    left_out = secret_names(form.schema)
    known = {name: value for name, value in values.items() if name in form.names and name not in left_out}
    found = without_errors(form.submit({}, known, now=now, timezone=timezone), {})
    return {name: found[name] for name in known if name in found}


def secret_names(schema: Mapping[str, Any]) -> frozenset[str]:
    """The variables that are neither copied nor prefilled nor kept in drafts: secret ones, their totals, and files."""
    found = set[str]()
    for name, component in _named(schema.get("components"), ""):
        marked = properties_of(component).get(SECRET)
        if component.get("type") == FILES or (marked is not None and marked not in ("false", False)):
            found.add(name)
    found.update(total[0] for total, column in total_paths(schema) if column[0] in found)
    return frozenset(found)


def from_link(schema: Mapping[str, Any], texts: Callable[[str], Sequence[str]]) -> dict[str, Any]:
    """Values for fields that lie in variables of their own, out of what a link says.

    Args:
        schema: The form's.
        texts: Gives all the texts that the link has for a key.
    """
    found = {}
    for component in link_fields(schema):
        if given := [text[:MOST_TEXT] for text in texts(component["key"])]:
            value = _read(component, given)
            if value is not None:
                found[component["key"]] = value
    return found


def link_fields(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The components that a link may fill in: fields of variables of their own, without secret ones."""
    left_out = secret_names(schema)
    return [
        component
        for name, component in _named(schema.get("components"), "")
        if component.get("key") == name
        and component.get("type") in LINKED
        and name not in left_out
        and not component.get("disabled")
        and component.get("readonly") is not True
    ]


def _read(component: Mapping[str, Any], texts: list[str]) -> Any:
    """A field's value; None where a text cannot be one."""
    match component.get("type"):
        case "textfield" | "textarea" | "datetime":
            return texts[-1]
        case "number":
            return _number(texts[-1])
        case "checkbox":
            return texts[-1].lower() in TRUE
        case "radio" | "select":
            return _option(component, texts[-1])
        case "checklist" | "taglist":
            return [one for one in (_option(component, text) for text in texts) if one is not None]
    return None


def _number(text: str) -> int | Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or len(text) > 60:
        return None
    return int(number) if number == number.to_integral_value() and abs(number.adjusted()) < 60 else number


def _option(component: Mapping[str, Any], text: str) -> Any:
    """The option that a text means; the text itself where the options are not in the form."""
    options = component.get("values")
    if not isinstance(options, list):
        return text
    for option in options:
        value = option.get("value") if isinstance(option, dict) else option
        if value is not None and str(value) == text:
            return value
    return None


def _named(components: Any, outer: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each component with the variable in which its value lies."""
    for component in components if isinstance(components, list) else ():
        if not isinstance(component, dict):
            continue
        own = component.get("key") or component.get("path")
        name = outer or (own.split(".")[0] if isinstance(own, str) else "")
        if name:
            yield name, component
        yield from _named(component.get("components"), name)
