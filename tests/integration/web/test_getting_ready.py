"""What a web process does before its first request, so that nobody waits for it later."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from bpm_server.web.app import create_app, make_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.product import Product


@pytest.fixture
def thawed() -> Iterator[None]:
    """Nothing stays frozen for the tests to come."""
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_templates_are_compiled_and_full_collections_have_little_to_look_at(bpm_sqlite: Product) -> None:
    app = create_app(bpm_sqlite.server)
    before = len(gc.get_objects())
    make_ready(app)
    cache = app.jinja_env.cache
    assert cache is not None
    assert len(cache) == len(app.jinja_env.list_templates(extensions=("html",)))
    assert len(gc.get_objects()) < before / 10
