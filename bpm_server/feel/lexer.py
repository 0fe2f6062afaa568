"""Text to tokens (DMN 1.5, 10.3.1.2 and 10.3.1.4).

Names may contain spaces and operators, so a token is one word or one symbol; the parser puts names together
with the help of the scope. Characters that no rule allows become ``other`` tokens: they are an error only
where the parser meets them, because names from models may contain them.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from bpm_server.feel.errors import FeelSyntaxError, Source

TokenKind = Literal["word", "number", "string", "quoted", "symbol", "other", "end"]

_SPACE = r"\s\u0085\u00a0\u1680\u180e\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
_START = (
    r"?A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u167f\u1681-\u180d\u180f-\u1fff"
    r"\u200c-\u200d\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufefe\uff00-\ufffd"
    r"\U00010000-\U000effff"
)
_PART = _START + r"0-9\u00b7\u0300-\u036f\u203f-\u2040"

_TOKEN = re.compile(
    rf"""
      (?P<skip>[{_SPACE}]+ | //[^\n]* | /\*(?:[^*]|\*(?!/))*\*/)
    | (?P<word>[{_START}][{_PART}]*)
    | (?P<range>\.\.)
    | (?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<quoted>`[^`]*`)
    | (?P<symbol>\*\*|<=|>=|!=|->|[-+*/=<>()\[\]{{}},:.@])
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_KINDS: dict[str, TokenKind] = {
    "word": "word",
    "range": "symbol",
    "number": "number",
    "string": "string",
    "quoted": "quoted",
    "symbol": "symbol",
    "other": "other",
}

NAME_SYMBOLS: Final = frozenset({*"./-+*'’", "**"})
"""Symbols that names may have after their first word (rule 30)."""
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{6}|.)", re.DOTALL)
_SIMPLE_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\t": "\t", '\\"': '"', "\\'": "'", "\\\\": "\\"}
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Token(NamedTuple):
    """One word, literal or symbol; ``text`` is what stands in the source."""

    kind: TokenKind
    text: str
    start: int
    end: int


def tokenize(source: Source) -> list[Token]:
    """All tokens of a text, with an ``end`` token last.

    Raises:
        FeelSyntaxError: a string, back-quoted name or comment that is never closed.
    """
    tokens = []
    text = source.text
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "skip":
            continue
        start, end = match.span()
        if kind == "other" or (kind == "symbol" and text[start:end] == "/"):
            _refuse_unclosed(source, start)
        tokens.append(Token(_KINDS[kind], match.group(), start, end))  # type: ignore[index]
    tokens.append(Token("end", "", len(text), len(text)))
    return tokens


def words(name: str) -> tuple[str, ...]:
    """The token texts of a name, for matching it against the tokens of an expression."""
    return tuple(match.group() for match in _TOKEN.finditer(name) if match.lastgroup != "skip")


def normalized(name: str) -> str:
    """A name with each run of white space as one space: how names are compared and stored."""
    return " ".join(name.split())


def string_value(source: Source, token: Token, *, form_feeds: bool = False) -> str:
    r"""The characters that a string literal stands for.

    Escapes other than those of rule 64 stay as written, so that ``"\s"`` is a regular expression; ``\f`` is
    one only where the dialect has it.
    """
    raw = token.text[1:-1]
    if "\\" not in raw:
        return raw
    value = _ESCAPE.sub(_unescape_form_feed_too if form_feeds else _unescape, raw)
    value = _SURROGATES.sub(lambda pair: pair.group().encode("utf-16", "surrogatepass").decode("utf-16"), value)
    if _LONE_SURROGATE.search(value):
        raise FeelSyntaxError(source, token.start, "both halves of a surrogate pair", "one half only")
    return value


def _unescape(match: re.Match[str]) -> str:
    escape = match.group()
    if escape[1] in "uU" and len(escape) > 2:
        code_point = int(escape[2:], 16)
        return chr(code_point) if code_point <= 0x10FFFF else escape
    return _SIMPLE_ESCAPES.get(escape, escape)


def _unescape_form_feed_too(match: re.Match[str]) -> str:
    return "\f" if match.group() == "\\f" else _unescape(match)


def _refuse_unclosed(source: Source, start: int) -> None:
    char = source.text[start]
    if char == '"':
        raise FeelSyntaxError(source, start, 'a closing " of the string', "the end of the text")
    if char == "`":
        raise FeelSyntaxError(source, start, "a closing ` of the name", "the end of the text")
    if source.text.startswith("/*", start):
        raise FeelSyntaxError(source, start, "a closing */ of the comment", "the end of the text")
