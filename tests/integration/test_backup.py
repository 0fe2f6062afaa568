"""Backup and restore: every row comes back, on either database; what could go wrong changes nothing."""

from __future__ import annotations

import contextlib
import hashlib
import zipfile
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.documents import Metadata
from bpm_server.kernel.errors import AlreadyExists, BpmError, Conflict, InvalidInput
from bpm_server.services import documents, jobs, process_instances, users
from bpm_server.store import backup as backups
from bpm_server.store import migrate
from bpm_server.store.backup import back_up
from bpm_server.store.backup_file import Reader, Writer, kind_of
from bpm_server.store.contents import FolderContents
from bpm_server.store.database import Database
from bpm_server.store.moments import bump, read_moment
from bpm_server.store.restore import restore
from bpm_server.store.tables import db
from bpm_server.store.tables.cluster_variables import cluster_variable_change
from bpm_server.store.tables.definitions import resource
from bpm_server.store.tables.documents import document
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.jobs import job
from bpm_server.store.tables.server import node_lease, server_state
from bpm_server.store.tables.tasks import user_task
from tests.support.orphans import orphans
from tests.support.product import ADMIN, START, Product
from tests.support.snapshot import Snapshot
from tests.support.waiting import finish, waiting_process, webhook_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.postgresql import Cluster

KEY = "0123456789abcdef"
CHANGED = {"job", "session", "webhook_delivery", "batch_operation_item"}
"""What a restore changes: leases and sessions."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Where to: a file that does not exist yet, or a database without tables."""
    with contextlib.ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path / 'target' / 'bpm.db'}"
        else:
            cluster: Cluster = request.getfixturevalue("postgresql_cluster")
            url = stack.enter_context(cluster.fresh())
        database = Database(url)
        yield database
        database.dispose()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "one.backup"


def put_back(database: Database, file: Path, *, replace: bool = False, folder: FolderContents | None = None) -> None:
    with contextlib.closing(Reader(file)) as archive:
        restore(database, archive, folder, replace=replace)


def digests(file: Path) -> dict[str, str]:
    with contextlib.closing(Reader(file)) as archive:
        return {part.name: part.sha256 for part in archive.manifest.parts()}


def count(database: Database, table: sa.Table) -> int:
    with database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def begun(bpm: Product) -> int:
    """An instance that waits in every way; its job is leased."""
    bpm.deploy(waiting_process())
    key = bpm.start(order="A-1", exact=[1, "0.10", {"中": None}])
    jobs.activate_jobs(bpm.server, ADMIN, ["work"], limit=1, lease_ms=3_600_000, worker="w")
    return key


# --- what comes back ------------------------------------------------------------------------------------


def test_every_row_comes_back_and_work_goes_on(bpm: Product, target: Database, file: Path, tmp_path: Path) -> None:
    key = begun(bpm)
    back_up(bpm.server.database, file, KEY)
    put_back(target, file)
    again = tmp_path / "two.backup"
    back_up(target, again, KEY)
    one, two = digests(file), digests(again)
    assert {name for name in one if one[name] != two[name]} == {"job"}
    restored = Product.on(target, tmp_path)
    assert restored.clock.now() == START  # engine time stays where it was
    assert not list(orphans(Snapshot(target)))
    finish(restored, key, "A-1")
    assert restored.state(key) == "COMPLETED"
    assert bpm.state(key) == "ACTIVE"


def test_a_leased_job_is_free_again(bpm: Product, target: Database, file: Path, tmp_path: Path) -> None:
    begun(bpm)
    assert jobs.activate_jobs(bpm.server, ADMIN, ["work"], limit=1, lease_ms=1000, worker="other") == []
    back_up(bpm.server.database, file, KEY)
    put_back(target, file)
    assert count(target, node_lease) == 0
    restored = Product.on(target, tmp_path)
    found = jobs.activate_jobs(restored.server, ADMIN, ["work"], limit=1, lease_ms=1000, worker="other")
    assert [each.row.type for each in found] == ["work"]


def test_a_job_of_the_outbox_stays_with_it(bpm: Product, target: Database, file: Path, tmp_path: Path) -> None:
    bpm.deploy(webhook_process())
    bpm.start("w")
    back_up(bpm.server.database, file, KEY)
    put_back(target, file)
    restored = Product.on(target, tmp_path)
    assert jobs.activate_jobs(restored.server, ADMIN, ["webhook"], limit=1, lease_ms=1000, worker="other") == []
    assert restored.scalars(sa.select(job.c.lease)) == ["outbox"]


