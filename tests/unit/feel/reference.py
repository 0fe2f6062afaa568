"""The tables of built-ins in ``docs/reference/feel.md``, made from the built-ins themselves.

``python -m tests.unit.feel.reference`` puts them into the file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from bpm_server.feel.builtins import LIBRARIES

if TYPE_CHECKING:
    from bpm_server.feel.calls import BuiltIn, Signature

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "feel.md"
START, END = "<!-- built-ins: begin -->\n", "<!-- built-ins: end -->"
_GROUPS = {
    "conversion": "Conversion",
    "logic": "Logic",
    "strings": "Strings",
    "lists": "Lists",
    "numeric": "Numbers",
    "relations": "Ranges and points",
    "moments": "Dates, times, durations",
    "contexts": "Contexts",
    "camunda": "Camunda 8 only",
}


def tables() -> str:
    """All tables, as Markdown."""
    rows: dict[str, list[str]] = {module: [] for module in _GROUPS}
    for name, function in sorted(LIBRARIES["camunda8"].items()):
        standard = LIBRARIES["dmn"].get(name)
        for signature in function.signatures:
            module = signature.implementation.__module__.rpartition(".")[2]
            is_standard = standard is not None and any(
                each.implementation is signature.implementation for each in standard.signatures
            )
            rows[module if is_standard else "camunda"].append(_row(function, signature))
        if standard is not None:
            kept = {each.implementation for each in function.signatures}
            for signature in standard.signatures:
                if signature.implementation not in kept:
                    module = signature.implementation.__module__.rpartition(".")[2]
                    rows[module].append(_row(standard, signature))
    return "\n".join(
        f"### {title}\n\n| Function | |\n|---|---|\n" + "".join(dict.fromkeys(rows[module]))
        for module, title in _GROUPS.items()
    )


def _row(function: BuiltIn, signature: Signature) -> str:
    parts = []
    for number, parameter in enumerate(signature.parameters):
        last = number == len(signature.parameters) - 1
        parts.append(parameter.names[0] + ("..." if signature.variadic and last else "?" if parameter.optional else ""))
    implementation = signature.implementation
    text = (implementation.__doc__ or "").strip().partition("\n")[0].replace("|", "\\|")
    return f"| `{function.name}({', '.join(parts)})` | {text} |\n"


def written(page: str) -> str:
    """The page with the tables of today."""
    return re.sub(f"{START}.*{END}", lambda _: f"{START}\n{tables()}\n{END}", page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
