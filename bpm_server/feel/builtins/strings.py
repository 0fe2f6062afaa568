"""String functions (DMN 1.5, Table 74). Positions count code points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.feel.builtins.registry import Library
from bpm_server.feel.errors import Refused
from bpm_server.feel.patterns import Pattern, compile_pattern, replacement
from bpm_server.feel.values import described

if TYPE_CHECKING:
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


@LIBRARY.add("string length", "string: string -> number")
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


@LIBRARY.add("matches", "input: string, pattern: string, flags?: string|null -> boolean", needs_run=True)
def matches(run: Run, _place: Place, text: str, pattern: str, flags: str | None = None) -> bool:
    """Whether the pattern matches a part of the input."""
    return _pattern(run, pattern, flags).found_in(text)


@LIBRARY.add(
    "replace",
    "input: string, pattern: string, replacement: string, flags?: string|null -> string",
    needs_run=True,
)
def replace(run: Run, place: Place, text: str, pattern: str, new_text: str, flags: str | None = None) -> str:
    """The input with each match replaced; ``$1`` stands for the first group."""
    compiled = _pattern(run, pattern, flags)
    compiled.refuse_empty()
    parts, end, size = [], 0, 0
    for match in compiled.matches(text):
        parts += [text[end : match.start()], replacement(new_text, compiled, match)]
        size += len(parts[-1]) + len(parts[-2])
        run.check_size(place, size)
        end = match.end()
    return "".join([*parts, text[end:]])


@LIBRARY.add("split", "string: string, delimiter: string -> list<string>", needs_run=True)
def split(run: Run, _place: Place, text: str, delimiter: str) -> list[str]:
    """The parts between the matches of a pattern."""
    compiled = _pattern(run, delimiter, None)
    compiled.refuse_empty()
    parts, end = [], 0
    for match in compiled.matches(text):
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