def test_values_are_exact(database: Database, target: Database, file: Path) -> None:
    moment = datetime(2026, 2, 28, 23, 59, 59, 123457, tzinfo=UTC)
    value = '{"n":0.1000000000000000000000001,"t":"\\u0000 \U0001f600 \u2028"}'
    with database.write() as connection:
        connection.execute(
            resource.insert(),
            {
                "key": 2**63 - 1,
                "deployment_key": 1,
                "name": "'\"\\\n\t",
                "kind": "bpmn",
                "digest": "",
                "content": bytes(range(256)) * 9,
            },
        )
        connection.execute(cluster_variable_change.insert(), {"version": 1, "name": "n", "value": value})
        connection.execute(server_state.update().values(clock_pinned_at=moment, clock_offset_us=-(2**40)))
        connection.commit()
    back_up(database, file, KEY)
    put_back(target, file)
    with target.read() as connection:
        found = connection.execute(resource.select()).one()
        assert (found.key, found.name, found.content) == (2**63 - 1, "'\"\\\n\t", bytes(range(256)) * 9)
        assert connection.execute(sa.select(cluster_variable_change.c.value)).scalar_one() == value
        state = connection.execute(server_state.select()).one()
        assert (state.clock_pinned_at, state.clock_offset_us) == (moment, -(2**40))


def test_a_server_that_writes_during_the_backup_is_seen_at_one_moment(
    bpm: Product, target: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = begun(bpm)
    add, written = Writer.add, []

    def add_while_working(self: Writer, name: str, *rest: Any) -> Any:
        written.append(bpm.start(order=f"B-{len(written)}"))
        process_instances.set_variables(bpm.server, ADMIN, first, {"order": name})
        return add(self, name, *rest)

    monkeypatch.setattr(Writer, "add", add_while_working)
    manifest, _ = back_up(bpm.server.database, file, KEY)
    assert len(written) == len(manifest.tables) + 1
    put_back(target, file)
    # Calling another process is a start, too.
    assert count(target, process_instance) == 2
    assert count(bpm.server.database, process_instance) == 2 * (1 + len(written))
    assert not list(orphans(Snapshot(target)))


def test_a_snapshot_sees_one_moment_whichever_way_statements_go(database: Database) -> None:
    with database.snapshot() as connection:
        before = read_moment(connection).definition_version
        with database.write() as other:
            bump(other, "definition_version")
            other.commit()
        assert read_moment(connection).definition_version == before
        assert connection.execute(sa.select(server_state.c.definition_version)).scalar_one() == before
    with database.snapshot() as connection:
        assert read_moment(connection).definition_version == before + 1


def test_an_older_schema_is_restored_and_migrated(database_url: str, target: Database, file: Path) -> None:
    source = Database(database_url)
    with source.alone() as connection:
        for table in [*db.metadata.sorted_tables, sa.table("alembic_version")]:
            connection.execute(sa.DDL(f'DROP TABLE "{table.name}"'))
        migrate.upgrade_within(connection, "0005")
        connection.exec_driver_sql("INSERT INTO role (role_id, name, permissions) VALUES ('r', 'R', '[]')")
        connection.commit()
    manifest, _ = back_up(source, file, KEY)
    source.dispose()
    assert manifest.revision == "0005"
    assert "audit_log" not in {part.name for part in manifest.tables}
    put_back(target, file)
    revision, newest = migrate.current(target)
    assert revision == newest
    with target.read() as connection:
        assert connection.execute(sa.select(db.metadata.tables["role"].c.role_id)).scalar_one() == "r"


@pytest.mark.parametrize("kept_in", ["folder", "database"])
def test_documents_of_a_folder_come_along(bpm_sqlite: Product, file: Path, tmp_path: Path, kept_in: str) -> None:
    bpm = Product.on(bpm_sqlite.server.database, tmp_path, document_dir=str(tmp_path / "documents"))
    content = bytes(range(256)) * 3000  # several pieces
    made = [documents.create_document(bpm.server, ADMIN, BytesIO(content), Metadata("a.bin", "x/y")) for _ in range(2)]
    (tmp_path / "documents" / made[1].location[:2] / made[1].location).unlink()
    _, gone = back_up(bpm.server.database, file, KEY, FolderContents(tmp_path / "documents"))
    assert gone == [made[1].location]
    target = Database(f"sqlite:///{tmp_path / 'target.db'}")
    elsewhere = tmp_path / "elsewhere"
    put_back(target, file, folder=FolderContents(elsewhere) if kept_in == "folder" else None)
    restored = Product.on(target, tmp_path, document_dir=str(elsewhere) if kept_in == "folder" else "")
    (row,) = restored.rows(document.select().where(document.c.location == made[0].location))
    contents = restored.server.contents.find(row.store)
    assert contents is not None
    assert b"".join(contents.read(target, row.location)) == content
    assert elsewhere.exists() == (kept_in == "folder")
    target.dispose()


def test_whoever_was_signed_in_signs_in_again(bpm: Product, target: Database, file: Path) -> None:
    users.create_user(bpm.server, ADMIN, "ann", password="long-enough-1")
    with bpm.server.database.write() as connection:
        connection.execute(
            db.metadata.tables["session"].insert(),
            {
                "token_hash": "0" * 64,
                "username": "ann",
                "csrf_token": "t",
                "created_at": START,
                "expires_at": START + timedelta(days=9),
            },
        )
        connection.commit()
    back_up(bpm.server.database, file, KEY)
    put_back(target, file)
    assert count(target, db.metadata.tables["session"]) == 0
    assert count(target, db.metadata.tables["user"]) == 1


# --- what is refused ------------------------------------------------------------------------------------


def rewrite(file: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """The same ZIP, whole in itself, with changed entries."""
    with zipfile.ZipFile(file) as source:
        entries = {name: change(name, source.read(name)) for name in source.namelist()}
    with zipfile.ZipFile(file, "w") as out:
        for name, data in entries.items():
            if data is not None:
                out.writestr(name, data)


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])


