"""Regular expressions of JavaScript (without flags), run with a time limit.

JavaScript matches UTF-16 code units when there is no flag ``u``; so does this: text and pattern are both turned
into strings of code units first. Known difference: JavaScript forgets what a group inside a loop has caught when
the next turn begins.

Source: ECMA-262, 22.2.1 and B.1.2 (additional syntax for regular expressions).
"""

from __future__ import annotations

from typing import Final

import regex

from bpm_server.domain.forms.numbers import WHITESPACE
from bpm_server.kernel.errors import InvalidInput

TIME_LIMIT: Final = 0.05
"""Seconds for one search."""
MAX_PATTERN: Final = 5_000
MAX_REPEAT: Final = 65_535
MAX_NESTING: Final = 100

_ALL = r"[\x00-\uffff]"
_NOTHING = "(?!)"
_DOT = r"[^\n\r\u2028\u2029]"
_CONTROLS = {"f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_HEX = frozenset("0123456789abcdefABCDEF")


class PatternError(InvalidInput):
    """Text that is no regular expression of JavaScript."""

    code = "pattern"


def code_units(text: str) -> str:
    """The UTF-16 code units of a text, one character each."""
    if text.isascii() or max(text) <= "\uffff":
        return text
    data = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(data[at] | data[at + 1] << 8) for at in range(0, len(data), 2))


def length(text: str) -> int:
    """``text.length`` in JavaScript."""
    return len(text) if text.isascii() else len(text) + sum(char > "\uffff" for char in text)


class Pattern:
    """A compiled pattern."""

    __slots__ = ("_compiled", "source")

    def __init__(self, source: str) -> None:
        """Compiles.

        Raises:
            PatternError: not a regular expression of JavaScript.
        """
        self.source = source
        if len(source) > MAX_PATTERN:
            message = f"Expected a pattern of at most {MAX_PATTERN} characters, but found {len(source)}"
            raise PatternError(message)
        translated = _Translator(code_units(source)).translate()
        try:
            self._compiled = regex.compile(translated, regex.ASCII | regex.VERSION0)
        except (regex.error, OverflowError, RecursionError) as error:  # pragma: no cover - the translator is stricter
            message = f"Expected a regular expression, but found '{source[:60]}' ({error})"
            raise PatternError(message) from error

    def found_in(self, text: str) -> bool:
        """Whether it matches anywhere.

        Raises:
            TimeoutError: it took too long.
        """
        return self._compiled.search(code_units(text), timeout=TIME_LIMIT) is not None


def _escaped(char: str) -> str:
    if char.isascii() and char.isalnum():
        return char
    return f"\\x{ord(char):02x}" if char <= "\xff" else f"\\u{ord(char):04x}"


def _ranges(pairs: list[tuple[int, int]]) -> str:
    return "".join(f"{_escaped(chr(low))}-{_escaped(chr(high))}" for low, high in pairs)


def _complement(chars: str) -> list[tuple[int, int]]:
    """The code units that are not among these."""
    pairs, start = [], 0
    for code in sorted(map(ord, chars)):
        if code > start:
            pairs.append((start, code - 1))
        start = code + 1
    pairs.append((start, 0xFFFF))
    return pairs


_CLASSES = {
    "d": "0-9",
    "D": _ranges(_complement("0123456789")),
    "w": "0-9A-Za-z_",
    "W": _ranges(_complement("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")),
    "s": "".join(map(_escaped, WHITESPACE)),
    "S": _ranges(_complement(WHITESPACE)),
}
"""What may stand between brackets for the class escapes."""


