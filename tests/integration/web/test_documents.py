"""Documents over REST: kept, read, linked to, expired and removed; never run by a browser, never half there."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from bpm_server.kernel import json
from bpm_server.services import documents
from bpm_server.store.contents import PART, FolderContents
from bpm_server.store.tables.documents import document, document_leftover, document_part
from bpm_server.worker import rounds
from tests.support.product import Product
from tests.support.rest import Rest, add_person, application

if TYPE_CHECKING:
    from pathlib import Path

    from bpm_server.store.database import Database
    from tests.support.rest import Answer


def send(rest: Rest, content: bytes, name: str = "offer.pdf", query: str = "", **metadata: Any) -> Answer:
    fields = [("metadata", json.dumps(metadata))] if metadata else []
    return rest.send_form(f"/v2/documents{query}", "file", [(name, content)], fields)


def read(rest: Rest, reference: Answer, **query: str) -> Answer:
    wanted = {"contentHash": reference["contentHash"], **query}
    return rest.get(f"/v2/documents/{reference['documentId']}", query_string=wanted)


def count(bpm: Product, table: Any) -> int:
    return len(bpm.scalars(table.select()))


@pytest.fixture(params=["database", "folder"])
def stores(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> tuple[Product, Rest]:
    """The product, keeping contents in the database or in a folder, and an administrator."""
    folder = str(tmp_path / "documents") if request.param == "folder" else ""
    bpm, nobody = application(Product.on(database, tmp_path, document_dir=folder, document_limit=3 * PART))
    return bpm, nobody.as_(add_person(bpm, "root", roles=("admin",)))


def files(bpm: Product) -> list[Path]:
    from pathlib import Path

    folder = Path(bpm.server.settings.document_dir or "/nowhere")
    return [path for path in folder.rglob("*") if path.is_file()]


# --- keeping and reading --------------------------------------------------------------------------------


def test_a_document_comes_back_as_it_was_sent(stores: tuple[Product, Rest]) -> None:
    bpm, rest = stores
    content = bytes(range(256)) * (2 * PART // 256) + b"rest"
    kept = send(rest, content, customProperties={"pages": 3}, processDefinitionId="order", processInstanceKey="7")
    assert kept.status == 201
    assert kept["camunda.document.type"] == "camunda"
    assert kept["storeId"] == bpm.server.contents.default.name
    assert kept["contentHash"] == hashlib.sha256(content).hexdigest()
    assert kept["metadata"] == {
        "contentType": "application/octet-stream",
        "fileName": "offer.pdf",
        "expiresAt": None,
        "size": len(content),
        "processDefinitionId": "order",
        "processInstanceKey": "7",
        "customProperties": {"pages": 3},
    }
    found = read(rest, kept)
    assert (found.status, found.body) == (200, content)
    assert found.headers["Content-Length"] == str(len(content))


def test_an_empty_file_is_a_document(stores: tuple[Product, Rest]) -> None:
    _, rest = stores
    kept = send(rest, b"", query="?documentId=empty-1")
    assert kept["documentId"] == "empty-1"
    assert read(rest, kept).body == b""


def test_metadata_goes_before_what_the_file_part_says(stores: tuple[Product, Rest]) -> None:
    _, rest = stores
    kept = send(rest, b"x", "C:\\temp\\a.pdf", contentType="Text/Plain; charset=utf-8", fileName="../报价.txt")
    assert kept["metadata"]["contentType"] == "text/plain"
    assert kept["metadata"]["fileName"] == "报价.txt"
    assert "filename*=UTF-8''%E6%8A%A5%E4%BB%B7.txt" in read(rest, kept).headers["Content-Disposition"]


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript"])
def test_what_a_browser_would_run_is_served_as_unknown_bytes(stores: tuple[Product, Rest], kind: str) -> None:
    _, rest = stores
    kept = send(rest, b"<script>alert(1)</script>", "a.html", contentType=kind)
    assert kept["metadata"]["contentType"] == kind
    headers = read(rest, kept).headers
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize("given", [None, "", "0" * 64])
def test_reading_needs_the_content_hash(stores: tuple[Product, Rest], given: str | None) -> None:
    _, rest = stores
    kept = send(rest, b"x")
    query = {} if given is None else {"contentHash": given}
    found = rest.get(f"/v2/documents/{kept['documentId']}", query_string=query)
    assert (found.status, found["field"]) == (400, "contentHash")


def test_a_document_lies_in_one_store(stores: tuple[Product, Rest]) -> None:
    bpm, rest = stores
    kept = send(rest, b"x", query="?storeId=database")
    assert kept["storeId"] == "database"
    assert read(rest, kept, storeId="database").status == 200
    assert read(rest, kept, storeId="folder").status == 404
    assert rest.delete(f"/v2/documents/{kept['documentId']}?storeId=folder").status == 404
    assert count(bpm, document_part) == 1


# --- refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "metadata", "field"),
    [
        ("?documentId=..", {}, "documentId"),
        ("?documentId=a%2Fb", {}, "documentId"),
        ("?storeId=elsewhere", {}, "storeId"),
        ("", {"contentType": "text/html\r\nX-Evil: 1"}, "metadata.contentType"),
        ("", {"fileName": "a\nb"}, "metadata.fileName"),
        ("", {"fileName": "folder/"}, "metadata.fileName"),
        ("", {"expiresAt": "2025-12-31T00:00:00Z"}, "metadata.expiresAt"),
        ("", {"customProperties": {"a": "x" * 70_000}}, "metadata.customProperties"),
    ],
)
def test_wrong_documents_are_refused_and_leave_nothing(
    stores: tuple[Product, Rest], query: str, metadata: dict[str, Any], field: str
) -> None:
    bpm, rest = stores
    bpm.clock.set(bpm.clock.now())
    refused = send(rest, b"x", query=query, **metadata)
    assert (refused.status, refused["field"]) == (400, field)
    bpm.clock.advance(hours=2)
    rounds.run_until_idle(bpm.server, topics=("documents",))
    assert files(bpm) == []
    assert (count(bpm, document), count(bpm, document_part), count(bpm, document_leftover)) == (0, 0, 0)


def test_more_than_the_limit_is_refused(stores: tuple[Product, Rest]) -> None:
    bpm, rest = stores
    refused = send(rest, b"x" * (3 * PART + 1))
    assert (refused.status, refused["code"], refused["limit"]) == (413, "too_large", 3 * PART)
    assert send(rest, b"x" * (3 * PART)).status == 201
    assert send(rest, b"x" * (3 * PART + 2 * 1024 * 1024)).status == 413
    assert count(bpm, document) == 1


def test_an_id_is_taken_once(stores: tuple[Product, Rest]) -> None:
    bpm, rest = stores
    first = send(rest, b"first", query="?documentId=offer")
    again = send(rest, b"second", query="?documentId=offer")
    assert (again.status, again["code"]) == (409, "already_exists")
    assert read(rest, first).body == b"first"
    bpm.clock.advance(hours=2)
    rounds.run_until_idle(bpm.server, topics=("documents",))
    assert len(files(bpm)) == (1 if bpm.server.settings.document_dir else 0)


def test_rights_are_asked_for_one_by_one(stores: tuple[Product, Rest]) -> None:
    bpm, rest = stores
    kept = send(rest, b"x")
    staff = rest.as_(add_person(bpm, "ann", roles=("staff",)))
    worker = rest.as_(add_person(bpm, "robot", roles=("worker",)))
    path, query = f"/v2/documents/{kept['documentId']}", {"contentHash": kept["contentHash"]}
    assert send(staff, b"x").status == 403
    assert batch(staff, [b"x"]).status == 403
    assert staff.get(path, query_string=query).status == 403
    assert staff.post(f"{path}/links", query_string=query).status == 403
    assert send(worker, b"x").status == 201
    assert worker.get(path, query_string=query).status == 200
    assert worker.delete(path).status == 403
    assert Rest(rest.app).get(path, query_string=query).status == 401


# --- batches --------------------------------------------------------------------------------------------


def batch(rest: Rest, contents: list[bytes], *metadata: Any) -> Answer:
    named = [(f"{n}.txt", content) for n, content in enumerate(contents)]
    fields = [("metadataList", json.dumps(one)) for one in metadata]
    return rest.send_form("/v2/documents/batch", "files", named, fields)


def test_a_batch_keeps_all(stores: tuple[Product, Rest]) -> None:
    _, rest = stores
    kept = batch(rest, [b"a", b"b"], {"fileName": "first.txt"}, {})
    assert (kept.status, kept["failedDocuments"]) == (201, [])
    assert [one["metadata"]["fileName"] for one in kept["createdDocuments"]] == ["first.txt", "1.txt"]
    assert batch(rest, [b"a", b"b"], [{"fileName": "one.txt"}, {"fileName": "two.txt"}]).status == 201


def test_a_batch_tells_which_files_failed(stores: tuple[Product, Rest]) -> None:
    bpm, rest = stores
    kept = batch(rest, [b"a", b"b", b"c"], {}, {"expiresAt": "2020-01-01T00:00:00Z"}, {"contentType": "nonsense"})
    assert kept.status == 207
    assert [one["metadata"]["fileName"] for one in kept["createdDocuments"]] == ["0.txt"]
    assert [(one["fileName"], one["status"], one["title"]) for one in kept["failedDocuments"]] == [
        ("1.txt", 400, "Bad Request"),
        ("2.txt", 400, "Bad Request"),
    ]
    assert count(bpm, document) == 1


def test_a_batch_with_other_than_one_metadata_for_each_file_is_refused(stores: tuple[Product, Rest]) -> None:
    bpm, rest = stores
    assert batch(rest, [b"a", b"b"], {}).status == 400
    assert batch(rest, []).status == 400
    assert count(bpm, document) == 0


# --- links ----------------------------------------------------------------------------------------------


def link_to(rest: Rest, kept: Answer, **body: Any) -> Answer:
    path = f"/v2/documents/{kept['documentId']}/links"
    return rest.post(path, body or None, query_string={"contentHash": kept["contentHash"]})


def follow(rest: Rest, url: str) -> Answer:
    parts = urlsplit(url)
    return Rest(rest.app).get(f"{parts.path}?{parts.query}")


def test_a_link_needs_no_credentials_and_ends(stores: tuple[Product, Rest]) -> None:
    bpm, rest = stores
    bpm.clock.set(bpm.clock.now())
    link = link_to(rest, send(rest, b"hello"), timeToLive=60_000)
    assert link.status == 201
    assert follow(rest, link["url"]).body == b"hello"
    bpm.clock.advance(seconds=61)
    assert follow(rest, link["url"]).status == 403


def test_a_changed_link_is_refused(stores: tuple[Product, Rest]) -> None:
    _, rest = stores
    kept, other = send(rest, b"hello"), send(rest, b"secret")
    url = link_to(rest, kept)["url"]
    for changed in (
        url.replace(kept["documentId"], other["documentId"]),
        url.replace("expires=1", "expires=2"),
        url.replace("expires=", "expires=x"),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.partition("&")[0],
        url.replace(kept["documentId"], "unknown"),
    ):
        assert follow(rest, changed).status == 403, changed


@pytest.mark.parametrize("life", [0, -1, 7 * 86_400_000 + 1, 2**62])
def test_a_link_lives_seven_days_at_most(stores: tuple[Product, Rest], life: int) -> None:
    _, rest = stores
    assert link_to(rest, send(rest, b"x"), timeToLive=life).status == 400


def test_a_link_does_not_show_a_later_document_of_the_same_id(stores: tuple[Product, Rest]) -> None:
    _, rest = stores
    url = link_to(rest, send(rest, b"first", query="?documentId=offer"))["url"]
    assert rest.delete("/v2/documents/offer").status == 204
    assert send(rest, b"second", query="?documentId=offer").status == 201
    assert follow(rest, url).status == 403


# --- the end --------------------------------------------------------------------------------------------


def test_a_deleted_document_is_gone_with_its_content(stores: tuple[Product, Rest]) -> None:
    bpm, rest = stores
    kept = send(rest, b"x")
    assert rest.delete(f"/v2/documents/{kept['documentId']}").status == 204
    assert rest.delete(f"/v2/documents/{kept['documentId']}").status == 404
    assert read(rest, kept).status == 404
    rounds.run_until_idle(bpm.server, topics=("documents",))
    assert (count(bpm, document_part), count(bpm, document_leftover), files(bpm)) == (0, 0, [])


def test_an_expired_document_answers_404_and_is_swept(stores: tuple[Product, Rest]) -> None:
    bpm, rest = stores
    now = bpm.clock.now()
    bpm.clock.set(now)
    kept = send(rest, b"x", expiresAt=(now + timedelta(minutes=5)).isoformat())
    stays = send(rest, b"stays")
    assert rounds.wait_s(bpm.server, ("documents",), 900) == pytest.approx(300, abs=1)
    bpm.clock.advance(minutes=6)
    assert read(rest, kept).status == 404
    assert rounds.sweep_documents(bpm.server)
    rounds.run_until_idle(bpm.server, topics=("documents",))
    assert count(bpm, document) == 1
    assert read(rest, stays).body == b"stays"
    assert len(files(bpm)) + count(bpm, document_part) == 1


# --- crashes, with a folder -----------------------------------------------------------------------------


@pytest.fixture
def folder(database: Database, tmp_path: Path) -> tuple[Product, Rest]:
    bpm, nobody = application(Product.on(database, tmp_path, document_dir=str(tmp_path / "documents")))
    bpm.clock.set(bpm.clock.now())
    return bpm, nobody.as_(add_person(bpm, "root", roles=("admin",)))


class Crash(Exception):
    """The process ends here."""


def test_a_crash_while_the_file_is_written_leaves_nothing(
    folder: tuple[Product, Rest], monkeypatch: pytest.MonkeyPatch
) -> None:
    bpm, rest = folder
    write = FolderContents.write

    def crash(self: FolderContents, connection: Any, location: str, content: Any) -> None:
        write(self, connection, location, content)
        self._path(location).rename(self._path(location).with_suffix(".part"))
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(FolderContents, "write", crash)
        assert send(rest, b"x").status == 500
    assert len(files(bpm)) == 1
    rounds.run_until_idle(bpm.server, topics=("documents",))
    assert len(files(bpm)) == 1  # the writer might still be at it
    bpm.clock.advance(hours=2)
    rounds.run_until_idle(bpm.server, topics=("documents",))
    assert (files(bpm), count(bpm, document), count(bpm, document_leftover)) == ([], 0, 0)


def test_a_crash_before_the_row_leaves_nothing(folder: tuple[Product, Rest], monkeypatch: pytest.MonkeyPatch) -> None:
    bpm, rest = folder

    def crash(*_: Any) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(documents, "insert_document", crash)
        assert send(rest, b"x").status == 500
    assert len(files(bpm)) == 1
    bpm.clock.advance(hours=2)
    rounds.run_until_idle(bpm.server, topics=("documents",))
    assert (files(bpm), count(bpm, document_leftover)) == ([], 0)


def test_a_file_whose_announcement_ran_out_is_no_document(
    folder: tuple[Product, Rest], monkeypatch: pytest.MonkeyPatch
) -> None:
    bpm, rest = folder
    write = FolderContents.write

    def slow(self: FolderContents, connection: Any, location: str, content: Any) -> None:
        write(self, connection, location, content)
        bpm.clock.advance(hours=2)
        rounds.run_until_idle(bpm.server, topics=("documents",))

    with monkeypatch.context() as patched:
        patched.setattr(FolderContents, "write", slow)
        assert send(rest, b"x").status == 503
    assert (files(bpm), count(bpm, document)) == ([], 0)


def test_a_file_that_cannot_be_removed_is_tried_again_later(
    folder: tuple[Product, Rest], monkeypatch: pytest.MonkeyPatch
) -> None:
    bpm, rest = folder
    kept = send(rest, b"x")
    rest.delete(f"/v2/documents/{kept['documentId']}")

    def busy(*_: Any) -> None:
        message = "in use"
        raise PermissionError(message)

    with monkeypatch.context() as patched:
        patched.setattr(FolderContents, "remove", busy)
        assert rounds.sweep_documents(bpm.server) == 0
    assert rounds.sweep_documents(bpm.server) == 0
    bpm.clock.advance(hours=2)
    rounds.run_until_idle(bpm.server, topics=("documents",))
    assert files(bpm) == []


def test_a_missing_file_answers_404(folder: tuple[Product, Rest]) -> None:
    bpm, rest = folder
    kept = send(rest, b"x")
    files(bpm)[0].unlink()
    assert read(rest, kept).status == 404


def test_older_documents_stay_readable_when_the_folder_is_set_up_later(
    bpm: Product, database: Database, tmp_path: Path
) -> None:
    rest = application(bpm)[1].as_(add_person(bpm, "root", roles=("admin",)))
    kept = send(rest, b"before")
    later = Product.on(database, tmp_path, document_dir=str(tmp_path / "documents"))
    assert read(application(later)[1].as_(rest.headers["Authorization"].partition(" ")[2]), kept).body == b"before"
