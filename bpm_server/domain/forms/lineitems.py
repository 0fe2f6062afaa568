"""Line items: a dynamic list that is shown as a table, with totals of its columns.

The list says so by the property ``component`` = ``lineItems``. A column, which is a number or an expression, says
``total`` = ``sum``, ``avg``, ``min``, ``max`` or ``count``, and by ``totalKey`` where beside the list the total lies as
data. ``minRows`` and ``maxRows`` bound the list. Tools that do not know these properties show a dynamic list.

The browser computes the same totals, digit for digit: ``static/app/form-totals.js``.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from bpm_server.domain.forms.fieldtypes import Derived
from bpm_server.domain.forms.numbers import EXACT, decimal_of, read_number, shortest
from bpm_server.domain.forms.references import MARK, properties_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bpm_server.domain.forms.state import Row

LINE_ITEMS: Final = "lineItems"
TOTAL: Final = "total"
TOTAL_KEY: Final = "totalKey"
MIN_ROWS: Final = "minRows"
MAX_ROWS: Final = "maxRows"
SUMMED: Final = ("number", "expression")
"""Types of columns that can have a total."""
MOST_DIGITS: Final = 20
AVERAGE_DIGITS: Final = 10
"""Of an average whose column does not say how many digits it has."""


class TotalKind(StrEnum):
    """What a total is; of no numbers at all a sum and a count are 0, the others are null."""

    SUM = "sum"
    AVERAGE = "avg"
    MIN = "min"
    MAX = "max"
    COUNT = "count"


def is_line_items(component: Mapping[str, Any]) -> bool:
    """Whether a component is a list that is shown as a table."""
    is_list = component.get("type") == "dynamiclist" and component.get("isRepeating") is not False
    return is_list and properties_of(component).get(MARK) == LINE_ITEMS


def total_kind(column: Mapping[str, Any]) -> TotalKind | None:
    """The total that a column asks for; None for a column that has none, or cannot have one."""
    said = properties_of(column).get(TOTAL)
    return TotalKind(said) if column.get("type") in SUMMED and said in list(TotalKind) else None


def digits_of(column: Mapping[str, Any]) -> int | None:
    """Digits after the point of a column; an expression, which has none of its own, says them by a property."""
    own = column.get("decimalDigits")
    digits = whole_number(own if own not in (None, "") else properties_of(column).get("decimalDigits"))
    return None if digits is None or digits < 0 else min(digits, MOST_DIGITS)


def row_bounds(component: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Fewest and most rows of a list; None where nothing sensible is said."""
    properties = properties_of(component) if is_line_items(component) else {}
    least, most = (whole_number(properties.get(name)) for name in (MIN_ROWS, MAX_ROWS))
    return least, most


def whole_number(raw: Any) -> int | None:
    """The whole number from 0 that a property holds, mostly as text."""
    found = read_number(raw) if isinstance(raw, str) and raw.strip() else raw
    return found if type(found) is int and found >= 0 else None


def total(kind: TotalKind, values: Iterable[Any], digits: int | None) -> int | Decimal | None:
    """The exact total of a column; what is no number does not count.

    Args:
        kind: Which.
        values: Numbers, also as texts.
        digits: To which an average is rounded, half up; None: :data:`AVERAGE_DIGITS`.
    """
    numbers = [number for number in map(decimal_of, values) if number is not None]
    if kind is TotalKind.COUNT:
        return len(numbers)
    if not numbers:
        return 0 if kind is TotalKind.SUM else None
    if kind is TotalKind.MIN:
        return shortest(min(numbers))
    if kind is TotalKind.MAX:
        return shortest(max(numbers))
    found = numbers[0]
    for number in numbers[1:]:
        found = EXACT.add(found, number)
    if kind is TotalKind.AVERAGE:
        place = Decimal(1).scaleb(-(AVERAGE_DIGITS if digits is None else digits))
        found = EXACT.divide(found, Decimal(len(numbers))).quantize(place, ROUND_HALF_UP, EXACT)
    return shortest(found)


@dataclass(frozen=True, slots=True)
class Total(Derived):
    """The total of a column, beside the list.

    Attributes:
        rows: Which list of the scope, by number.
        column: Which field of its rows, by number.
    """

    rows: int
    column: int
    kind: TotalKind
    digits: int | None

    def compute(self, row: Row) -> int | Decimal | None:
        """The total of the list in a row; hidden cells do not count."""
        cells = [each.cells[self.column] for each in row.lists[self.rows].rows]
        shown = (cell.value for cell in cells if not cell.row.is_hidden(cell.field.place))
        return total(self.kind, shown, self.digits)
