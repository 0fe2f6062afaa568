"""Decisions that are deployed: findings, imports, versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpm_server.kernel.findings import RefusedFile
from bpm_server.services import decisions
from tests.support.product import ADMIN
from tests.unit.dmn.models import CAMUNDA7, decision, definitions, table, text

if TYPE_CHECKING:
    from tests.support.product import Product

TAX = definitions(
    '<import name="base" namespace="urn:base" importType="DMN"/>',
    '<decision id="tax" name="tax"><variable name="tax"/><informationRequirement>'
    f'<requiredDecision href="urn:base#rate"/></informationRequirement>{text("base.rate * 100")}</decision>',
    namespace="urn:tax",
).replace(b'id="model"', b'id="tax_model"')


def base(rate: str) -> bytes:
    """A model that others import."""
    return definitions(decision("rate", text(rate)), namespace="urn:base")


def decide(bpm: Product, decision_id: str) -> str:
    """The value of a decision as it is deployed."""
    return str(decisions.evaluate(bpm.server, ADMIN, decision_id=decision_id).output)


def test_a_model_imports_what_is_deployed_with_it(bpm: Product) -> None:
    bpm.deploy(("tax.dmn", TAX), ("base.dmn", base("0.25")))
    assert decide(bpm, "tax") == "25"


def test_an_imported_model_that_changes_makes_a_new_version(bpm_sqlite: Product) -> None:
    bpm = bpm_sqlite
    first = bpm.deploy(("tax.dmn", TAX), ("base.dmn", base("0.25")))
    same = bpm.deploy(("tax.dmn", TAX), ("base.dmn", base("0.25")))
    assert [one.is_new for one in same.definitions] == [False] * len(first.definitions)
    changed = bpm.deploy(("tax.dmn", TAX), ("base.dmn", base("0.5")))
    assert {one.id: one.version for one in changed.definitions if one.kind == "decision"} == {"tax": 2, "rate": 2}
    assert decide(bpm, "tax") == "50"


def test_a_changed_model_finds_its_unchanged_import(bpm_sqlite: Product) -> None:
    bpm_sqlite.deploy(("tax.dmn", TAX), ("base.dmn", base("0.25")))
    bpm_sqlite.deploy(("tax.dmn", TAX.replace(b"* 100", b"* 200")), ("base.dmn", base("0.25")))
    assert decide(bpm_sqlite, "tax") == "50"


def test_a_model_whose_import_is_missing_is_refused(bpm_sqlite: Product) -> None:
    with pytest.raises(RefusedFile, match="Expected a model of the namespace 'urn:base' to import, but found none"):
        bpm_sqlite.deploy(("tax.dmn", TAX))


def test_a_deployment_says_what_is_suspicious(bpm_sqlite: Product) -> None:
    data = definitions(decision("d", table(["1"], ["x"], ["< 5 | 1", "< 6 | 2", "> 6 | 3"])))
    deployed = bpm_sqlite.deploy(("d.dmn", data))
    assert [(one.severity, one.rule, one.element) for one in deployed.findings] == [
        ("warning", "dmn-overlapping-rules", "r1"),
        ("warning", "dmn-missing-rule", None),
    ]


def test_a_refused_deployment_names_each_cell(bpm_sqlite: Product) -> None:
    data = definitions(decision("d", table(["n"], ["x"], ["< | 1", "- | )"])))
    with pytest.raises(RefusedFile) as refused:
        bpm_sqlite.deploy(("d.dmn", data))
    errors = [one for one in refused.value.findings if one.severity == "error"]
    assert [(one.rule, one.element) for one in errors] == [("feel-syntax", "r1"), ("feel-syntax", "r2")]


def test_version_tags_of_decisions_are_kept(bpm_sqlite: Product) -> None:
    logic = text("1")
    data = definitions(f'<decision id="d" name="d" camunda:versionTag="v7">{logic}</decision>', attributes=CAMUNDA7)
    (one,) = [each for each in bpm_sqlite.deploy(("d.dmn", data)).definitions if each.kind == "decision"]
    assert one.version_tag == "v7"