def flip_bits(file: Path) -> None:
    with zipfile.ZipFile(file) as source:
        info = source.getinfo("resource.jsonl")
        at = info.header_offset + 30 + len(info.filename) + info.compress_size // 2
    data = bytearray(file.read_bytes())
    data[at] ^= 0xFF
    file.write_bytes(data)


def change_row(file: Path) -> None:
    rewrite(
        file, lambda name, data: data.replace(b'"ACTIVE"', b'"ENDED!"') if name == "process_instance.jsonl" else data
    )


def drop_part(file: Path) -> None:
    rewrite(file, lambda name, data: None if name == "user_task.jsonl" else data)


def newer_schema(file: Path) -> None:
    rewrite(
        file, lambda name, data: data.replace(b'"revision": "0', b'"revision": "9') if name == "manifest.json" else data
    )


def other_version(file: Path) -> None:
    rewrite(
        file, lambda name, data: data.replace(b'"version": 1', b'"version": 2') if name == "manifest.json" else data
    )


def wrong_value(file: Path) -> None:
    """A part that is what its manifest says, with a text where a number belongs."""
    new = b'["x"]\n'

    def change(name: str, data: bytes) -> bytes:
        if name == "server_state.jsonl":
            return new
        if name != "manifest.json":
            return data
        import json

        manifest = json.loads(data)
        part = next(part for part in manifest["tables"] if part["name"] == "server_state")
        part["columns"] = part["columns"][:1]
        part.update(rows=1, size=len(new), sha256=hashlib.sha256(new).hexdigest())
        return json.dumps(manifest).encode()

    rewrite(file, change)


REFUSED = [
    (cut_off, "whole backup of bpm-server, but it is damaged"),
    (flip_bits, r"part 'resource\.jsonl' of .* damaged"),
    (change_row, r"part 'process_instance\.jsonl' of .* as it was written"),
    (drop_part, r"part 'user_task\.jsonl' of .* it is missing"),
    (newer_schema, r"found revision 9\d+ of bpm-server .* or a later one"),
    (other_version, "of version 1, but found bpm-server-backup 2"),
    (wrong_value, r"part 'server_state\.jsonl, row 1' of .*Expected `int"),
]


