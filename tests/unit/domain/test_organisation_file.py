"""The organisation as a file: what it changes, that it changes nothing twice, and what is wrong with it where."""

from __future__ import annotations

import pytest
from hypothesis import given

from bpm_server.domain import organisation as rules
from bpm_server.domain.lines import write_csv, write_xlsx
from bpm_server.domain.organisation import Organisation
from bpm_server.domain.organisation_file import COLUMNS, Change, Plan, organisation_lines, plan_changes, read_file
from bpm_server.kernel.errors import BpmError
from bpm_server.kernel.findings import RefusedFile
from tests.support.organisations import TRADING
from tests.unit.domain.test_organisation import organisations

HEAD = "kind,id,name,name_en,parent,head,email,department,position,others,superior,active\n"


def plan(text: str, organisation: Organisation = TRADING, head: str = HEAD) -> Plan:
    return plan_changes(organisation, {}, read_file((head + text).encode(), "o.csv"))


def findings(text: str, head: str = HEAD) -> list[tuple[int | None, str | None]]:
    with pytest.raises(RefusedFile) as raised:
        plan(text, head=head)
    assert all("Expected" in one.message for one in raised.value.findings)
    return [(one.line, one.element) for one in raised.value.findings]


def test_a_file_adds_and_changes_and_leaves_the_rest() -> None:
    found = plan(
        "department,hr,人事部,HR,company,anna,,,,,,\n"
        "position,lead,主管,Lead,,,,,,,,\n"
        "person,anna,安娜,,,,anna@example.com,hr,lead,sales:lead;east,boss,yes\n"
        "person,seller,,,,,,purchasing,,,,no\n"
    )
    assert found.changes == (
        Change(
            "department",
            "hr",
            True,
            "name: '' -> '人事部'; name_en: '' -> 'HR'; parent: '' -> 'company'; head: '' -> 'anna'",
        ),
        Change("position", "lead", True, "name: '' -> '主管'; name_en: '' -> 'Lead'"),
        Change(
            "person",
            "anna",
            True,
            "name: '' -> '安娜'; department: '' -> 'hr'; position: '' -> 'lead'; "
            "others: '' -> 'east;sales:lead'; superior: '' -> 'boss'; active: '' -> 'yes'; another email",
        ),
        Change("person", "seller", False, "department: 'east' -> 'purchasing'; active: 'yes' -> 'no'"),
    )  # fmt: skip
    assert found.unnamed == 9
    assert rules.main_department(found.after, "anna") == "hr"
    assert [one.is_main for one in found.after.by_person["anna"]] == [True, False, False]


def test_a_missing_column_leaves_what_there_is() -> None:
    found = plan("person,seller,Seller\n", head="kind,id,name\n")
    assert found.changes == (Change("person", "seller", False, "name: '' -> 'Seller'"),)
    assert rules.main_department(found.after, "seller") == "east"
    only_position = plan("position,rep,R,\nperson,seller,,rep\n", head="kind,id,name,position\n")
    assert only_position.after.by_person["seller"][0].position_id == "rep"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("team,a,A\n", [(2, "kind")]),
        ("department,a b,A\n", [(2, "id")]),
        ("department,a,\n", [(2, "name")]),
        ("department,a,A\n\ndepartment,a,B\n", [(4, "id")]),
        ("department,a,A,,none,nobody\n", [(2, "parent"), (2, "head")]),
        ("position,a,A,,company\n", [(2, "parent")]),
        ("person,a,,,,,,none,none,gone:gone\n", [(2, "department"), (2, "position"), (2, "others"), (2, "others")]),
        ("person,a,,,,,,,boss\n", [(2, "position")]),
        ("person,a,,,,,,,,sales\n", [(2, "department")]),
        ("person,a,,,,,,sales,,east;east\n", [(2, "others")]),
        ("person,a,,,,,,sales,,sales\n", [(2, "others")]),
        ("person,a,,,,,,,,,a\n", [(2, "superior")]),
        ("person,a,,,,,,,,,nobody\n", [(2, "superior")]),
        ("person,a,,,,,,,,,,perhaps\n", [(2, "active")]),
        ("department,sales,S,,east,\n", [(2, "parent")]),
        ("person,boss,,,,,,company,,,seller,\n", [(2, "superior")]),
        ("department,a,A,,b\ndepartment,b,B,,a\n", [(2, "parent")]),
    ],
)
def test_what_is_wrong_is_named_by_line_and_column(text: str, expected: list[tuple[int, str]]) -> None:
    assert findings(text) == expected


def test_every_wrong_line_is_told_at_once() -> None:
    text = "department,a,\nperson,b,,,,,,none\nperson,c,,,,,,,,,,maybe\n"
    assert sorted(findings(text)) == [(2, "name"), (3, "department"), (4, "active")]


@given(organisations())
def test_what_is_exported_imports_as_it_is_and_changes_nothing(found: Organisation) -> None:
    try:
        rules.check_organisation(found)
    except BpmError:
        return
    emails = {name: f"{name}@example.com" for name in found.people}
    lines = organisation_lines(found, emails)
    assert len(lines) == len(found.departments) + len(found.people)
    for data in (write_csv(COLUMNS, lines), write_xlsx("o", COLUMNS, lines[:3])):
        file = read_file(data, "o")
        assert plan_changes(found, emails, file).changes == ()
    file = read_file(write_csv(COLUMNS, lines), "o")
    new = plan_changes(Organisation(), {}, file)
    assert len(new.changes) == len(lines)
    assert plan_changes(new.after, new.new_emails, file).changes == ()
    assert set(new.after.memberships) == set(found.memberships)
    assert (new.after.departments, new.after.superiors, new.new_emails) == (found.departments, found.superiors, emails)
