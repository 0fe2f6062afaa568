"""Types of fields: what they make of the process's values, and what they accept from people.

``imported`` cleans a value of the process as the form viewer does before it shows it. ``accepted`` checks the kind
of a submitted value and returns it in the form in which it is kept, or a :class:`Problem`. Whatever comes in, neither
raises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from bpm_server.domain.forms import dates
from bpm_server.domain.forms.errors import Problem
from bpm_server.domain.forms.numbers import decimal_of, is_number, read_number, text_of
from bpm_server.domain.forms.patterns import length
from bpm_server.domain.forms.values import equal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from bpm_server.domain.forms.expressions import FormExpression, Variables
    from bpm_server.domain.forms.references import Known

MAX_TEXT: Final = 100_000
MAX_CHOICES: Final = 1_000
FILES: Final = "files::"
"""The viewer submits references of this form; the files come beside them."""

_ONE_LINE: Final = str.maketrans("\r\n\t", "   ")


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that came with a submission; ``size`` in bytes."""

    name: str
    size: int
    content_type: str = ""


@dataclass(slots=True)
class Surroundings:
    """What a submission is checked against, besides the form.

    Attributes:
        now: Aware, on the clock of ``zone``.
        initial: What the process gave.
        files: What came with the submission, by reference; None: not known here, so not checked.
        known: What people and files it may refer to; None: not checked here.
        slow_searches: How many more patterns may run into their time limit.
    """

    now: datetime
    zone: ZoneInfo
    initial: Mapping[str, Any]
    files: Mapping[str, Sequence[UploadedFile]] | None = None
    known: Known | None = None
    slow_searches: int = 5