@pytest.mark.parametrize(("damage", "said"), REFUSED, ids=[damage.__name__ for damage, _ in REFUSED])
def test_a_bad_file_is_refused_and_the_database_stays(
    bpm: Product, file: Path, damage: Callable[[Path], None], said: str
) -> None:
    begun(bpm)
    database = bpm.server.database
    back_up(database, file, KEY)
    damage(file)
    before = Snapshot(database).normalized()
    database.dispose()
    with pytest.raises(InvalidInput, match=said):
        put_back(database, file, replace=True)
    assert Snapshot(database).normalized() == before


def test_a_database_with_rows_is_replaced_only_on_request(
    bpm: Product, target: Database, file: Path, tmp_path: Path
) -> None:
    begun(bpm)
    back_up(bpm.server.database, file, KEY)
    put_back(target, file)
    target.dispose()
    with pytest.raises(Conflict, match=r"Expected an empty database .* --replace deletes what is there"):
        put_back(target, file)
    changed = Product.on(target, tmp_path)
    more = changed.start(order="C-1")
    target.dispose()
    put_back(target, file, replace=True)
    assert count(target, process_instance) == 2
    assert Product.on(target, tmp_path).scalars(sa.select(process_instance.c.key)).count(more) == 0


def test_a_database_in_use_is_refused(bpm: Product, file: Path) -> None:
    begun(bpm)
    database = bpm.server.database
    back_up(database, file, KEY)
    database.dispose()
    other = sa.create_engine(database.url)
    with other.connect() as connection:
        connection.exec_driver_sql("SELECT 1 FROM server_state")  # a web or worker process that is there
        with pytest.raises(Conflict, match="Expected to be alone with"):
            put_back(database, file, replace=True)
    other.dispose()
    assert count(database, user_task) == 4


def test_a_clock_behind_the_backup_is_refused(bpm: Product, target: Database, file: Path) -> None:
    begun(bpm)
    back_up(bpm.server.database, file, KEY)
    rewrite(
        file,
        lambda name, data: data.replace(b'"taken_at": "20', b'"taken_at": "29') if name == "manifest.json" else data,
    )
    with pytest.raises(Conflict, match="Expected a clock later than the backup's 29"):
        put_back(target, file)


def test_a_file_is_never_overwritten_and_nothing_half_done_stays(
    bpm_sqlite: Product, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(b"mine")
    with pytest.raises(AlreadyExists, match="Expected to write a new file"):
        back_up(bpm_sqlite.server.database, file, KEY)
    assert file.read_bytes() == b"mine"
    file.unlink()
    before = sorted(file.parent.iterdir())

    def fail(*_: Any) -> Any:
        message = "Expected to write, but the disk is full"
        raise BpmError(message)

    monkeypatch.setattr(backups, "_add_table", fail)
    with pytest.raises(BpmError):
        back_up(bpm_sqlite.server.database, file, KEY)
    assert sorted(file.parent.iterdir()) == before


def test_the_file_is_for_its_owner_alone(bpm_sqlite: Product, file: Path) -> None:
    back_up(bpm_sqlite.server.database, file, KEY)
    assert file.stat().st_mode & 0o777 == 0o600


# --- what holds for every table -------------------------------------------------------------------------


def test_every_column_has_a_kind_and_no_number_is_made_by_the_database() -> None:
    for table in db.metadata.sorted_tables:
        for column in table.columns:
            assert kind_of(column.name, column.type)
            made = column.identity is not None or (column.primary_key and column.autoincrement is True)
            assert not made, f"{table.name}.{column.name}: a restore would have to set its sequence"
    assert set(backups.LEFT_OUT) <= set(db.metadata.tables)


def test_rows_are_read_in_batches(bpm: Product, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with the database."""
    begun(bpm)
    monkeypatch.setattr(backups, "_FEW", 2)
    monkeypatch.setattr(backups, "_MANY", 3)
    sizes: list[int] = []
    batches = backups._batches

    def counting(*arguments: Any) -> Iterator[Any]:
        for batch in batches(*arguments):
            sizes.append(len(batch))
            yield batch

    monkeypatch.setattr(backups, "_batches", counting)
    manifest, _ = back_up(bpm.server.database, file, KEY)
    assert max(sizes) <= 3
    assert sum(sizes) == sum(part.rows for part in manifest.tables)
