"""Numbers of line items: the browser's totals are the server's, and it reads what spreadsheets write."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain.forms.lineitems import TotalKind, total
from bpm_server.kernel import json
from tests.support.browser import browser
from tests.support.demo_server import filling
from tests.support.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page of ours that can import our scripts."""
    folder = tmp_path_factory.mktemp("server")
    with filling(folder):
        pass
    with browser() as chromium, running(folder) as server:
        made = chromium.new_page()
        made.goto(f"http://127.0.0.1:{server.port}/sign-in")
        yield made


def columns() -> list[tuple[str, list[Any], int | None]]:
    """The same 400 columns at every run."""
    draw = random.Random(2026)
    texts = ["", "x", "-", ".", "1.", ".5", "-0.00", "1e3", "2.5E-3", "+7", " 8"]
    found = []
    for _ in range(400):
        numbers = [round(draw.uniform(-1e6, 1e6), draw.randint(0, 6)) for _ in range(draw.randint(0, 6))]
        others = draw.sample([None, 0, -0.1, 0.2, 1e21, 1e-9, "9007199254740993", *texts], draw.randint(0, 4))
        found.append((draw.choice(list(TotalKind)), [*numbers, *others], draw.choice([None, 0, 2, 5])))
    return found


def test_the_browser_s_totals_are_the_server_s(page: Any) -> None:
    drawn = columns()
    found = page.evaluate(
        """async (columns) => { const { total } = await import('/static/app/form-totals.js');
        return columns.map(([kind, values, digits]) => total(kind, values, digits ?? undefined)); }""",
        [[kind, values, digits] for kind, values, digits in drawn],
    )
    for (kind, values, digits), text in zip(drawn, found, strict=True):
        exact = json.loads(json.dumps_bytes([Decimal(repr(one)) if isinstance(one, float) else one for one in values]))
        expected = total(TotalKind(kind), exact, digits)
        assert (None if text is None else Decimal(text)) == expected, (kind, values, digits)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1,234.50", "1234.50"),
        (" -1,234,567 ", "-1234567"),
        ("￥1，234．5", "1234.5"),
        ("¥-3", "-3"),
        ("-¥3", "-3"),
        ("($1,000.00)", "-1000.00"),
        ("\u22125", "-5"),
        ("１２３", "123"),
        ("12元", "12"),
        ("CNY 12", "12"),
        (".5", ".5"),
        ("+5", "5"),
        ("1,23", None),
        ("1,2345", None),
        ("1.2.3", None),
        ("12%", None),
        ("1e5", None),
        ("0x10", None),
        ("--1", None),
        ("abc", None),
        ("", None),
    ],
)
def test_numbers_as_spreadsheets_write_them(page: Any, written: str, read: str | None) -> None:
    script = "async (text) => (await import('/static/app/form-totals.js')).readNumber(text, 'zh-CN')"
    assert page.evaluate(script, written) == read


@pytest.mark.parametrize(
    ("text", "grid"),
    [
        ("a", [["a"]]),
        ("a\tb\r\n", [["a", "b"]]),
        ("a\t\n\tb", [["a", ""], ["", "b"]]),
        ('"x\ty"\t"a\nb"\n"say ""hi"""\t5\'\n', [["x\ty", "a\nb"], ['say "hi"', "5'"]]),
        ('6" pipe\t"half', [['6" pipe', '"half']]),
        ("a\n\nb", [["a"], [""], ["b"]]),
    ],
)
def test_cells_of_the_clipboard(page: Any, text: str, grid: list[list[str]]) -> None:
    assert page.evaluate("async (text) => (await import('/static/app/form-paste.js')).readGrid(text)", text) == grid
