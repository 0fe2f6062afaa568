"""The organisation imported from a file: all of it or nothing, once or often; and the demo company's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.cli.demo import add_calendars
from bpm_server.cli.main import main
from bpm_server.domain import organisation as rules
from bpm_server.domain.demo import COMPANY
from bpm_server.domain.identity import Actor, Permission
from bpm_server.domain.organisation_file import COLUMNS, organisation_lines, read_file
from bpm_server.kernel.errors import Conflict, Forbidden
from bpm_server.kernel.findings import RefusedFile
from bpm_server.reports import organisation as report
from bpm_server.reports.people import read_user
from bpm_server.services import installation
from bpm_server.services.organisation_import import import_organisation
from bpm_server.store.calendars import find_calendar
from bpm_server.store.moments import read_moment
from bpm_server.store.organisation import read_organisation
from bpm_server.store.tables.audit import audit_log
from bpm_server.store.tables.identity import role_member
from tests.support.contents import contents
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from pathlib import Path

    from bpm_server.domain.organisation import Organisation
    from bpm_server.domain.organisation_file import OrganisationFile, Plan
    from tests.support.product import Product

HEAD = "kind,id,name,name_en,parent,head,email,department,position,others,superior,active\n"
FILE = (
    "person,ann,安,,,,ann@example.com,sales,rep,,,yes\n"
    "person,ben,本,,,,,sales,,,ann,\n"
    "department,sales,销售部,Sales,company,ann\n"
    "department,company,公司\n"
    "position,rep,代表,Rep\n"
)


def file(text: str) -> OrganisationFile:
    return read_file((HEAD + text).encode(), "o.csv")


def planned(bpm: Product, text: str) -> Plan:
    return report.plan_import(bpm.server, ADMIN, file(text))


def organisation(bpm: Product) -> Organisation:
    with bpm.server.database.read() as connection:
        return read_organisation(connection, read_moment(connection).now)


@pytest.fixture
def company(bpm: Product) -> Product:
    installation.prepare_installation(bpm.server, "correct horse battery")
    return bpm


def test_a_file_is_imported_and_again_changes_nothing(company: Product) -> None:
    before = contents(company)
    trial = planned(company, FILE)
    assert contents(company) == before
    assert import_organisation(company.server, ADMIN, file(FILE)).changes == trial.changes
    assert [(one.kind, one.id, one.is_new) for one in trial.changes] == [
        ("department", "company", True),
        ("department", "sales", True),
        ("position", "rep", True),
        ("person", "ann", True),
        ("person", "ben", True),
    ]
    found = organisation(company)
    assert rules.superior_of(found, "ben") == rules.Superior("ann", rules.SuperiorRule.NAMED)
    assert found.by_person["ann"] == [rules.Membership("sales", "ann", "rep", is_main=True)]
    assert company.scalars(sa.select(role_member.c.role_id).where(role_member.c.member == "ann")) == ["staff"]
    assert [read_user(company.server, ADMIN, name).email for name in ("ann", "ben")] == ["ann@example.com", None]
    entries = company.scalars(sa.select(sa.func.count()).select_from(audit_log))
    assert import_organisation(company.server, ADMIN, file(FILE)).changes == ()
    assert company.scalars(sa.select(sa.func.count()).select_from(audit_log)) == entries


def test_an_address_is_imported_changed_kept_and_exported(company: Product) -> None:
    """Sealed in between: a line without the column keeps it, an empty cell takes it away, a file again changes none."""

    def ann() -> str | None:
        return read_user(company.server, ADMIN, "ann").email

    def imported(text: str) -> list[str]:
        return [one.told for one in import_organisation(company.server, ADMIN, file(text)).changes]

    import_organisation(company.server, ADMIN, file(FILE))
    cells = {line["id"]: line.get("email") for line in report.export_lines(company.server, ADMIN)}
    assert (cells["ann"], cells["ben"]) == ("ann@example.com", "")
    short = read_file("kind,id,name\nperson,ann,安娜\n".encode(), "o.csv")
    assert len(import_organisation(company.server, ADMIN, short).changes) == 1
    assert ann() == "ann@example.com"
    changed = "person,ann,安娜,,,,an@example.com,sales,rep,,,yes\n"
    assert imported(changed) == ["another email"]
    assert (ann(), imported(changed)) == ("an@example.com", [])
    assert imported(changed.replace("an@example.com", "")) == ["another email"]
    assert ann() is None


def test_whoever_may_not_see_people_exports_no_address(company: Product) -> None:
    reader = Actor("x", permissions=frozenset({Permission("ORGANISATION", "READ")}))
    for act in (lambda: report.export_lines(company.server, reader),
                lambda: report.plan_import(company.server, reader, file(FILE))):  # fmt: skip
        with pytest.raises(Forbidden, match="USER:READ"):
            act()


def test_what_is_wrong_changes_nothing(company: Product) -> None:
    import_organisation(company.server, ADMIN, file(FILE))
    before = contents(company)
    for text in (
        "department,new,N\nperson,new,,,,,,none\n",
        "department,company,C,,sales\n",
        "person,ann,,,,,,sales,,,ben,\n",
    ):
        with pytest.raises(RefusedFile, match=r"o\.csv:\d: error"):
            import_organisation(company.server, ADMIN, file(text))
    with pytest.raises(Conflict, match="somebody with the role 'admin' to remain"):
        import_organisation(company.server, ADMIN, file("person,admin,,,,,,,,,,no\n"))
    only_organisation = Actor("x", permissions=frozenset({Permission("ORGANISATION", "*")}))
    with pytest.raises(Forbidden, match="USER:CREATE"):
        import_organisation(company.server, only_organisation, file("department,new,N\nperson,new\n"))
    with pytest.raises(Forbidden, match="ORGANISATION:CREATE"):
        import_organisation(company.server, Actor("y"), file("department,new,N\n"))
    assert contents(company) == before
    import_organisation(company.server, only_organisation, file("department,new,N\n"))
    assert "new" in organisation(company).departments


def test_more_people_than_fit_one_statement_move_at_once(company: Product) -> None:
    """Their main department changes while the rows of both are written, in blocks."""
    places = "".join(f"department,d{n},D\n" for n in range(3))
    people = "".join(f"person,p{n},,,,,,d0,,d1,,\n" for n in range(100))
    import_organisation(company.server, ADMIN, file(places + people))
    moved = people.replace(",d0,,d1,", ",d1,,d0;d2,")
    assert len(import_organisation(company.server, ADMIN, file(moved)).changes) == 100
    found = organisation(company)
    assert {rules.main_department(found, f"p{n}") for n in range(100)} == {"d1"}
    assert len(found.memberships) == 300


def test_the_demo_company_has_an_organisation_and_a_calendar(company: Product) -> None:
    assert installation.install_demo_company(company.server, COMPANY)
    add_calendars(company.server)
    found = organisation(company)
    rules.check_organisation(found)

    def above(name: str) -> list[str]:
        return [one.username for one in rules.superiors(found, name)]

    assert above("wu.di") == ["li.ming", "zhang.wei", "zhou.wei"]
    assert above("lin.xue") == ["zhang.wei", "zhou.wei"]
    assert above("he.tao") == ["huang.min", "zhou.wei"]
    assert above("zhou.wei") == []
    assert {one.username for one in found.memberships} == {one.username for one in COMPANY.people}
    assert all(one.name_en for one in (*found.departments.values(), *found.positions.values()))
    titles = {one.username: one.title for one in COMPANY.people}
    assert all(found.positions[one.position_id or ""].name == titles[one.username] for one in found.memberships)
    with company.server.database.read() as connection:
        calendar = find_calendar(connection, "default")
    assert calendar is not None and len(calendar.days) == 39
    lines = organisation_lines(found, {})
    assert set(COLUMNS) == {name for line in lines for name in line}


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out, days = tmp_path / "o.csv", tmp_path / "o.xlsx", tmp_path / "days.csv"
    source.write_text(HEAD + FILE, encoding="utf-8")

    def run(*arguments: str) -> tuple[int, str]:
        code = main([*arguments[:2], "--data-dir", str(tmp_path / "data"), *arguments[2:]])
        said = capsys.readouterr()
        return code, said.out + said.err

    code, said = run("organisation", "import", "--dry-run", str(source))
    assert (code, "5 would be added, 0 would be changed; 1 that" in said) == (0, True), said
    code, said = run("organisation", "import", str(source))
    assert (code, "+ department sales: name: '' -> '销售部'" in said) == (0, True), said
    assert run("organisation", "export", str(out))[0] == 0
    code, said = run("organisation", "import", str(out))
    assert (code, "0 added, 0 changed; 0 that" in said) == (0, True), said
    source.write_text(HEAD + "person,ann,,,,,,nowhere\n", encoding="utf-8")
    code, said = run("organisation", "import", str(source))
    assert (code, "o.csv:2: error [department]: Expected a department" in said) == (1, True), said
    days.write_text("day,kind,name\n2027-01-01,holiday,元旦\n", encoding="utf-8")
    code, said = run("calendar", "import", str(days))
    assert (code, "calendar 'default', but there is none" in said) == (1, True), said
    calendar = tmp_path / "c.json"
    calendar.write_text('{"calendarId":"default","name":"d","timeZone":"UTC","week":{"monday":["09:00-10:00"]}}')
    assert run("calendar", "import", str(calendar))[0] == 0
    code, said = run("calendar", "import", str(days))
    assert (code, "1 of 1 days are new" in said) == (0, True), said
