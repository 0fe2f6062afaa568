"""Cases are searched for a text in two parts, the newest first: a reader of pages does not see where one ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpm_server.reports import cases
from tests.support.filling import order
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product

EVERY = 3


@pytest.mark.parametrize("newest", [1, 3, 4, 11, 12, 500])
@pytest.mark.parametrize("text", ["acme", "SO-", "nowhere"])
def test_pages_have_every_case_with_the_text_newest_first(
    bpm: Product, newest: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "NEWEST", newest)
    bpm.deploy(order())
    keys = [bpm.start("order", number=f"SO-{n}", customer="ACME" if n % EVERY else "Other") for n in range(12)]
    expected = {"acme": [key for n, key in enumerate(keys) if n % EVERY], "SO-": keys, "nowhere": []}[text]
    found, after = list[int](), ""
    while True:
        page = cases.cases(bpm.server, ADMIN, cases.Filter(text, limit=2, after=after))
        found += [row.key for row in page.items]
        after = page.next_cursor or ""
        if not after:
            break
        assert len(page.items) == 2
    assert found == expected[::-1]
