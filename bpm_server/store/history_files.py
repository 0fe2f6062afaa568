"""The archive: what was deleted from the database, in files that anybody can read (docs/reference/history.md).

A file is complete or not there: it is written under another name, synced, and renamed, and its folder is synced.
"""

from __future__ import annotations

import gzip
import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.store.contents import sync_folder
from bpm_server.store.tables import db
from bpm_server.store.types import Key, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

FORMAT = 1
JSON_TEXT: dict[str, frozenset[str]] = {
    "decision_instance": frozenset({"evaluation"}),
    "deferred_command": frozenset({"command"}),
    "instance_item": frozenset({"output"}),
    "job": frozenset({"headers", "scope_path", "task"}),
    "journal": frozenset({"command", "events"}),
    "process_instance": frozenset({"tags"}),
    "user_task": frozenset({"candidate_users", "candidate_groups", "scope_path"}),
    "variable": frozenset({"value"}),
}
"""Columns whose text is JSON: it is put in as it is, with all digits."""


def line(root_key: int, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    """A call tree as one line of JSON.

    Args:
        root_key: The outermost instance.
        rows: Every row of the tree, by table.
    """
    root = next(row for row in rows["process_instance"] if row["key"] == root_key)
    tables = {name: [_row(name, row) for row in found] for name, found in rows.items()}
    about = {
        "format": FORMAT,
        "processInstanceKey": str(root_key),
        "processId": root["process_id"],
        "processVersion": root["version"],
        "businessKey": root["business_key"],
        "state": root["state"],
        "startedAt": to_text(root["started_at"]),
        "endedAt": to_text(root["ended_at"]),
        "tables": tables,
    }
    return json.dumps_bytes(about) + b"\n"


def _row(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    columns = db.metadata.tables[table].columns
    texts = JSON_TEXT.get(table, frozenset())
    return {name: _value(value, key=columns[name].type is Key, raw=name in texts) for name, value in row.items()}


def _value(value: Any, *, key: bool, raw: bool) -> Any:
    if value is None:
        return None
    if key:
        return str(value)
    if raw:
        return msgspec.Raw(value.encode())
    if isinstance(value, datetime):
        return to_text(value)
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def check_folder(folder: Path) -> None:
    """Makes the folder and tries whether files can be written there.

    Raises:
        InvalidInput: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        message = f"Expected a folder for the archive in which files can be written, but found '{folder}': {error}"
        raise InvalidInput(message) from error


def write_file(folder: Path, at: datetime, name: str, lines: Iterable[bytes]) -> Path:
    """Writes lines into a new file of the day's folder, and returns when they are on the disk.

    Raises:
        OSError: they are not.
    """
    day = folder / f"{at:%Y-%m-%d}"
    is_new = not day.exists()
    day.mkdir(parents=True, exist_ok=True)
    path = day / f"{at:%Y%m%dT%H%M%SZ}-{name}.jsonl.gz"
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            for one in lines:
                packed.write(one)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync_folder(day)
    if is_new:
        sync_folder(folder)
    return path
