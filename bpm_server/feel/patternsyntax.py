r"""The syntax of XPath's regular expressions, written anew for the ``regex`` package.

XPath's and Python's expressions look alike and differ in detail: ``[a-z-[aeiou]]`` subtracts, ``\i`` and
``\c`` are XML name characters, ``.`` does not match a carriage return, ``$`` does not match before a final
newline. So a pattern is parsed and written anew. Anything that XPath does not know is an error, unless the
pattern is read leniently: then what Java knows as well (look-around, ``\b``, inline flags) is let through,
because expressions for Camunda 8 are written for Java.
"""

from __future__ import annotations

import re
from typing import Final

import regex

from bpm_server.feel.errors import Refused

_MAX_WEIGHT: Final = 20_000
"""Size of a pattern with its counted repetitions written out, which is what they cost in memory."""
_MAX_NESTING: Final = 50

_NAME_START = (
    r":A-Z_a-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF\u200C-\u200D\u2070-\u218F"
    r"\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD\U00010000-\U000EFFFF"
)
_NAME_CHAR = _NAME_START + r"\-.0-9\u00B7\u0300-\u036F\u203F-\u2040"
_CLASSES = {
    "s": r" \t\n\r",
    "d": r"\p{Nd}",
    "i": _NAME_START,
    "c": _NAME_CHAR,
}
_NOT_WORD = r"\p{P}\p{Z}\p{C}"
_SINGLE_ESCAPES = {"n": r"\n", "r": r"\r", "t": r"\t"}
_LITERAL_ESCAPES = frozenset("\\|.?*+(){}-[]^$")
_CATEGORIES = frozenset(
    {
        *("L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No"),
        *("P", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Z", "Zs", "Zl", "Zp"),
        *("S", "Sm", "Sc", "Sk", "So", "C", "Cc", "Cf", "Co", "Cn"),
    }
)
_INLINE_FLAGS = re.compile(r"\?[imsx]+[:)]")


class Translator:
    """One pass over a pattern; each method returns Python's form of what it read."""

    def __init__(self, pattern: str, flags: str, *, lenient: bool) -> None:
        self._pattern = _without_space(pattern) if "x" in flags else pattern
        self._at = 0
        self._dot_all = "s" in flags
        self._lines = "m" in flags
        self._lenient = lenient
        self._groups = 0
        self._closed: set[int] = set()
        self._depth = 0

    def translated(self) -> str:
        """The pattern in the syntax of ``regex``.

        Raises:
            Refused: not a pattern, or too large.
        """
        text, weight = self._alternatives()
        if self._at < len(self._pattern):
            raise self._error("the end of the pattern")
        if weight > _MAX_WEIGHT:
            message = "Expected a pattern that repeats less, but its counted repetitions are too large"
            raise Refused(message)
        return text

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        char = self._peek()
        self._at += 1
        return char

    def _error(self, expected: str) -> Refused:
        found = f"'{self._pattern[self._at : self._at + 10]}'" if self._peek() else "the end"
        return Refused(f"Expected {expected} at position {self._at + 1} of the pattern, but found {found}")

    def _alternatives(self) -> tuple[str, int]:
        self._depth += 1
        if self._depth > _MAX_NESTING:
            raise self._error(f"groups nested at most {_MAX_NESTING} deep")
        branches = [self._branch()]
        while self._peek() == "|":
            self._at += 1
            branches.append(self._branch())
        self._depth -= 1
        return "|".join(text for text, _ in branches), sum(weight for _, weight in branches)

    def _branch(self) -> tuple[str, int]:
        parts, total = [], 1
        while (char := self._peek()) and char not in "|)":
            atom, weight = self._atom()
            quantifier, factor = self._quantifier()
            if quantifier and atom.startswith(("(?:\\A", "(?=", "\\A", "\\Z")) and not self._lenient:
                raise self._error("something to repeat")
            parts.append(atom + quantifier)
            total += weight * factor
            if total > _MAX_WEIGHT:
                message = "Expected a pattern that repeats less, but its counted repetitions are too large"
                raise Refused(message)
        return "".join(parts), total

    def _quantifier(self) -> tuple[str, int]:
        char = self._peek()
        factor = 1
        if char and char in "?*+":
            text = self._take()
        elif char == "{":
            text, factor = self._counted()
        else:
            return "", 1
        if self._peek() == "?" or (self._lenient and self._peek() == "+"):
            text += self._take()
        return text, factor

    def _counted(self) -> tuple[str, int]:
        end = self._pattern.find("}", self._at)
        body = self._pattern[self._at + 1 : end] if end > 0 else ""
        low, comma, high = body.partition(",")
        if not low.isascii() or not low.isdigit() or (high and not (high.isascii() and high.isdigit())):
            raise self._error("a count as {2}, {2,} or {2,3}")
        if len(low) > 6 or len(high) > 6 or (high and int(high) < int(low)):
            raise self._error("a smaller count")
        self._at = end + 1
        return f"{{{low}{comma}{high}}}", max(int(low), int(high or 0), 1)

    def _atom(self) -> tuple[str, int]:
        char = self._take()
        match char:
            case "(":
                return self._group()
            case "[":
                return self._set(), 1
            case ".":
                return (r"(?s:.)" if self._dot_all else r"[^\n\r]"), 1
            case "^":
                return (r"(?:\A|(?<=\n)(?!\Z))" if self._lines else r"\A"), 1
            case "$":
                return (r"(?=\n|\Z)" if self._lines else r"\Z"), 1
            case "\\":
                return self._escape(), 1
            case "?" | "*" | "+" | "{" | "}" | "]" if not (self._lenient and char in "}]"):
                self._at -= 1
                raise self._error(f"'\\{char}' for the character")
        return regex.escape(char), 1

    def _group(self) -> tuple[str, int]:
        opening = "("
        number = None
        if self._peek() == "?":
            opening += self._group_kind()
            if opening.endswith(")"):
                return opening, 1
        else:
            self._groups += 1
            number = self._groups
        text, weight = self._alternatives()
        if self._take() != ")":
            self._at -= 1
            raise self._error("')' of the group")
        if number is not None:
            self._closed.add(number)
        return f"{opening}{text})", weight

    def _group_kind(self) -> str:
        for kind in ("?:", "?=", "?!", "?<=", "?<!", "?>"):
            if self._pattern.startswith(kind, self._at) and (kind == "?:" or self._lenient):
                self._at += len(kind)
                return kind
        if self._lenient and (flags := _INLINE_FLAGS.match(self._pattern, self._at)):
            self._at = flags.end()
            return flags.group()
        raise self._error("'?:' of a group that is not captured")

    def _escape(self) -> str:
        char = self._take()
        if char in _SINGLE_ESCAPES:
            return _SINGLE_ESCAPES[char]
        if char in _LITERAL_ESCAPES:
            return regex.escape(char)
        if char and char in "123456789":
            return self._back_reference(char)
        if self._lenient and char in {"b", "B", "A", "Z", "z"}:
            return "\\Z" if char == "z" else "\\" + char
        inside = self._class_escape(char)
        if inside is not None:
            return f"[{inside}]"
        self._at -= 1
        raise self._error("a known escape")

    def _back_reference(self, digits: str) -> str:
        while self._peek() and self._peek() in "0123456789" and int(digits + self._peek()) <= self._groups:
            digits += self._take()
        if int(digits) not in self._closed:
            raise self._error("a reference to a group that is closed before it")
        return f"(?:\\{digits})"

    def _class_escape(self, char: str) -> str | None:
        r"""``\s``, ``\p{L}`` and the like, as the inside of a set."""
        lower = char.lower()
        if char and lower in _CLASSES:
            return _CLASSES[char] if char == lower else f"[^{_CLASSES[lower]}]"
        if char == "w":
            return f"[^{_NOT_WORD}]"
        if char == "W":
            return _NOT_WORD
        if char in {"p", "P"}:
            return self._property(negated=char == "P")
        return None

    def _property(self, *, negated: bool) -> str:
        end = self._pattern.find("}", self._at)
        if self._peek() != "{" or end < 0:
            raise self._error("'{' and a property")
        name = self._pattern[self._at + 1 : end]
        self._at = end + 1
        if name in _CATEGORIES:
            text = name
        elif name.startswith("Is") and name[2:].replace("-", "").isalnum():
            text = "In" + name[2:]
        elif self._lenient and name.isalnum():
            text = name
        else:
            raise self._error("a known property before")
        return f"\\{'P' if negated else 'p'}{{{text}}}"

    def _set(self) -> str:
        """``[...]``, with its subtraction."""
        self._depth += 1
        if self._depth > _MAX_NESTING:
            raise self._error(f"sets nested at most {_MAX_NESTING} deep")
        negated = self._peek() == "^"
        if negated:
            self._at += 1
        parts: list[str] = []
        subtracted = ""
        while self._peek() != "]":
            if not self._peek():
                raise self._error("']' of the set")
            if self._pattern.startswith("-[", self._at):
                self._at += 2
                subtracted = self._set()
                if self._peek() != "]":
                    raise self._error("']' after a subtraction")
                break
            parts.append(self._member())
        if not parts:
            raise self._error("a character in the set")
        self._at += 1
        self._depth -= 1
        base = f"[{'^' if negated else ''}{''.join(parts)}]"
        return f"[{base}--{subtracted}]" if subtracted else base

    def _member(self) -> str:
        """A character, a range of characters, or a class escape."""
        first = self._set_character()
        if len(first) > 2 and first[0] != "\\":
            return first
        following = self._pattern[self._at : self._at + 2]
        if not following.startswith("-") or following in {"-", "-]", "-["} or first.startswith(("\\p", "\\P")):
            return first
        self._at += 1
        last = self._set_character()
        if len(last) > 2 or last.startswith(("\\p", "\\P")):
            raise self._error("a character at the end of the range")
        return f"{first}-{last}"

    def _set_character(self) -> str:
        char = self._take()
        if char == "\\":
            char = self._take()
            if char in _SINGLE_ESCAPES:
                return _SINGLE_ESCAPES[char]
            inside = None if char in _LITERAL_ESCAPES else self._class_escape(char)
            if inside is not None:
                return inside
            if char not in _LITERAL_ESCAPES:
                self._at -= 1
                raise self._error("a known escape")
        elif char == "[" or not char:
            self._at -= 1
            raise self._error("'\\[' for the character")
        return char if char.isalnum() else "\\" + char


def _without_space(pattern: str) -> str:
    """A pattern of flag ``x``: white space outside of sets does not count."""
    kept, depth, escaped = [], 0, False
    for char in pattern:
        if not escaped:
            depth += (char == "[") - (char == "]" and depth > 0)
        if depth or char not in " \t\n\r":
            kept.append(char)
            escaped = char == "\\" and not escaped
    return "".join(kept)
