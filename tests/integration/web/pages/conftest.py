"""The demo company behind the pages, and a browser without a screen."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from lxml import html

from bpm_server.cli.demo import fill
from bpm_server.domain.identity import SYSTEM
from bpm_server.services import identities, installation, users
from bpm_server.store.database import Database
from tests.support.apps import app_for
from tests.support.content import deploy_content
from tests.support.product import Product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flask import Flask
    from werkzeug.test import TestResponse

PASSWORD = "demo"
ADMIN_PASSWORD = "administrator"


@pytest.fixture(scope="session")
def company_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the demo company, its content and twelve orders; tests copy it."""
    folder = tmp_path_factory.mktemp("company")
    path = folder / "bpm.db"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    product = Product.on(database, folder, demo=True)
    installation.prepare_installation(product.server, ADMIN_PASSWORD)
    for role in ("designer", "worker", "operator"):
        users.save_user(product.server, SYSTEM, f"a.{role}", name=role, password="password", groups=[], roles=[role])
    deploy_content(product)
    fill(product.server, 12)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    return path


@pytest.fixture
def company(company_template: Path, tmp_path: Path) -> Iterator[Product]:
    """The demo company on a fresh copy."""
    path = tmp_path / "bpm.db"
    shutil.copy(company_template, path)
    database = Database(f"sqlite:///{path}")
    yield Product.on(database, tmp_path, demo=True, allow_loopback_webhooks=True)
    database.dispose()


@pytest.fixture
def app(company: Product) -> Flask:
    return app_for(company.server)


@dataclass
class Page:
    """A reply of the pages."""

    status: int
    text: str
    headers: Any
    tree: Any = field(repr=False)

    def texts(self, selector: str) -> list[str]:
        return [" ".join(one.text_content().split()) for one in self.tree.cssselect(selector)]

    def one(self, selector: str) -> str:
        found = self.texts(selector)
        assert len(found) == 1, (selector, found)
        return found[0]

    def links(self, selector: str) -> list[str]:
        return [one.get("href") for one in self.tree.cssselect(selector)]


class Browser:
    """A session of one person."""

    def __init__(self, app: Flask, language: str = "en") -> None:
        self.client = app.test_client()
        self.language = language
        self.csrf_token = ""

    def sign_in(self, username: str, password: str = PASSWORD) -> Browser:
        token = self.get("/sign-in").tree.cssselect("input[name=token]")[0].get("value")
        reply = self.post("/sign-in", {"username": username, "password": password, "token": token})
        assert reply.status == 303, reply.text
        found = self.get("/").tree.cssselect("input[name=csrf_token]")
        self.csrf_token = found[0].get("value")
        return self

    def get(self, path: str, target: str = "") -> Page:
        return self._page(self.client.get(path, headers=self._headers(target)))

    def post(self, path: str, data: dict[str, Any] | None = None, target: str = "") -> Page:
        values = {"csrf_token": self.csrf_token, **(data or {})}
        return self._page(self.client.post(path, data=values, headers=self._headers(target)))

    def follow(self, page: Page) -> Page:
        return self.get(page.headers["Location"])

    def _headers(self, target: str) -> dict[str, str]:
        headers = {"Accept": "text/html", "Accept-Language": self.language}
        if target:
            headers |= {"HX-Request": "true", "HX-Target": f"div#{target}", "HX-Current-URL": "http://localhost/"}
        return headers

    @staticmethod
    def _page(reply: TestResponse) -> Page:
        text = reply.get_data(as_text=True)
        return Page(
            reply.status_code,
            text,
            reply.headers,
            html.fromstring(text) if text.strip() and reply.mimetype == "text/html" else None,
        )


@pytest.fixture
def browser(app: Flask) -> Callable[..., Browser]:
    """Opens a browser for somebody, in English."""

    def opened(username: str | None = None, password: str = PASSWORD, language: str = "en") -> Browser:
        found = Browser(app, language)
        return found if username is None else found.sign_in(username, password)

    return opened


def actor(product: Product, username: str) -> Any:
    return identities.actor_by_name(product.server, username)
