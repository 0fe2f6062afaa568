"""E-mail addresses of people: nowhere in plain text, bound to their row, found by a blind index, sealed anew."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.cli import addresses as upgrading
from bpm_server.cli.main import main
from bpm_server.connectors.sealed_fields import EMAIL
from bpm_server.connectors.secrets import SecretBox
from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.organisation_file import read_file
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports.people import find_users, read_user
from bpm_server.reports.query import Condition, Query
from bpm_server.services import identities, secrets, users
from bpm_server.services.examining import examine
from bpm_server.services.organisation_import import import_organisation
from bpm_server.store.backup import back_up
from bpm_server.store.tables import db
from bpm_server.store.tables.identity import user
from tests.support.product import ADMIN, Product
from tests.support.rest import application

if TYPE_CHECKING:
    from bpm_server.services.server import Server
    from bpm_server.settings import Settings

OLD, NEW = "x" * 32, "y" * 32
ADDRESS = "Zhang.Wei@Example.com"
PASSWORD = "correct horse battery"


def add(bpm: Product, username: str, email: str | None = ADDRESS) -> None:
    users.create_user(bpm.server, SYSTEM, username, password=PASSWORD, email=email)


def change(bpm: Product, username: str, **values: Any) -> None:
    """What another program writes."""
    with bpm.server.database.write() as connection:
        connection.execute(user.update().where(user.c.username == username).values(values))
        connection.commit()


def leave_plain(bpm: Product, username: str, email: str) -> None:
    """A row as a release before 0014 writes it."""
    change(bpm, username, email=email)


def row(bpm: Product, username: str) -> sa.Row[Any]:
    with bpm.server.database.read() as connection:
        return connection.execute(sa.select(*user.columns).where(user.c.username == username)).one()


def found(server: Server, operator: Any, value: Any) -> list[str]:
    page = find_users(server, ADMIN, Query(conditions=(Condition("email", operator, value),)))
    return [one.username for one in page.items]


def stored(bpm: Product) -> bytes:
    """Everything that the database holds: its files, or every value of every column."""
    database = bpm.server.database
    if database.is_sqlite:
        place = str(database.url.database)
        return b"".join(path.read_bytes() for path in (Path(place), Path(f"{place}-wal")) if path.exists())
    with database.read() as connection:
        values = [
            value
            for table in db.metadata.sorted_tables
            for one in connection.execute(sa.select(table))
            for value in one
        ]
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)


def reseal(server: Server) -> list[int]:
    counts: list[int] = []
    after: str | None = ""
    while after is not None:
        after, count = secrets.reseal_addresses(server, ADMIN, after)
        counts.append(count)
    return counts


def rules(bpm: Product) -> list[tuple[str, Any]]:
    return [(defect.rule, defect.key) for defect in examine(bpm.server)]


# --- at rest --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "once"])
def test_no_address_is_stored_logged_or_backed_up(
    bpm: Product, tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str | None
) -> None:
    product, rest = application(bpm)
    headers = {} if key is None else {"Idempotency-Key": key}
    admin = rest.basic("admin")
    body = {"username": "zhang", "password": PASSWORD, "name": "Zhang", "email": ADDRESS}
    assert admin.post("/v2/users", body, headers=headers).status == 201
    assert admin.put("/v2/users/zhang", {"email": ADDRESS}).status == 200
    for address in ("an" + ADDRESS, ADDRESS):
        people = f"kind,id,email\nperson,zhang,{address}\nperson,li,{ADDRESS}\n"
        assert import_organisation(product.server, ADMIN, read_file(people.encode(), "people.csv")).changes
    assert admin.search("users", filter={"email": ADDRESS})[0]["email"] == ADDRESS
    assert admin.post("/v2/users/search", {"filter": {"email": {"$like": ADDRESS}}}).status == 400
    back_up(product.server.database, tmp_path / "one.backup", "0" * 16)
    with zipfile.ZipFile(tmp_path / "one.backup") as archive:
        backup = b"".join(archive.read(name) for name in archive.namelist())
    assert b'"zhang"' in backup
    logged = capsys.readouterr().out
    assert "/v2/users/search" in logged
    for held in (stored(product), backup, logged.encode()):
        for needle in (ADDRESS.encode(), ADDRESS.lower().encode(), b"Zhang.Wei", b"zhang.wei"):
            assert needle not in held
    assert b"zhang" in stored(product)  # the row itself was looked at


def test_an_actor_is_shown_without_address(bpm: Product) -> None:
    add(bpm, "zhang")
    actor = identities.actor_by_name(bpm.server, "zhang")
    assert actor.email == ADDRESS
    assert ADDRESS not in repr(actor)


@pytest.mark.parametrize("move", ["row", "column", "cut", "changed"])
def test_an_address_opens_in_its_place_only(bpm: Product, move: str) -> None:
    add(bpm, "zhang")
    add(bpm, "li", "li@example.com")
    sealed = row(bpm, "zhang").email_sealed
    other = replace(EMAIL, column="phone").seal(bpm.server.secrets, "zhang", ADDRESS)
    moved = {"row": row(bpm, "li").email_sealed, "column": other, "cut": sealed[:9], "changed": sealed[:-1] + b"\0"}[
        move
    ]
    assert moved != sealed
    change(bpm, "zhang", email_sealed=moved)
    assert read_user(bpm.server, ADMIN, "zhang").email is None
    assert read_user(bpm.server, ADMIN, "li").email == "li@example.com"
    assert rules(bpm) == [("address-unreadable", "zhang")]
    with pytest.raises(InvalidInput, match=r"Expected email of user 'zhang' sealed .* but it does not open"):
        reseal(bpm.server)
    assert identities.actor_by_password(bpm.server, "zhang", PASSWORD).email is None  # who may still work


# --- looking for ----------------------------------------------------------------------------------------


def test_people_are_found_by_address(bpm: Product) -> None:
    add(bpm, "zhang")
    add(bpm, "li", "li@example.com")
    add(bpm, "nobody", None)
    assert found(bpm.server, "eq", " zhang.wei@example.COM ") == ["zhang"]
    assert found(bpm.server, "eq", "zhang.wei") == []
    assert found(bpm.server, "neq", ADDRESS) == ["li", "nobody"]
    assert found(bpm.server, "in", (ADDRESS, "li@example.com", "x@example.com")) == ["li", "zhang"]
    assert found(bpm.server, "not_in", ("li@example.com",)) == ["nobody", "zhang"]
    assert found(bpm.server, "in", ()) == []
    assert found(bpm.server, "exists", True) == ["li", "zhang"]
    assert found(bpm.server, "exists", False) == ["nobody"]
    either = Query(any_of=((Condition("email", "eq", ADDRESS),), (Condition("username", "eq", "li"),)))
    assert [one.username for one in find_users(bpm.server, ADMIN, either).items] == ["li", "zhang"]
    users.update_user(bpm.server, SYSTEM, "zhang", email="new@example.com")
    assert found(bpm.server, "eq", ADDRESS) == []
    assert found(bpm.server, "eq", "new@example.com") == ["zhang"]


def test_equal_addresses_are_not_seen_as_equal(bpm: Product) -> None:
    add(bpm, "one")
    add(bpm, "two")
    assert row(bpm, "one").email_sealed != row(bpm, "two").email_sealed
    assert found(bpm.server, "eq", ADDRESS) == ["one", "two"]


def test_a_search_by_address_takes_the_index(bpm: Product) -> None:
    query = sa.select(user.c.username).where(user.c.email_digest == "0" * 64)
    with bpm.server.database.read() as connection:
        if bpm.server.database.is_sqlite:
            text = str(query.compile(connection.engine, compile_kwargs={"literal_binds": True}))
            plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all())
        else:
            connection.exec_driver_sql("SET enable_seqscan = off")
            text = str(query.compile(connection.engine, compile_kwargs={"literal_binds": True}))
            plan = str(connection.exec_driver_sql(f"EXPLAIN {text}").all())
    assert "ix_user_email_digest" in plan


@pytest.mark.parametrize(("body", "message"), [
    ({"sort": [{"field": "email"}]}, 'but found "email": addresses are stored encrypted, so they have no order'),
    ({"filter": {"email": {"$like": "z*"}}},
     "Expected one of $eq, $neq, $exists, $in, $notIn in filter.email, but found '$like'"),
    ({"filter": {"$or": [{"email": {"$gt": "a"}}]}}, "but found '$gt'"),
])  # fmt: skip
def test_what_cannot_be_asked_of_addresses_is_said(bpm_sqlite: Product, body: dict[str, Any], message: str) -> None:
    _, rest = application(bpm_sqlite)
    admin = rest.basic("admin")
    answer = admin.post("/v2/users/search", body)
    assert answer.status == 400
    assert message in answer["detail"]


# --- another key ----------------------------------------------------------------------------------------


def test_addresses_are_sealed_and_indexed_anew(bpm: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "AT_ONCE", 2)
    names = ["one", "three", "two"]
    for name in names:
        add(bpm, name, f"{name}@example.com")
    add(bpm, "without", None)
    both = replace(bpm.server, secrets=SecretBox(NEW, [OLD]))
    assert found(both, "in", ("one@example.com", "two@example.com")) == ["one", "two"]  # while nothing is done yet
    assert secrets.reseal_addresses(both, ADMIN, "") == ("three", 2)  # and then interrupted
    assert [found(both, "eq", f"{name}@example.com") for name in names] == [[name] for name in names]
    assert reseal(both) == [0, 1, 0]
    alone = replace(bpm.server, secrets=SecretBox(NEW))
    assert [found(alone, "eq", f"{name}@example.com") for name in names] == [[name] for name in names]
    assert [read_user(alone, ADMIN, name).email for name in names] == [f"{name}@example.com" for name in names]
    assert found(bpm.server, "eq", "one@example.com") == []


def test_a_wrong_index_is_found_and_made_anew(bpm: Product) -> None:
    add(bpm, "zhang")
    change(bpm, "zhang", email_digest="0" * 64)
    assert rules(bpm) == [("address-not-found", "zhang")]
    assert reseal(bpm.server) == [1, 0]
    assert rules(bpm) == []
    assert found(bpm.server, "eq", ADDRESS) == ["zhang"]


# --- beside a release before 0014 -----------------------------------------------------------------------


def test_an_address_in_plain_text_counts_until_it_is_sealed(bpm: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "AT_ONCE", 2)
    for name in ("a", "b", "c"):
        add(bpm, name, "sealed@example.com")
        leave_plain(bpm, name, f"{name}@example.com")  # an old process was told another one
    assert found(bpm.server, "eq", "sealed@example.com") == []
    assert found(bpm.server, "eq", "b@example.com") == ["b"]
    assert read_user(bpm.server, ADMIN, "b").email == "b@example.com"
    assert rules(bpm) == [("address-in-plain-text", name) for name in ("a", "b", "c")]
    assert [secrets.seal_addresses(bpm.server, ADMIN) for _ in range(3)] == [2, 1, 0]
    assert rules(bpm) == []
    assert row(bpm, "b").email is None
    assert found(bpm.server, "eq", "B@example.com") == ["b"]


def test_nothing_of_it_is_left_in_the_files(bpm: Product) -> None:
    add(bpm, "zhang", None)
    leave_plain(bpm, "zhang", ADDRESS)
    assert ADDRESS.encode() in stored(bpm)
    assert upgrading.seal_all(bpm.server) == 1
    assert ADDRESS.encode() not in stored(bpm)
    assert read_user(bpm.server, ADMIN, "zhang").email == ADDRESS


def test_rotating_keeps_what_an_old_process_wrote_meanwhile(bpm: Product) -> None:
    add(bpm, "zhang", "old@example.com")
    leave_plain(bpm, "zhang", ADDRESS)
    both = replace(bpm.server, secrets=SecretBox(NEW, [OLD]))
    assert reseal(both) == [1, 0]
    assert read_user(both, ADMIN, "zhang").email == ADDRESS


def test_an_upgrade_without_the_key_seals_nothing(bpm_sqlite: Product, tmp_path: Path) -> None:
    add(bpm_sqlite, "zhang", None)
    leave_plain(bpm_sqlite, "zhang", ADDRESS)
    settings: Settings = replace(
        bpm_sqlite.server.settings,
        secret_key="",
        data_dir=tmp_path / "another",
        database_url=f"sqlite:///{bpm_sqlite.server.database.url.database}",
    )
    with pytest.raises(InvalidInput, match="Expected the installation's secret key"):
        upgrading.seal_after_upgrade(settings)
    assert row(bpm_sqlite, "zhang").email == ADDRESS
    assert upgrading.seal_after_upgrade(replace(settings, secret_key=OLD)) == 1
    assert read_user(bpm_sqlite.server, ADMIN, "zhang").email == ADDRESS
    assert upgrading.seal_after_upgrade(settings) == 0  # nothing left: no key is needed


# --- the commands ---------------------------------------------------------------------------------------


def test_an_administrator_changes_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.conf").touch()
    for name, value in {"CONFIG": str(tmp_path / "empty.conf"), "PASSWORD": PASSWORD, "SECRET_KEY": OLD}.items():
        monkeypatch.setenv(f"BPM_{name}", value)
    monkeypatch.delenv("BPM_DATABASE_URL", raising=False)
    folder = ["--data-dir", str(tmp_path / "data")]
    assert main(["user", "add", "zhang", "--email", ADDRESS, *folder]) == 0
    monkeypatch.setenv("BPM_SECRET_KEY", NEW)
    assert main(["doctor", *folder]) == 1
    assert "Expected email of user 'zhang' sealed" in capsys.readouterr().out
    monkeypatch.setenv("BPM_OLD_SECRET_KEYS", OLD)
    assert main(["secrets", "rotate", *folder]) == 0
    assert "1 e-mail addresses were sealed with another key" in capsys.readouterr().out
    monkeypatch.delenv("BPM_OLD_SECRET_KEYS")
    assert main(["doctor", "--late-after", "30", *folder]) == 0
    with pytest.raises(SystemExit):
        main(["doctor", "--late-after", "0", *folder])
    assert "expected whole minutes from 1 to" in capsys.readouterr().err
