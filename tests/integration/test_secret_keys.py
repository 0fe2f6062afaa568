"""A new secret key: what the old one has sealed opens, and is sealed anew; then the old one may go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.connectors.secrets import SecretBox
from bpm_server.kernel.errors import InvalidInput
from bpm_server.services import secrets, webhook_endpoints
from bpm_server.services.deliveries import SECRET_PURPOSE
from bpm_server.services.webhook_secrets import signing_secrets
from bpm_server.store.tables.connectors import webhook_endpoint
from tests.support.product import ADMIN, Product

if TYPE_CHECKING:
    from bpm_server.services.server import Server

OLD, NEW = "x" * 32, "y" * 32


def rotate(server: Server) -> list[int]:
    """Numbers of what was sealed anew, transaction by transaction."""
    counts: list[int] = []
    after: int | None = 0
    while after is not None:
        after, count = secrets.reseal_endpoints(server, ADMIN, after)
        counts.append(count)
    return counts


def test_a_new_key_takes_over(bpm: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "AT_ONCE", 2)
    names = [f"endpoint-{number}" for number in range(3)]
    for name in names:
        webhook_endpoints.create_endpoint(bpm.server, ADMIN, name, "https://example.com/")
    before = {name: signing_secrets(bpm.server, name) for name in names}
    both = replace(bpm.server, secrets=SecretBox(NEW, [OLD]))
    assert {name: signing_secrets(both, name) for name in names} == before
    assert rotate(both) == [2, 1, 0]
    assert rotate(both) == [0, 0, 0]
    alone = replace(bpm.server, secrets=SecretBox(NEW))
    assert {name: signing_secrets(alone, name) for name in names} == before
    with pytest.raises(InvalidInput, match="does not open"):
        signing_secrets(bpm.server, names[0])


def test_an_interrupted_rotation_is_taken_up_again(bpm: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "AT_ONCE", 1)
    for name in ("one", "two"):
        webhook_endpoints.create_endpoint(bpm.server, ADMIN, name, "https://example.com/")
    both = replace(bpm.server, secrets=SecretBox(NEW, [OLD]))
    assert secrets.reseal_endpoints(both, ADMIN, 0)[1] == 1
    assert rotate(both) == [0, 1, 0]


def test_a_secret_that_no_key_opens_changes_nothing(bpm: Product) -> None:
    webhook_endpoints.create_endpoint(bpm.server, ADMIN, "one", "https://example.com/")
    before = bpm.scalars(sa.select(webhook_endpoint.c.secrets))
    with pytest.raises(InvalidInput, match=f"Expected a secret sealed for '{SECRET_PURPOSE}'"):
        rotate(replace(bpm.server, secrets=SecretBox(NEW)))
    assert bpm.scalars(sa.select(webhook_endpoint.c.secrets)) == before


@pytest.mark.parametrize("old", [["short"], [OLD, ""]])
def test_a_short_key_is_refused(old: list[str]) -> None:
    with pytest.raises(InvalidInput, match="at least 16 characters"):
        SecretBox(NEW, old)
