"""What ``connector.yaml`` may say, and how it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpm_server.connectors import registry
from bpm_server.kernel.errors import InvalidInput
from tests.support.services import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from bpm_server.connectors.contract import Connector

MODULE = "def run(request):\n    raise NotImplementedError\n"


def read(folder: Path, *lines: str) -> Connector:
    made = folder / "rest"
    made.mkdir()
    (made / "rest.py").write_text(MODULE)
    (made / "connector.yaml").write_text("\n".join(["type: rest", "inputs: {url: {required: true}}", *lines]))
    return registry.read(made / "connector.yaml")


def test_limits_and_the_url_input(tmp_path: Path) -> None:
    found = read(tmp_path, "urlInput: url", "mostAtOnce: 2", "mostPerMinute: 90", "leaseSeconds: 60", "retries: 5")
    assert (found.url_input, found.most_at_once, found.most_per_minute) == ("url", 2, 90)
    assert (found.lease_s, found.retries) == (60, 5)


def test_without_them_there_are_defaults(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert (found.url_input, found.most_at_once, found.most_per_minute) == (None, None, None)
    assert (found.lease_s, found.retries) == (120, 3)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("mostAtOnce: 0", "Expected mostAtOnce in rest/connector.yaml to be a whole number from 1, but found '0'"),
        ("mostPerMinute: often", "Expected mostPerMinute .* but found 'often'"),
        ("leaseSeconds: true", "Expected leaseSeconds .* but found 'True'"),
        ("retries: -1", "Expected retries .* but found '-1'"),
        (
            "urlInput: address",
            "Expected urlInput in rest/connector.yaml to name one of its inputs, but found 'address'",
        ),
    ],
)
def test_wrong_values_are_refused_by_name(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read(tmp_path, line)


def test_hosts_of_our_http_connectors_are_channels() -> None:
    found = registry.load(ROOT / "connectors")
    assert {one.type: one.url_input for one in found if one.handler is not None} == {
        "http-connector": "url",
        "io.camunda:http-json:1": "url",
    }
