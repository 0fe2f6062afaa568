"""The REST API in tests: a client that signs in and reads JSON exactly, and a server on a port of its own."""

from __future__ import annotations

import base64
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event

from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel import json
from bpm_server.services import installation, tokens, users
from bpm_server.services.groups import create_group
from bpm_server.web.serving import HttpServer, ServingSettings, listen
from tests.support.apps import app_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

from tests.support.product import Product

PASSWORD = "correct horse battery"


@dataclass
class Answer:
    """A reply, read."""

    status: int
    body: Any
    headers: Any

    def __getitem__(self, name: str) -> Any:
        return self.body[name]


class Rest:
    """Calls the application in this process as somebody."""

    def __init__(self, app: Flask, headers: dict[str, str] | None = None) -> None:
        self.app = app
        self.headers = headers or {}

    def as_(self, token: str) -> Rest:
        return Rest(self.app, {"Authorization": f"Bearer {token}"})

    def basic(self, username: str, password: str = PASSWORD) -> Rest:
        encoded = base64.b64encode(f"{username}:{password}".encode()).decode()
        return Rest(self.app, {"Authorization": f"Basic {encoded}"})

    def call(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Answer:
        """Sends a request; ``body`` as JSON with all digits."""
        client: FlaskClient = self.app.test_client(use_cookies=False)
        if body is not None:
            kwargs.update(data=json.dumps_bytes(body), content_type="application/json")
        headers = {**self.headers, **kwargs.pop("headers", {})}
        return answer(client.open(path, method=method, headers=headers, **kwargs))

    def get(self, path: str, **kwargs: Any) -> Answer:
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        return self.call("POST", path, body, **kwargs)

    def put(self, path: str, body: Any = None) -> Answer:
        return self.call("PUT", path, body)

    def patch(self, path: str, body: Any = None) -> Answer:
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", path)

    def deploy(self, **files: bytes) -> Answer:
        """Deploys files; ``order_bpmn`` becomes ``order.bpmn``."""
        return self.upload(*[(".".join(name.rsplit("_", 1)), content) for name, content in files.items()])

    def upload(self, *files: tuple[str, bytes], **fields: str) -> Answer:
        """Deploys files, as a form with further fields."""
        return self.send_form("/v2/deployments", "resources", files, fields.items())

    def send_form(
        self, path: str, part: str, files: Iterable[tuple[str, bytes]], fields: Iterable[tuple[str, str]] = ()
    ) -> Answer:
        """Sends files in parts of one name, with further fields, to a path."""
        parts = [f'; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields]
        parts += [f'; name="{part}"; filename="{name}"\r\n\r\n'.encode() + data for name, data in files]
        body = b"".join(b"--frontier\r\nContent-Disposition: form-data" + one + b"\r\n" for one in parts)
        kind = "multipart/form-data; boundary=frontier"
        return self.post(path, data=body + b"--frontier--\r\n", content_type=kind)

    def search(self, noun: str, **body: Any) -> list[dict[str, Any]]:
        """The items of a search."""
        found = self.post(f"/v2/{noun}/search", body)
        assert found.status == 200, found.body
        items: list[dict[str, Any]] = found["items"]
        return items


def answer(response: TestResponse) -> Answer:
    data = response.get_data()
    kind = response.headers.get("Content-Type") or ""
    if "json" in kind:
        return Answer(response.status_code, json.loads(data), response.headers)
    return Answer(response.status_code, data, response.headers)


def application(bpm: Product, **settings: Any) -> tuple[Product, Rest]:
    """The application over the product, with its roles; nobody is signed in."""
    product = bpm.with_settings(**settings) if settings else bpm
    installation.prepare_installation(product.server, PASSWORD)
    return product, Rest(app_for(product.server))


def add_person(bpm: Product, username: str, roles: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> str:
    """Adds a person with a token; returns the token."""
    for group in groups:
        if not bpm.scalars(sa.text("select 1 from user_group where group_id = :g").bindparams(g=group)):
            create_group(bpm.server, SYSTEM, group, group)
    users.create_user(bpm.server, SYSTEM, username, password=PASSWORD, roles=roles, groups=groups)
    return tokens.create_token(bpm.server, SYSTEM, username, "test")


@contextmanager
def served(app: Flask, threads: int = 8) -> Iterator[str]:
    """A real HTTP server in a thread, as in production; gives its URL."""
    listener = listen("127.0.0.1", 0)
    server = HttpServer(app, [listener], ServingSettings(threads=threads))
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            server.step(0.2)
        server.drain(5)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        server.wake()
        thread.join(10)


@contextmanager
def counted_statements(bpm: Product) -> Iterator[list[str]]:
    """The SQL statements that run in the block, without BEGIN and COMMIT."""
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            seen.append(statement)

    event.listen(bpm.server.database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(bpm.server.database.engine, "before_cursor_execute", note)
