"""Real files of Camunda Modeler users: each deploys and runs to its end, or ``models.txt`` says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.model_driver import Outcome, drive

pytestmark = pytest.mark.shared
LIST = Path(__file__).with_name("models.txt")
FOLDERS = ("c7", "c8")
SHARDS = 8


def exceptions() -> dict[str, str]:
    """``scripted``, ``refused`` or ``stuck`` by file."""
    lines = [line.split(None, 2) for line in LIST.read_text(encoding="utf-8").splitlines() if line[:1] not in ("", "#")]
    return {name: outcome for outcome, name, _reason in lines}


def files(shared: Path) -> list[str]:
    root = shared / "models"
    return sorted(f"{path.parent.name}/{path.name}" for folder in FOLDERS for path in root.glob(f"{folder}/*.bpmn"))


@pytest.mark.parametrize("shard", range(SHARDS))
def test_real_files_deploy_and_run_to_their_end(shared: Path, shard: int) -> None:
    known = exceptions()
    different = {}
    for name in files(shared)[shard::SHARDS]:
        expected = known.get(name, "completed")
        found = drive(shared / "models" / name, *([1] if expected == "stuck" else []))
        if _kind(found) != ("refused" if expected == "scripted" else expected):
            different[name] = found.reason or _kind(found)
        if not found.deployed:
            errors = [finding for finding in found.findings if finding.severity == "error"]
            assert errors, name
            assert all(finding.element and finding.message for finding in errors), name
    assert not different


def test_nearly_all_files_without_scripts_deploy_and_nearly_all_of_them_end(shared: Path) -> None:
    known = exceptions()
    assert set(known) <= set(files(shared))
    plain = [name for name in files(shared) if known.get(name) != "scripted"]
    deployed = [name for name in plain if known.get(name) != "refused"]
    ended = [name for name in deployed if known.get(name) != "stuck"]
    assert len(deployed) >= 0.95 * len(plain)
    assert len(ended) >= 0.95 * len(deployed)


def _kind(outcome: Outcome) -> str:
    if not outcome.deployed:
        return "refused"
    return "completed" if outcome.completed else "stuck"
