"""Plausible variables for a process, found from the expressions that its own file contains.

Every name that an expression reads gets candidates: what it is compared with (and what lies just beside a number), a
truth value where it stands alone as a condition, a list where a multi-instance runs over it, a duration where a
timer waits for it.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
LITERAL = r"\"[^\"]*\"|'[^']*'|-?\d+(?:\.\d+)?|true|false"
COMPARED = re.compile(rf"({NAME})\s*(?:==|!=|>=|<=|=|>|<|\beq\b|\bne\b|\bgt\b|\blt\b|\bge\b|\ble\b)\s*({LITERAL})")
REVERSED = re.compile(rf"({LITERAL})\s*(?:==|!=|>=|<=|=|>|<)\s*({NAME})")
ORDERED = re.compile(rf"({NAME})\s*(?:>=|<=|>|<)\s*({NAME})")
CALLED = re.compile(rf"({NAME})\.(?:equals|equalsIgnoreCase|contains|startsWith)\(\s*({LITERAL})\s*\)")
VARIABLE_READ = re.compile(r"(?:getVariable|getVariableLocal|hasVariable)\(\s*[\"']([^\"']+)[\"']\s*\)")
STRING = re.compile(r"\"[^\"]*\"|'[^']*'")
WORDS = frozenset(
    {
        "and",
        "or",
        "not",
        "if",
        "then",
        "else",
        "for",
        "in",
        "return",
        "some",
        "every",
        "satisfies",
        "between",
        "null",
        "true",
        "false",
        "instance",
        "of",
        "function",
        "empty",
        "eq",
        "ne",
        "gt",
        "lt",
        "ge",
        "le",
        "div",
        "mod",
        "execution",
        "task",
        "item",
        "loopCounter",
        "this",
        "partial",
    }
)
ENTRY = re.compile(rf"({NAME})\.get\(\s*[\"'](\w+)[\"']\s*\)")
FUNCTION_CALL = re.compile(rf"({NAME})\s*\(")
TIMES = {"timeDuration": "PT1S", "timeCycle": "R1/PT1S", "timeDate": "2030-01-01T00:00:00Z"}


class Values:
    """Candidates by dotted name; ``draw`` makes nested variables of them."""

    def __init__(self, data: bytes, stub: str) -> None:
        self._stub = stub
        self._candidates: dict[str, list[Any]] = defaultdict(list)
        self._lists: set[str] = set()
        for element in etree.fromstring(data).iter(etree.Element):
            self._read(element)

    def draw(self, random_source: random.Random, *, first: bool = False) -> dict[str, Any]:
        """One set of variables; ``first`` takes the first candidate of each."""
        found: dict[str, Any] = {}
        for path, candidates in sorted(self._candidates.items()):
            value = candidates[0] if first else random_source.choice(candidates)
            self._put(found, path.split("."), value)
        for path in sorted(self._lists):
            inner = [other for other in self._candidates if other.startswith(f"{path}.")]
            if not inner:
                self._put(found, path.split("."), ["a", "b"])
        return found

    def first(self, name: str) -> Any:
        """A plausible value of one variable."""
        return self.draw(random.Random(0), first=True).get(name, "a")

    def _put(self, into: dict[str, Any], path: list[str], value: Any) -> None:
        for name in path[:-1]:
            below = into.get(name)
            if not isinstance(below, dict):
                below = into[name] = {}
            into = below
        if not isinstance(into.get(path[-1]), dict) or isinstance(value, dict):
            into[path[-1]] = value

    def _read(self, element: etree._Element) -> None:
        tag = etree.QName(element).localname
        texts: list[tuple[str, str]] = [(etree.QName(name).localname, text) for name, text in element.attrib.items()]
        texts.append((tag, element.text or ""))
        for place, text in texts:
            for expression in _expressions(text, tag, place):
                self._read_expression(expression, place, tag)

    def _read_expression(self, text: str, place: str, tag: str) -> None:
        for name, entry in ENTRY.findall(text):
            self._add(f"{name}.{entry}", ["a"])
        for name in VARIABLE_READ.findall(text):
            self._add(name, [True, False])
        for name, literal in COMPARED.findall(text) + CALLED.findall(text):
            self._add(name, _near(literal))
        for left, right in ORDERED.findall(text):
            for name in (left, right):
                if name not in WORDS and not re.fullmatch(LITERAL, name):
                    self._add(name, [1, 2, 3])
        for literal, name in REVERSED.findall(text):
            self._add(name, _near(literal))
        if place in ("collection", "inputCollection"):
            self._lists.update(re.findall(NAME, STRING.sub("", text)))
            return
        called = set(FUNCTION_CALL.findall(text))
        bare = [name for name in re.findall(NAME, STRING.sub("", text)) if name not in WORDS and name not in called]
        for name in bare:
            if name not in self._candidates:
                self._add(name, self._typical(place, tag))

    def _typical(self, place: str, tag: str) -> list[Any]:
        if place in TIMES:
            return [TIMES[place]]
        if place in ("calledElement", "processId"):
            return [self._stub]
        if place in ("conditionExpression", "completionCondition", "condition"):
            return [True, False]
        if place in ("loopCardinality", "priority", "retries"):
            return [2]
        if place in ("dueDate", "followUpDate"):
            return ["2030-01-01T00:00:00Z"]
        return ["a"] if tag != "script" else [1]

    def _add(self, name: str, values: Iterable[Any]) -> None:
        name = name.removeprefix("execution.").removeprefix("variables.")
        known = self._candidates[name]
        known.extend(value for value in values if value not in known or isinstance(value, bool))


def _expressions(text: str, tag: str, place: str) -> list[str]:
    text = text.strip()
    if place in ("name", "id", "documentation", "text"):
        return []
    if text.startswith("="):
        return [text[1:]]
    found = re.findall(r"[$#]\{([^}]*)\}", text)
    if found:
        return found
    if place in ("collection", "conditionExpression", "condition") or (tag == "script" and place == "script"):
        return [text] if text else []
    return []


def _near(literal: str) -> list[Any]:
    if literal[0] in "\"'":
        return [literal[1:-1]]
    if literal in ("true", "false"):
        return [literal == "true", literal != "true"]
    number = float(literal) if "." in literal else int(literal)
    return [number, number + 1, number - 1]
