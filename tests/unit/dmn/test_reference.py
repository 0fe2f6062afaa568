"""The reference of DMN names every finding."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.services import ROOT
from tests.unit.dmn.models import CAMUNDA8, decision, definitions, table

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_every_finding_is_described() -> None:
    text = (ROOT / "docs" / "reference" / "dmn.md").read_text(encoding="utf-8")
    found: set[str] = set()
    for package in ("dmn", "feel", "juel"):
        for path in (ROOT / "bpm_server" / package).rglob("*.py"):
            found.update(re.findall(r'"((?:dmn|feel|juel|xlsx)-[a-z-]+)"', path.read_text(encoding="utf-8")))
    assert len(found) > 25
    assert sorted(rule for rule in found if f"`{rule}`" not in text) == []


def test_the_example_of_the_how_to_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs" / "how-to" / "use-feel-and-dmn-as-a-library.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert example is not None
    logic = table(["amount"], ["x"], ["< 5 | 1", ">= 5 | 2"])
    (tmp_path / "discount.dmn").write_bytes(definitions(decision("discount", logic), attributes=CAMUNDA8))
    monkeypatch.chdir(tmp_path)
    exec(example.group(1), {})
    shown = capsys.readouterr().out.splitlines()
    assert f"print(result.diagnostics[0])  # {shown[0]}" in text
    assert shown[1:] == ["discount 2 [2]"]