class FieldType(Protocol):
    """A type with its settings.

    Attributes:
        empty: What a field without value and default holds.
    """

    empty: ClassVar[Any]

    def imported(self, raw: Any, around: Surroundings, *, editable: bool) -> Any:
        """The value to show for one of the process."""
        ...

    def accepted(self, raw: Any, base: Any, around: Surroundings) -> Any:
        """The value to keep for a submitted one; ``base`` is what the form showed at first."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """``textfield`` and ``textarea``"""

    empty: ClassVar[Any] = ""
    one_line: bool

    def imported(self, raw: Any, around: Surroundings, *, editable: bool) -> Any:
        del around, editable
        if raw is None or isinstance(raw, (list, dict)):
            return ""
        if isinstance(raw, bool):
            return "true" if raw else "false"
        text = raw if isinstance(raw, str) else text_of(raw) if is_number(raw) else ""
        return text.translate(_ONE_LINE) if self.one_line else text

    def accepted(self, raw: Any, base: Any, around: Surroundings) -> Any:
        del base, around
        if raw is None:
            return None
        if not isinstance(raw, str):
            return Problem("type", "text")
        if len(raw) > MAX_TEXT or length(raw) > MAX_TEXT:
            return Problem("maxLength", MAX_TEXT)
        return raw.translate(_ONE_LINE) if self.one_line else raw


@dataclass(frozen=True, slots=True)
class Number:
    """``number``; ``as_text``: kept as a string."""

    empty: ClassVar[Any] = None
    as_text: bool

    def imported(self, raw: Any, around: Surroundings, *, editable: bool) -> Any:
        del around, editable
        if isinstance(raw, str):
            found = read_number(raw) if raw else None
            return found if found is None or not self.as_text else raw
        number = _number(raw)
        return number if number is None or not self.as_text else text_of(number)

    def accepted(self, raw: Any, base: Any, around: Surroundings) -> Any:
        del base, around
        if raw is None or raw == "":
            return None
        if isinstance(raw, str) and self.as_text and decimal_of(raw) is not None:
            return raw
        number = read_number(raw) if isinstance(raw, str) and raw.strip() else _number(raw)
        if number is None:
            return Problem("notANumber")
        return text_of(number) if self.as_text else number


def _number(raw: Any) -> int | Decimal | None:
    return raw if is_number(raw) else None


@dataclass(frozen=True, slots=True)
class Checkbox:
    """``checkbox``"""

    empty: ClassVar[Any] = False

    def imported(self, raw: Any, around: Surroundings, *, editable: bool) -> Any:
        del around, editable
        return raw is True

    def accepted(self, raw: Any, base: Any, around: Surroundings) -> Any:
        del base, around
        return raw if raw is None or isinstance(raw, bool) else Problem("type", "boolean")


@dataclass(frozen=True, slots=True)
class Options:
    """Where the options of a field come from; the first of the three that is there counts.

    Attributes:
        key: A variable of the process that holds them; dots in it mean nothing.
        values: Written into the form.
        expression: Computed from what is entered.
    """

    key: str | None = None
    values: tuple[Any, ...] | None = None
    expression: FormExpression | None = None

    @property
    def computed(self) -> bool:
        """Whether they can change while the form is open."""
        return self.key is None and self.values is None and self.expression is not None

    def offered(self, around: Surroundings, variables: Variables | None) -> Sequence[Any]:
        """The values to choose from; ``variables`` are needed for computed ones only."""
        if self.key is not None:
            return option_values(around.initial.get(self.key))
        if self.values is not None:
            return self.values
        if self.expression is None or variables is None:
            return ()
        return option_values(self.expression.run(variables, around.now))


def option_values(raw: Any) -> tuple[Any, ...]:
    """The values of options: simple ones, or those of ``{"label": .., "value": ..}``; empty ones are none."""
    if not isinstance(raw, (list, tuple)):
        return ()
    values = [item.get("value") if isinstance(item, dict) else item for item in raw]
    return tuple(value for value in values if _may_be_option(value))


def _may_be_option(value: Any) -> bool:
    if isinstance(value, (str, dict)):
        return bool(value)
    return isinstance(value, (bool, int, Decimal))


def is_offered(value: Any, offered: Sequence[Any]) -> bool:
    """Whether a value is one of the options."""
    return any(equal(value, option) for option in offered)


@dataclass(frozen=True, slots=True)
class Choice:
    """``radio`` and ``select``"""

    empty: ClassVar[Any] = None
    options: Options

    def imported(self, raw: Any, around: Surroundings, *, editable: bool) -> Any:
        del editable
        return raw if self.options.computed or is_offered(raw, self.options.offered(around, None)) else None

    def accepted(self, raw: Any, base: Any, around: Surroundings) -> Any:
        del base, around
        return Problem("option") if isinstance(raw, list) else raw

    def cleaned(self, value: Any, offered: Sequence[Any]) -> Any:
        """What the viewer makes of a value when the options have changed."""
        filled = bool(value) or isinstance(value, (list, dict))  # empty lists and objects count as true in JavaScript
        return None if filled and not is_offered(value, offered) else value

    def check(self, value: Any, offered: Sequence[Any]) -> Problem | None:
        """Whether it is an option."""
        return None if value is None or value == "" or is_offered(value, offered) else Problem("option")


@dataclass(frozen=True, slots=True)
class Choices:
    """``checklist`` and ``taglist``"""

    empty: ClassVar[Any] = ()
    options: Options

    def imported(self, raw: Any, around: Surroundings, *, editable: bool) -> Any:
        del editable
        if self.options.computed:
            return raw
        return self.cleaned(raw, self.options.offered(around, None)) if isinstance(raw, list) else []

    def accepted(self, raw: Any, base: Any, around: Surroundings) -> Any:
        del base, around
        if raw is None:
            return None
        if not isinstance(raw, list):
            return Problem("type", "list")
        if len(raw) > MAX_CHOICES:
            return Problem("rows", MAX_CHOICES)
        kept: list[Any] = []
        for item in raw:
            if not is_offered(item, kept):
                kept.append(item)
        return kept

    def cleaned(self, value: Any, offered: Sequence[Any]) -> Any:
        """What the viewer makes of a value when the options have changed."""
        return [item for item in value if is_offered(item, offered)] if isinstance(value, list) else value

    def check(self, value: Any, offered: Sequence[Any]) -> Problem | None:
        """Whether all are options."""
        good = not isinstance(value, list) or all(is_offered(item, offered) for item in value)
        return None if good else Problem("option")


@dataclass(frozen=True, slots=True)
class DateTimeField:
    """``datetime``; ``interval`` in minutes."""

    empty: ClassVar[Any] = None
    subtype: dates.Subtype
    format: dates.Format
    interval: int
    no_past: bool

    def imported(self, raw: Any, around: Surroundings, *, editable: bool) -> Any:
        if not isinstance(raw, str):
            return None
        moment = dates.parse_loosely(raw if editable else raw.strip(), self.subtype)
        if moment is None or not editable:
            return raw if moment else None
        here = dates.local(moment, around.zone, around.now)
        return dates.text_of(here, self.format, around.zone, around.now)

    def accepted(self, raw: Any, base: Any, around: Surroundings) -> Any:
        if raw is None or raw == "":
            return None
        if not isinstance(raw, str):
            return Problem("type", "text")
        moment = dates.parse(raw, self.subtype)
        if moment is None:
            return Problem("date", self.subtype)
        text = dates.text_of(moment, self.format, around.zone, around.now)
        return text if text == base else self._limits(moment, around) or text

    def _limits(self, moment: dates.Moment, around: Surroundings) -> Problem | None:
        """What the viewer's calendar and clock offer; it does not hold typed or sent values to it."""
        day = moment.day
        if day is not None and self.format == "utc_normalized":
            day = dates.local(moment, around.zone, around.now).day or day
        first = around.now.date() if self.no_past else dates.FIRST_DAY
        if day is not None and day < first:
            return Problem("minDate", str(first))
        if moment.clock is not None and self.interval > 1:
            # The person's time zone may not be the one known here; all zones differ by quarters of an hour.
            step = math.gcd(self.interval, 15) if self.format == "utc_normalized" else self.interval
            if (moment.clock.hour * 60 + moment.clock.minute) % step:
                return Problem("timeInterval", self.interval)
        return None


