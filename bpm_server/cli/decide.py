"""``bpm-server decide``: evaluates a decision of a DMN file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpm_server import dmn, feel
from bpm_server.kernel import json
from bpm_server.kernel.clock import SystemClock
from bpm_server.kernel.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    import argparse

    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Prints the value as JSON; with ``--explain`` also how it came about."""
    del settings
    model = dmn.load(_read(options.model), name=options.model.name)
    result = model.evaluate(options.decision, _input(options.input), now=SystemClock().now())
    value = feel.to_json(result.value)
    if not options.explain:
        print(json.dumps(value))
    else:
        print(json.dumps({"value": value, "decisions": [_shown(one) for one in result.evaluations]}))
    for note in result.diagnostics:
        print(f"warning: {note.message}")
    return 1 if result.failed else 0


def _read(path: Path) -> bytes:
    if not path.is_file():
        message = f"Expected a DMN file '{path}', but there is none"
        raise NotFound(message)
    return path.read_bytes()


def _input(text: str) -> dict[str, Any]:
    value = json.loads(_read(Path(text[1:])) if text.startswith("@") else text)
    if not isinstance(value, dict):
        message = f"Expected --input to be a JSON object, but found {type(value).__name__}"
        raise InvalidInput(message)
    return value


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
