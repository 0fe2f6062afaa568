"""A company that signs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.approvals import Desk, hire

if TYPE_CHECKING:
    from tests.support.product import Product


@pytest.fixture
def desk(bpm: Product) -> Desk:
    """People, and what they do at approval nodes."""
    hire(bpm)
    return Desk(bpm)
