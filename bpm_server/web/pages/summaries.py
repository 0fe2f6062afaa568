"""The summary of a case in lists: a reference, who it is about, how much."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bpm_server.web.pages import formats
from bpm_server.web.pages.texts import gettext as _

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 120
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Summary:
    """How a case is shown in a row.

    Attributes:
        reference: The first variable: an order number or the like.
        amount: The first number, with the currency that follows it.
        rest: What else is named.
    """

    reference: str = ""
    amount: str = ""
    rest: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " · ".join(part for part in (self.reference, *self.rest, self.amount) if part)


def summarize(values: Mapping[str, Any]) -> Summary:
    """Sorts the summary variables of a process into a row."""
    reference, amount, rest = "", "", list[str]()
    items = list(values.values())
    index = 0
    while index < len(items):
        value = items[index]
        index += 1
        if value is None or value == "":
            continue
        is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        following = items[index] if index < len(items) else None
        if is_number and isinstance(following, str) and _CURRENCY.fullmatch(following):
            index += 1
            text = formats.money(value, following)
        else:
            text = shorten(shown(value))
        if is_number and not amount:
            amount = text
        elif not reference:
            reference = text
        else:
            rest.append(text)
    return Summary(reference, amount, tuple(rest))


def shorten(text: str) -> str:
    """Long texts end in dots."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def shown(value: Any) -> str:
    """A value as text."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value[:5])
    if isinstance(value, dict):
        return ", ".join(f"{key}: {shown(item)}" for key, item in list(value.items())[:5])
    return formats.number(value)
