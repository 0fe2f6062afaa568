"""``bpm-server backup`` and ``restore`` as an administrator runs them, beside a running server."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.cli.main import main
from bpm_server.store.backup_file import Reader
from bpm_server.store.database import Database
from bpm_server.store.tables.audit import audit_log
from tests.support.running import running

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the machine do not count."""
    monkeypatch.delenv("BPM_DATABASE_URL", raising=False)
    monkeypatch.delenv("BPM_SECRET_KEY", raising=False)
    (tmp_path / "empty.conf").touch()
    monkeypatch.setenv("BPM_CONFIG", str(tmp_path / "empty.conf"))


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_a_company_moves_to_another_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here, there, file = tmp_path / "data", tmp_path / "there", tmp_path / "one.backup"
    with running(tmp_path, "--no-content"):
        assert run("backup", "--data-dir", here, file) == 0
        assert "at revision" in capsys.readouterr().out
        assert run("restore", "--data-dir", here, "--replace", file) == 1
        assert "Expected to be the only server on" in capsys.readouterr().err
    assert run("restore", "--data-dir", there, file) == 1
    assert "Expected the secret key of the installation that was backed up" in capsys.readouterr().err
    assert not (there / "bpm.db").exists()
    shutil.copy(here / "secret.key", there / "secret.key")
    assert run("restore", "--data-dir", there, file) == 0
    assert run("user", "list", "--data-dir", there) == 0
    assert "admin\tAdministrator" in capsys.readouterr().out
    database = Database(f"sqlite:///{there / 'bpm.db'}")
    with database.read() as connection:
        query = sa.select(audit_log).where(audit_log.c.entity_type == "RESOURCE", audit_log.c.operation == "CREATE")
        entry = connection.execute(query.order_by(audit_log.c.key.desc()).limit(1)).one()
    database.dispose()
    with contextlib.closing(Reader(file)) as archive:
        taken_at = archive.manifest.taken_at.isoformat(timespec="seconds")
    assert (entry.actor, entry.entity_key) == ("system", "one.backup")
    assert entry.description.endswith(f"was taken at {taken_at}")


def test_a_backup_of_an_old_key_is_restored_beside_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, file = tmp_path / "data", tmp_path / "one.backup"
    assert run("migrate", "--data-dir", here) == 0
    monkeypatch.setenv("BPM_SECRET_KEY", "the-key-of-before")
    assert run("backup", "--data-dir", here, file) == 0
    monkeypatch.setenv("BPM_SECRET_KEY", "the-key-of-today")
    assert run("restore", "--data-dir", tmp_path / "there", file) == 1
    monkeypatch.setenv("BPM_OLD_SECRET_KEYS", "the-key-of-before")
    assert run("restore", "--data-dir", tmp_path / "there", file) == 0


def test_looking_for_a_database_makes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("backup", "--data-dir", tmp_path / "nothing", tmp_path / "one.backup") == 1
    assert "Expected a database" in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()