@dataclass(frozen=True, slots=True)
class FilePicker:
    """``filepicker``; ``accept`` and ``multiple`` may be expressions."""

    empty: ClassVar[Any] = None
    accept: str | FormExpression | None
    multiple: bool | FormExpression
    max_size: int | None

    def imported(self, raw: Any, around: Surroundings, *, editable: bool) -> Any:
        del around
        return raw if not editable or raw == "" else None

    def accepted(self, raw: Any, base: Any, around: Surroundings) -> Any:
        del base
        if raw is None or raw == "":
            return raw
        known = isinstance(raw, str) and raw.startswith(FILES) and len(raw) <= 200
        if not known or (around.files is not None and raw not in around.files):
            return Problem("file")
        return raw

    def check(self, value: Any, variables: Variables, around: Surroundings) -> Problem | None:
        """Whether the files that came are as many, of the types and as small as the field says."""
        files = (around.files or {}).get(value, ()) if isinstance(value, str) else ()
        multiple = self.multiple
        if not isinstance(multiple, bool):
            multiple = multiple.run(variables, around.now) is True
        if len(files) > 1 and not multiple:
            return Problem("fileCount", 1)
        accept = self.accept
        if accept is not None and not isinstance(accept, str):
            accept = accept.run(variables, around.now)
        for file in files:
            if isinstance(accept, str) and not _is_accepted(file, accept):
                return Problem("fileType", accept)
            if self.max_size is not None and file.size > self.max_size:
                return Problem("fileSize", self.max_size)
        return None


def _is_accepted(file: UploadedFile, accept: str) -> bool:
    """Source: WHATWG HTML, the attribute ``accept``: ``.pdf``, ``image/*``, ``text/csv``."""
    wanted = [part.strip().lower() for part in accept.split(",") if part.strip()]
    name, kind = file.name.lower(), file.content_type.lower().partition(";")[0].strip()
    return not wanted or any(
        name.endswith(part)
        if part.startswith(".")
        else kind.startswith(part[:-1])
        if part.endswith("/*")
        else kind == part
        for part in wanted
    )


class Derived:
    """A value that follows from others: what people send for it counts for nothing."""

    __slots__ = ()
    empty: ClassVar[Any] = None

    def imported(self, raw: Any, around: Surroundings, *, editable: bool) -> Any:
        del around, editable
        return raw

    def accepted(self, raw: Any, base: Any, around: Surroundings) -> Any:
        del raw, around
        return base


@dataclass(frozen=True, slots=True)
class Computed(Derived):
    """``expression``

    Attributes:
        expression: None where it has a syntax error or computes nothing.
        constant: The text itself, where it is no expression.
        on_submit: Computed once, at the end.
    """

    expression: FormExpression | None
    constant: str | None
    on_submit: bool
    computes: bool = True

    def compute(self, variables: Variables, now: datetime) -> Any:
        """The FEEL value."""
        if self.expression is None:
            return self.constant
        return self.expression.run(variables, now)
