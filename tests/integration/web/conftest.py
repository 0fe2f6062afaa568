"""Fixtures of the REST API: the application on SQLite and on PostgreSQL, signed in as the administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.rest import add_person, application

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Rest


@pytest.fixture
def nobody(bpm: Product) -> Rest:
    """Nobody is signed in."""
    return application(bpm)[1]


@pytest.fixture
def rest(bpm: Product, nobody: Rest) -> Rest:
    """An administrator."""
    return nobody.as_(add_person(bpm, "root", roles=("admin",)))
