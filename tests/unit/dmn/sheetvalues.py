"""Decision tables as plain values, to compare them before and after a way through Excel."""

from __future__ import annotations

import dataclasses
from typing import Any


def as_values(value: Any) -> Any:
    """Dataclasses as dicts, without the lines in the file."""
    if dataclasses.is_dataclass(value):
        fields = (each.name for each in dataclasses.fields(value))
        return {name: as_values(getattr(value, name)) for name in fields if name != "line"}
    return [as_values(each) for each in value] if isinstance(value, tuple) else value


def same(written: Any, found: Any) -> bool:
    """Equality, where an id that was missing may have been added, and a rule without any text has got a ``-``."""
    if isinstance(written, dict):
        if "inputs" in written and not any(cell.get("text") for cell in (*written["inputs"], *written["outputs"])):
            return written["id"] == found["id"]
        return written.keys() == found.keys() and all(
            same(each, found[key]) or (key == "id" and not each) for key, each in written.items()
        )
    if isinstance(written, (list, tuple)):
        return len(written) == len(found) and all(map(same, written, found))
    return bool(written == found)
