"""``bpm-server feel``: evaluates an expression, or asks whether a value passes a cell of a decision table."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from bpm_server import feel
from bpm_server.cli.inputs import read_json, read_variables
from bpm_server.kernel import json
from bpm_server.kernel.clock import SystemClock

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Prints the value as JSON, and what became null because of an error.

    Returns:
        1 where the whole value is null because of an error, else 0.
    """
    del settings
    variables = read_variables(options.input)
    is_cell = options.tested is not None
    tested = feel.from_json(read_json(options.tested)) if is_cell else None
    spaced = options.dialect == "dmn"
    expression = feel.compile(
        options.expression,
        kind="unary" if is_cell else "expression",
        dialect=options.dialect,
        names=variables if spaced else (),
        members=set(_member_names(variables)) if spaced else (),
    )
    result = expression.evaluate(variables, tested=tested, now=SystemClock().now())
    print(json.dumps(feel.to_json(result.value)))
    for note in result.diagnostics:
        print(f"warning: {note}", file=sys.stderr)
    return 1 if result.value is None and result.diagnostics else 0


def _member_names(value: Any) -> Iterator[str]:
    """The names of all entries, which may consist of several words."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _member_names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _member_names(inner)
