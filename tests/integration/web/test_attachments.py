"""Attachments over REST: put beside tasks and cases, read by whoever sees the case, removed by who put them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.services import documents
from bpm_server.store.contents import PART
from bpm_server.store.tables.attachments import attachment
from bpm_server.store.tables.documents import document, document_leftover, document_part
from tests.support.bpmn_builder import Process
from tests.support.product import Product
from tests.support.rest import Rest, add_person, application

if TYPE_CHECKING:
    from pathlib import Path

    from bpm_server.store.database import Database
    from tests.support.rest import Answer

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
PDF = b"%PDF-1.7\n" + b"x" * 100
EXE = b"MZ\x90\x00" + bytes(300)


def two_tasks() -> bytes:
    process = Process()
    process.start()
    process.user("first", extra='<zeebe:assignmentDefinition assignee="ann"/>')
    process.user("second", extra='<zeebe:assignmentDefinition assignee="bob"/>')
    process.end()
    process.path("s", "first", "second", "e")
    return process.xml()


@pytest.fixture(params=["database", "folder"])
def case(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Case:
    """A case that ann works on and bob will, with contents in the database or in a folder."""
    folder = str(tmp_path / "documents") if request.param == "folder" else ""
    bpm, nobody = application(Product.on(database, tmp_path, document_dir=folder, document_limit=3 * PART))
    return Case(bpm, nobody)


class Case:
    """A case and people around it."""

    def __init__(self, bpm: Product, nobody: Rest) -> None:
        self.bpm = bpm
        self.root, self.ann, self.bob, self.eve = (
            nobody.as_(add_person(bpm, name, roles=(role,)))
            for name, role in (("root", "admin"), ("ann", "staff"), ("bob", "staff"), ("eve", "staff"))
        )
        bpm.deploy(two_tasks())
        self.key = bpm.start()
        self.task = bpm.task("first").key

    def send(self, who: Rest, name: str = "photo.png", content: bytes = PNG, path: str = "") -> Answer:
        return who.send_form(path or f"/api/tasks/{self.task}/attachments", "file", [(name, content)])

    def names(self, who: Rest, path: str = "") -> list[str]:
        return [one["fileName"] for one in who.get(path or f"/api/tasks/{self.task}/attachments")["items"]]

    def count(self, table: Any) -> int:
        return len(self.bpm.scalars(table.select()))


def test_a_file_beside_a_task_is_read_by_whoever_sees_the_case(case: Case) -> None:
    content = PDF + bytes(2 * PART)
    made = case.send(case.ann, "发票.pdf", content)
    assert made.status == 201
    assert {name: made[name] for name in ("fileName", "contentType", "size", "addedBy", "userTaskKey")} == {
        "fileName": "发票.pdf",
        "contentType": "application/pdf",
        "size": len(content),
        "addedBy": "ann",
        "userTaskKey": str(case.task),
    }
    assert made["contentHash"] == hashlib.sha256(content).hexdigest()
    place = f"/api/attachments/{made['attachmentKey']}"
    found = case.ann.get(f"{place}/content")
    assert (found.status, found.body) == (200, content)
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert found.headers["Content-Security-Policy"].startswith("sandbox")
    assert found.headers["Content-Disposition"].startswith("attachment;")
    assert case.eve.get(f"{place}/content").status == 403
    assert case.eve.get(f"/api/tasks/{case.task}/attachments").status == 403
    assert case.bob.get(f"/api/process-instances/{case.key}/attachments").status == 403
    case.bpm.task("first").complete()
    assert case.names(case.bob, f"/api/tasks/{case.bpm.task('second').key}/attachments") == ["发票.pdf"]
    assert case.bob.get(f"{place}/content").body == content
    assert case.bob.get(place)["addedBy"] == "ann"


def test_a_file_beside_a_case(case: Case) -> None:
    place = f"/api/process-instances/{case.key}/attachments"
    assert case.send(case.eve, path=place).status == 403
    assert case.send(case.ann, path=place).status == 201
    assert case.send(case.root, "b.png", path=place).status == 201
    assert case.names(case.ann, place) == ["photo.png", "b.png"]
    assert case.send(case.ann, path="/api/process-instances/77/attachments").status == 404
    for task in ("first", "second"):
        case.bpm.task(task).complete()
    late = case.send(case.ann, path=place)
    assert (late.status, late["code"]) == (409, "wrong_state")


@pytest.mark.parametrize(
    ("name", "content", "status", "reason"),
    [
        ("photo.png", EXE, 400, "content"),
        ("page.html", b"<script>", 400, "extension"),
        ("picture.svg", b"<svg/>", 400, "extension"),
        ("empty.png", b"", 400, "empty"),
        ("large.png", PNG + bytes(3 * PART), 413, None),
    ],
)
def test_what_is_refused_leaves_nothing(case: Case, name: str, content: bytes, status: int, reason: str | None) -> None:
    made = case.send(case.ann, name, content)
    assert made.status == status
    assert made.body.get("reason") == reason
    assert [case.count(table) for table in (attachment, document, document_part, document_leftover)] == [0, 0, 0, 0]


def test_far_too_much_is_refused_before_it_is_read(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "measure", lambda *_: pytest.fail("it was read"))
    assert case.send(case.ann, "large.png", PNG + bytes(50 * 1024 * 1024)).status == 413


def test_who_may_remove_what(case: Case) -> None:
    key = case.send(case.ann)["attachmentKey"]
    other = case.send(case.ann, "b.png")["attachmentKey"]
    case.bpm.task("first").complete()
    assert case.bob.delete(f"/api/attachments/{key}").status == 403
    late = case.ann.delete(f"/api/attachments/{key}")
    assert (late.status, late["code"]) == (409, "wrong_state")
    case.task = case.bpm.task("second").key
    mine = case.send(case.bob, "c.png")["attachmentKey"]
    assert case.bob.delete(f"/api/attachments/{mine}").status == 204
    assert case.bob.delete(f"/api/attachments/{mine}").status == 404
    assert case.bob.get(f"/api/attachments/{mine}/content").status == 404
    assert case.names(case.bob) == ["photo.png", "b.png"]
    case.bpm.deliver()
    assert (case.count(document), case.count(document_leftover)) == (2, 0)
    removed = case.bpm.rows(attachment.select().where(attachment.c.key == int(mine)))[0]
    assert (removed.removed_by, removed.file_name) == ("bob", "c.png")
    assert other


def test_files_go_with_their_case(case: Case) -> None:
    kept = case.root.send_form("/v2/documents", "file", [("other.bin", b"x" * 10)])
    case.send(case.ann)
    case.send(case.ann, "b.png", path=f"/api/process-instances/{case.key}/attachments")
    for task in ("first", "second"):
        case.bpm.task(task).complete()
    assert case.root.post(f"/v2/process-instances/{case.key}/deletion").status == 204
    case.bpm.deliver()
    assert [case.count(table) for table in (attachment, document_leftover)] == [0, 0]
    assert case.bpm.scalars(document.select()) == [kept["documentId"]]
    assert case.count(document_part) == (1 if kept["storeId"] == "database" else 0)


def test_a_case_has_room_for_so_many(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpm_server.domain.attachments.MOST", 2)
    assert [case.send(case.ann).status for _ in range(3)] == [201, 201, 429]
