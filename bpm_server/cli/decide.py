"""``bpm-server decide``: evaluates a decision of a DMN file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from bpm_server import dmn, feel
from bpm_server.cli.inputs import read_file, read_variables
from bpm_server.kernel import json
from bpm_server.kernel.clock import SystemClock

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Prints the value as JSON; with ``--explain`` also how it came about."""
    del settings
    model = dmn.load(
        read_file(options.model, "a DMN file"), name=options.model.name, imports=_neighbours(options.model)
    )
    result = model.evaluate(options.decision, read_variables(options.input), now=SystemClock().now())
    value = feel.to_json(result.value)
    if not options.explain:
        print(json.dumps(value))
    else:
        print(json.dumps({"value": value, "decisions": [_shown(one) for one in result.evaluations]}))
    for note in result.diagnostics:
        print(f"warning: {note}", file=sys.stderr)
    return 1 if result.failed else 0


def _neighbours(model: Path) -> Callable[[str, str], bytes | None]:
    """Imported models are looked for in the folder of the model."""
    others = (path for path in sorted(model.parent.glob("*.dmn")) if path != model)
    return dmn.among({path.name: path.read_bytes() for path in others})


def _shown(one: dmn.DecisionEvaluation) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "type": one.type,
        "inputs": {item.name: feel.to_json(item.value) for item in one.inputs},
        "rules": [
            {"id": rule.id, "index": rule.index, "outputs": {o.name: feel.to_json(o.value) for o in rule.outputs}}
            for rule in one.rules
        ],
        "value": feel.to_json(one.value),
    }
