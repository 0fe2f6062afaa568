"""What a form sends, or would send if nobody touched it, for acts without opening it; and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request

from bpm_server.domain.forms.references import properties_of
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.web.pages.visitor import visitor
from bpm_server.web.pages.wording import in_language

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def read_values() -> dict[str, Any]:
    """The values of a form as its viewer sends them.

    Raises:
        InvalidInput: no JSON, or no object.
    """
    values = json.loads_untrusted((request.form.get("values") or "{}").encode())
    if isinstance(values, dict):
        return values
    message = "Expected the values of the form as an object, but found something else"
    raise InvalidInput(message)


def unchanged(form: Mapping[str, Any] | None, data: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The values of the fields that can be edited, and the labels of required ones that are still empty.

    The server's own check of the submission follows; this one says beforehand, in a few words, what is missing.
    """
    values: dict[str, Any] = {}
    missing: list[str] = []
    for field in _fields(form):
        name = str(field["key"]).split(".")[0]
        if name in data:
            values[name] = data[name]
        elif field.get("defaultValue") is not None and "." not in field["key"]:
            values[name] = field["defaultValue"]
        checks = field.get("validate")
        needed = isinstance(checks, dict) and checks.get("required") is True and "conditional" not in field
        if needed and values.get(name) in (None, "", [], False):
            label = in_language(properties_of(field), "label", field.get("label"))
            missing.append(label or name)
    return values, missing


def wrong_fields(form: Mapping[str, Any] | None, errors: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Label and message for each error of a submission, in the visitor's language.

    Args:
        form: The schema, in the visitor's language already.
        errors: As in ``details["errors"]`` of the refusal.
    """
    labels = {one.get("id"): one.get("label") or one.get("dateLabel") or one.get("timeLabel") for one in _all_of(form)}
    language = "zh" if visitor().language.startswith("zh") else "en"
    found = []
    for error in errors:
        rows = ", ".join(str(part + 1) for part in error["path"] if isinstance(part, int))
        label = str(labels.get(error.get("fieldId")) or error.get("key") or "")
        texts = error.get("message")
        text = texts.get(language) if isinstance(texts, dict) else None
        found.append((f"{label} ({rows})" if rows else label, str(text or error.get("kind"))))
    return found


def _all_of(form: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    stack: list[Any] = [form]
    while stack:
        component = stack.pop()
        if isinstance(component, dict):
            yield component
            children = component.get("components")
            stack.extend(children if isinstance(children, list) else ())


def _fields(form: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """Fields outside of lists and groups with a path, that somebody could change."""
    stack: list[Any] = list((form or {}).get("components", ()))[::-1]
    while stack:
        component = stack.pop()
        if not isinstance(component, dict):
            continue
        if (
            isinstance(component.get("key"), str)
            and component.get("readonly") is not True
            and not component.get("disabled")
        ):
            yield component
        if component.get("type") == "group" and not component.get("path"):
            children = component.get("components")
            stack.extend(reversed(children) if isinstance(children, list) else ())
