r"""Regular expressions of XPath (F&O 3.1, 5.6) on the ``regex`` package, bounded in time and size."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import regex

from bpm_server.feel.errors import Refused
from bpm_server.feel.patternsyntax import Translator

if TYPE_CHECKING:
    from collections.abc import Iterator

MATCH_SECONDS: Final = 0.25
"""How long one function call may look for matches."""
MAX_PATTERN: Final = 10_000
_FLAGS = frozenset("smixq")


class Pattern:
    """A compiled pattern whose matching ends in time."""

    __slots__ = ("_compiled", "groups", "literal")

    def __init__(self, compiled: regex.Pattern[str], *, literal: bool) -> None:
        self._compiled = compiled
        self.groups = compiled.groups
        self.literal = literal

    def found_in(self, text: str) -> bool:
        """Whether the pattern matches a part of the text."""
        try:
            return self._compiled.search(text, timeout=MATCH_SECONDS) is not None
        except TimeoutError:
            raise _too_slow() from None

    def matches(self, text: str) -> Iterator[regex.Match[str]]:
        """All matches, from left to right."""
        try:
            yield from self._compiled.finditer(text, timeout=MATCH_SECONDS)
        except TimeoutError:
            raise _too_slow() from None

    def refuse_empty(self) -> None:
        """Refuses a pattern that matches the empty string, as XPath does for replacing and splitting."""
        try:
            matches_nothing = self._compiled.fullmatch("", timeout=MATCH_SECONDS) is not None
        except TimeoutError:
            raise _too_slow() from None
        if matches_nothing:
            message = "Expected a pattern that does not match the empty string, but this one does"
            raise Refused(message)


def _too_slow() -> Refused:
    return Refused(f"Expected a pattern that is matched within {MATCH_SECONDS} s, but it takes longer")


@lru_cache(maxsize=2048)
def compile_pattern(pattern: str, flags: str = "", *, lenient: bool = False) -> Pattern:
    """Compiles an XPath pattern.

    Raises:
        Refused: not a pattern, unknown flags, or too large.
    """
    if not _FLAGS.issuperset(flags):
        message = f"Expected flags out of s, m, i, x and q, but found '{flags[:20]}'"
        raise Refused(message)
    if len(pattern) > MAX_PATTERN:
        message = f"Expected a pattern of at most {MAX_PATTERN} characters, but found {len(pattern)}"
        raise Refused(message)
    options = regex.V1 | (regex.IGNORECASE if "i" in flags else 0)
    literal = "q" in flags
    text = regex.escape(pattern) if literal else Translator(pattern, flags, lenient=lenient).translated()
    try:
        return Pattern(regex.compile("(?-f)" + text, options), literal=literal)
    except (regex.error, RecursionError, OverflowError) as error:
        message = f"Expected a regular expression, but found '{pattern[:60]}' ({error})"
        raise Refused(message) from error


def replacement(text: str, pattern: Pattern, match: regex.Match[str]) -> str:
    r"""What a match becomes: ``$1`` is a group, ``\$`` and ``\\`` are themselves.

    Raises:
        Refused: any other use of ``$`` and ``\``.
    """
    if pattern.literal or ("$" not in text and "\\" not in text):
        return text
    parts = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\\":
            if text[at : at + 1] not in {"$", "\\"}:
                message = r"Expected '\$' or '\\' in the replacement, but found another '\'"
                raise Refused(message)
            parts.append(text[at])
            at += 1
        elif char == "$":
            number, at = _group_number(text, at, pattern.groups)
            parts.append((match.group(number) or "") if number <= pattern.groups else "")
        else:
            parts.append(char)
    return "".join(parts)


def _group_number(text: str, at: int, groups: int) -> tuple[int, int]:
    """The longest number at a position that is a group's; one digit at least."""
    end = at
    while end < len(text) and text[end] in "0123456789" and (end == at or int(text[at : end + 1]) <= groups):
        end += 1
    if end == at:
        message = "Expected a number after '$' in the replacement, but found none"
        raise Refused(message)
    return int(text[at:end]), end
