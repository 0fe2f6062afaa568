"""Models with something broken: whatever it is, they are refused with findings, or they decide.

``python -m tests.unit.dmn.breaking 10000 FOLDER`` breaks that many times one of the DMN files of a folder.
"""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from lxml import etree

from bpm_server import dmn, feel
from bpm_server.kernel.errors import InvalidInput
from bpm_server.kernel.findings import RefusedFile
from tests.unit.feel import fuzzing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
BUDGET = feel.Budget(steps=20_000, size=20_000)
_VALUES = (None, 5, -1, "a", "2026-01-31", True, [1, "b", None], {"a": {"b": 1}}, feel.Date(2026, 1, 31), [{"a": 1}])


def broken(files: list[bytes], seed: int, count: int) -> Iterator[bytes]:
    """Files with up to four changes."""
    random = Random(seed)
    texts = fuzzing.texts(seed, count * 4)
    parsed = [etree.fromstring(each) for each in files]
    for _ in range(count):
        root = deepcopy(random.choice(parsed))
        for _ in range(random.randrange(1, 5)):
            _break(random, root, next(texts))
        yield etree.tostring(root)


def _break(random: Random, root: _Element, text: str) -> None:
    nodes = [each for each in root.iter() if isinstance(each.tag, str)]
    node, other = random.choice(nodes), random.choice(nodes)
    parent = node.getparent()
    match random.randrange(7):
        case 0 | 1:
            target = random.choice([each for each in nodes if each.tag.endswith("}text")] or nodes)
            target.text = "".join(char for char in text if char.isprintable())
        case 2 if parent is not None:
            parent.remove(node)
        case 3 if parent is not None:
            parent.append(deepcopy(node))
        case 4 if node.attrib:
            del node.attrib[random.choice(list(node.attrib))]
        case 5 if node.attrib and other.attrib:
            node.set(random.choice(list(node.attrib)), random.choice(list(other.attrib.values())))
        case 6 if other is not root and node not in other.iterancestors() and node is not other:
            if other not in node.iterancestors() and parent is not None:
                node.append(deepcopy(other))


def try_out(data: bytes, random: Random) -> bool:
    """Loads a file and makes all its decisions; true where it has no error. Raises what is not declared."""
    model = None
    with suppress(RefusedFile):
        model = dmn.load(data, name="broken.dmn", strict=False)
    if model is None:
        return False
    names = [each.variable.name for each in model.definitions.elements]
    variables = {name: random.choice(_VALUES) for name in [*names, "a", "b", "x", "season", "amount"]}
    for element in (*model.decisions, *model.services, *model.knowledge_models):
        result = model.evaluate(element.id or element.name, variables, now=NOW, seed=1, budget=BUDGET)
        with suppress(feel.NotJson):
            feel.to_json(result.value)
    with suppress(InvalidInput):
        dmn.from_xlsx(dmn.to_xlsx(data, name="broken.dmn"), name="broken.dmn", into=data)
    return not any(finding.severity == "error" for finding in model.findings)


def main(arguments: list[str]) -> int:
    """Tries broken files; prints what failed."""
    count, folder = int(arguments[0]), Path(arguments[1])
    seed = int(arguments[2]) if len(arguments) > 2 else 1
    files = [path.read_bytes() for path in sorted(folder.rglob("*.dmn"))]
    failed = loaded = 0
    for number, data in enumerate(broken(files, seed, count)):
        try:
            loaded += try_out(data, Random(number))
        except Exception:  # noqa: BLE001 - the one place that looks for undeclared ones
            failed += 1
            print(number, traceback.format_exc(limit=-5), sep="\n")
    print(f"{count} files of seed {seed}: {failed} failed, {loaded} had no error")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