class _Translator:
    """One pass over a pattern; each method reads a part and returns it as the ``regex`` package writes it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._opened = 0
        self._closed: set[int] = set()
        self._depth = 0
        self._names: dict[str, int] = {}
        self._groups = self._find_groups()

    def _find_groups(self) -> int:
        """Remembers the names of groups, as references may come before them, and counts all groups."""
        count, in_class, at = 0, False, 0
        while at < len(self._text):
            char = self._text[at]
            if char == "\\":
                at += 1
            elif in_class:
                in_class = char != "]"
            elif char == "[":
                in_class = True
            elif char == "(":
                is_named = self._text.startswith("(?<", at) and self._text[at + 3 : at + 4] not in ("=", "!")
                count += is_named or self._text[at + 1 : at + 2] != "?"
                if is_named:
                    self._at = at + 3
                    self._names[self._name()] = count
            at += 1
        self._at = 0
        return count

    def _fail(self, expected: str) -> PatternError:
        found = repr(self._text[self._at : self._at + 10]) if self._at < len(self._text) else "the end"
        return PatternError(f"Expected {expected} at character {self._at + 1} of the pattern, but found {found}")

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, text: str) -> bool:
        if self._text.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def translate(self) -> str:
        result = self._alternatives()
        if self._at < len(self._text):
            raise self._fail("no ')' without '('")
        return result

    def _alternatives(self) -> str:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._fail(f"groups nested at most {MAX_NESTING} deep")
        parts = []
        while self._at < len(self._text) and self._peek() != ")":
            if self._skip("|"):
                parts.append("|")
            else:
                parts.append(self._term())
        self._depth -= 1
        return "".join(parts)

    def _term(self) -> str:
        if self._skip("^"):
            return r"\A"
        if self._skip("$"):
            return r"\Z"
        if self._skip("\\b"):
            return r"\b"
        if self._skip("\\B"):
            return r"\B"
        if self._text.startswith(("(?<=", "(?<!"), self._at):
            return self._group()
        return self._quantified(self._atom())

    def _quantified(self, atom: str) -> str:
        if self._peek() in ("*", "+", "?"):
            quantifier = self._peek()
            self._at += 1
        else:
            quantifier = self._counts()
            if not quantifier:
                return atom
        lazy = "?" if self._skip("?") else ""
        if self._peek() in ("*", "+", "?") or self._is_counts():
            raise self._fail("something to repeat")
        return f"(?:{atom}){quantifier}{lazy}"

    def _is_counts(self) -> bool:
        at = self._at
        found = self._counts()
        self._at = at
        return bool(found)

    def _counts(self) -> str:
        """``{1}``, ``{1,}`` or ``{1,2}``; empty where something else follows."""
        end = self._text.find("}", self._at)
        if self._peek() != "{" or end < 0:
            return ""
        low, comma, high = self._text[self._at + 1 : end].partition(",")
        if not _is_digits(low) or (high and not _is_digits(high)):
            return ""
        if int(low) > MAX_REPEAT or (high and int(high) > MAX_REPEAT):
            raise self._fail(f"counts up to {MAX_REPEAT}")
        if high and int(low) > int(high):
            raise self._fail("counts in order")
        self._at = end + 1
        return f"{{{low}{comma}{high}}}"

    def _atom(self) -> str:
        char = self._peek()
        if char == "(":
            return self._group()
        if char == "[":
            return self._class()
        if char == "\\":
            return self._escape()
        if char in ("*", "+", "?") or self._is_counts():
            raise self._fail("something to repeat")
        self._at += 1
        return _DOT if char == "." else _escaped(char)

    # --- groups ---------------------------------------------------------------------------------------

    def _group(self) -> str:
        self._at += 1
        number = 0
        opening = "("
        for kind in ("?:", "?=", "?!", "?<=", "?<!"):
            if self._skip(kind):
                opening = f"({kind}"
                break
        else:
            if self._peek() == "?":
                self._at += 1
                if not self._skip("<"):
                    raise self._fail("':', '=', '!', '<=', '<!' or a name after '(?'")
                self._at = self._text.index(">", self._at) + 1
            self._opened += 1
            number = self._opened
        inner = self._alternatives()
        if not self._skip(")"):
            raise self._fail("')'")
        if number:
            self._closed.add(number)
        return f"{opening}{inner})"

    def _name(self) -> str:
        end = self._text.find(">", self._at)
        name = self._text[self._at : end] if end > 0 else ""
        if not name.replace("$", "_").isidentifier() or name in self._names:
            raise self._fail("a name that no other group has")
        self._at = end + 1
        return name

    def _reference(self, number: int) -> str:
        """A group that has caught nothing matches the empty text."""
        return f"(?({number})\\g<{number}>|)" if number in self._closed else "(?:)"

    # --- escapes --------------------------------------------------------------------------------------

    def _escape(self) -> str:
        following = self._text[self._at + 1 : self._at + 2]
        if following in _CLASSES and following:
            self._at += 2
            return f"[{_CLASSES[following]}]"
        if following == "k" and self._names:
            self._at += 2
            end = self._text.find(">", self._at)
            name = self._text[self._at + 1 : end] if self._peek() == "<" else ""
            if name not in self._names:
                raise self._fail("the name of a group")
            self._at = end + 1
            return self._reference(self._names[name])
        if following in "123456789" and following:
            end = self._at + 1
            while self._text[end : end + 1].isdecimal() and self._text[end].isascii():
                end += 1
            digits = self._text[self._at + 1 : end]
            if len(digits) < 5 and int(digits) <= self._groups:
                self._at = end
                return self._reference(int(digits))
        return _escaped(self._character())

    def _character(self) -> str:
        """The character that an escape stands for; the position is at its backslash."""
        self._at += 1
        char = self._peek()
        if not char:
            raise self._fail("a character after the backslash")
        self._at += 1
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char == "c":
            following = self._peek()
            if following.isascii() and following.isalpha():
                self._at += 1
                return chr(ord(following) % 32)
            self._at -= 1
            return "\\"
        if char in "xu":
            width = 2 if char == "x" else 4
            digits = self._text[self._at : self._at + width]
            if len(digits) == width and _HEX.issuperset(digits):
                self._at += width
                return chr(int(digits, 16))
            return char
        if char in "01234567":
            return self._octal(char)
        return char

    def _octal(self, digits: str) -> str:
        longest = 3 if digits in "0123" else 2
        while len(digits) < longest and self._peek() and self._peek() in "01234567":
            digits += self._peek()
            self._at += 1
        return chr(int(digits, 8))

    # --- classes --------------------------------------------------------------------------------------

    def _class(self) -> str:
        self._at += 1
        negated = self._skip("^")
        parts: list[str] = []
        while not self._skip("]"):
            if self._at >= len(self._text):
                raise self._fail("']'")
            parts.append(self._range())
        inner = "".join(parts)
        if not inner:
            return _ALL if negated else _NOTHING
        return f"[{'^' if negated else ''}{inner}]"

    def _range(self) -> str:
        low, low_is_class = self._class_atom()
        if self._peek() != "-" or self._text[self._at + 1 : self._at + 2] in ("]", ""):
            return low if low_is_class else _escaped(low)
        self._at += 1
        high, high_is_class = self._class_atom()
        if low_is_class or high_is_class:
            return (low if low_is_class else _escaped(low)) + r"\x2d" + (high if high_is_class else _escaped(high))
        if low > high:
            raise self._fail("a range in order before this")
        return f"{_escaped(low)}-{_escaped(high)}"

    def _class_atom(self) -> tuple[str, bool]:
        """A character, or the inside of a class escape and True."""
        char = self._peek()
        if char != "\\":
            self._at += 1
            return char, False
        following = self._text[self._at + 1 : self._at + 2]
        if following in _CLASSES and following:
            self._at += 2
            return _CLASSES[following], True
        if following == "b":
            self._at += 2
            return "\b", False
        if following == "c" and self._text[self._at + 2 : self._at + 3] in frozenset("0123456789_"):
            self._at += 3
            return chr(ord(self._text[self._at - 1]) % 32), False
        return self._character(), False


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10
