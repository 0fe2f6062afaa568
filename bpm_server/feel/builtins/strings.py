"""String functions (DMN 1.5, Table 74). Positions count code points."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Final

from bpm_server.feel.builtins.registry import Library
from bpm_server.feel.errors import Refused
from bpm_server.feel.patterns import Pattern, compile_pattern, replacement
from bpm_server.feel.values import described

if TYPE_CHECKING:
    from collections.abc import Iterator

    import regex

    from bpm_server.feel.errors import Place
    from bpm_server.feel.evaluation import Run
    from bpm_server.feel.numbers import FeelNumber

LIBRARY = Library()


@LIBRARY.add("substring", "string: string, start position: number, length?: number -> string")
def substring(text: str, start: FeelNumber, length: FeelNumber | None = None) -> str:
    """From 1; from the end where the position is negative. A length beyond the end is cut."""
    position = int(start)
    if position == 0 or abs(position) > len(text):
        message = f"Expected a start position from 1 to {len(text)} or its negative, but found {start}"
        raise Refused(message, "index")
    first = position - 1 if position > 0 else len(text) + position
    if length is None:
        return text[first:]
    if int(length) < 1:
        message = f"Expected a length of at least 1, but found {length}"
        raise Refused(message)
    return text[first : first + int(length)]


@LIBRARY.add("string length", "string: string -> number", at_once=True)
def string_length(text: str) -> int:
    """Number of code points."""
    return len(text)


@LIBRARY.add("upper case", "string: string -> string")
def upper_case(text: str) -> str:
    """All letters in upper case."""
    return text.upper()


@LIBRARY.add("lower case", "string: string -> string")
def lower_case(text: str) -> str:
    """All letters in lower case."""
    return text.lower()


@LIBRARY.add("substring before", "string: string, match: string -> string")
def substring_before(text: str, match: str) -> str:
    """What stands before the first match; nothing where there is none."""
    position = text.find(match)
    return text[:position] if position >= 0 else ""


@LIBRARY.add("substring after", "string: string, match: string -> string")
def substring_after(text: str, match: str) -> str:
    """What stands after the first match; nothing where there is none."""
    position = text.find(match)
    return text[position + len(match) :] if position >= 0 else ""


@LIBRARY.add("contains", "string: string, match: string -> boolean")
def contains(text: str, match: str) -> bool:
    """Whether the match is in the string."""
    return match in text


@LIBRARY.add("starts with", "string: string, match: string -> boolean")
def starts_with(text: str, match: str) -> bool:
    """Whether the string begins with the match."""
    return text.startswith(match)


@LIBRARY.add("ends with", "string: string, match: string -> boolean")
def ends_with(text: str, match: str) -> bool:
    """Whether the string ends with the match."""
    return text.endswith(match)


def _pattern(run: Run, pattern: str, flags: str | None) -> Pattern:
    return compile_pattern(pattern, flags or "", lenient=not run.dialect.spaced_names)


STEPS_PER_SECOND: Final = 4_000_000
"""What the time that matching takes costs of the budget: about what loops cost."""
_FREE_SECONDS: Final = 0.002


@contextmanager
def _charged(run: Run, place: Place) -> Iterator[None]:
    """Charges for the time that it takes, so that many slow matches end as one endless loop does."""
    started = perf_counter()
    try:
        yield
    finally:
        spent = perf_counter() - started
        if spent > _FREE_SECONDS:
            run.charge(place, int(spent * STEPS_PER_SECOND))


def matches_in(run: Run, place: Place, text: str, pattern: Pattern) -> Iterator[regex.Match[str]]:
    """All matches of a pattern, from left to right."""
    found = pattern.matches(text)
    while True:
        with _charged(run, place):
            match = next(found, None)
        if match is None:
            return
        yield match


@LIBRARY.add("matches", "input: string, pattern: string, flags?: string|null -> boolean", needs_run=True)
def matches(run: Run, place: Place, text: str, pattern: str, flags: str | None = None) -> bool:
    """Whether the pattern matches a part of the input."""
    compiled = _pattern(run, pattern, flags)
    with _charged(run, place):
        return compiled.found_in(text)


@LIBRARY.add(
    "replace",
    "input: string, pattern: string, replacement: string, flags?: string|null -> string",
    needs_run=True,
)
def replace(run: Run, place: Place, text: str, pattern: str, new_text: str, flags: str | None = None) -> str:
    """The input with each match replaced; ``$1`` stands for the first group."""
    compiled = _pattern(run, pattern, flags)
    with _charged(run, place):
        compiled.refuse_empty()
    parts, end, size = [], 0, 0
    for match in matches_in(run, place, text, compiled):
        parts += [text[end : match.start()], replacement(new_text, compiled, match)]
        size += len(parts[-1]) + len(parts[-2])
        run.check_size(place, size)
        end = match.end()
    return "".join([*parts, text[end:]])


@LIBRARY.add("split", "string: string, delimiter: string -> list<string>", needs_run=True)
def split(run: Run, place: Place, text: str, delimiter: str) -> list[str]:
    """The parts between the matches of a pattern."""
    compiled = _pattern(run, delimiter, None)
    with _charged(run, place):
        compiled.refuse_empty()
    parts, end = [], 0
    for match in matches_in(run, place, text, compiled):
        parts.append(text[end : match.start()])
        end = match.end()
    return [*parts, text[end:]]


@LIBRARY.add("string join", "list: list, delimiter?: string|null -> string", needs_run=True)
def string_join(run: Run, place: Place, values: list[object], delimiter: str | None = None) -> str:
    """The strings of a list, one after the other; nulls are passed over."""
    texts = []
    for value in values:
        if isinstance(value, str):
            texts.append(value)
        elif value is not None:
            message = f"Expected a list of strings, but found {described(value)} in it"
            raise Refused(message, "type")
    run.check_size(place, sum(map(len, texts)) + len(delimiter or "") * len(texts))
    return (delimiter or "").join(texts)
