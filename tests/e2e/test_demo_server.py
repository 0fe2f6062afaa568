"""The demo server as a program meets it: one order through the public interface of the process."""

from __future__ import annotations

import base64
import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.receiver import Receiver
from tests.support.running import Answer, Api, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
ORDER: dict[str, Any] = {
    "orderNumber": "SO-9001",
    "customer": "ACME",
    "currency": "CNY",
    "lines": [{"sku": "A-1"}],
    "initiator": "li.ming",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Receiver]]:
    """A demo server whose finance endpoint leads to a receiver of our own."""
    folder: Path = tmp_path_factory.mktemp("demo")
    with running(folder, "--demo") as server, contextlib.closing(server.api()) as api, Receiver(SECRET) as receiver:
        endpoint = {"name": "finance", "url": receiver.url, "secret": SECRET}
        assert api("POST", "/api/webhook-endpoints", endpoint)["secret"] == SECRET
        yield api, receiver


def until(what: Any, seconds: float = 20.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return found


def test_an_order_is_approved_and_handed_over_once(demo: tuple[Api, Receiver]) -> None:
    api, receiver = demo
    body = {"processDefinitionId": "order-approval", "variables": {**ORDER, "amount": 500_000.01}}
    key = api("POST", "/v2/process-instances", body)["processInstanceKey"]

    def task(element: str) -> str:
        wanted = {"filter": {"processInstanceKey": key, "elementId": element, "state": "CREATED"}}
        return until(lambda: api("POST", "/v2/user-tasks/search", wanted)["items"])[0]["userTaskKey"]

    for element in ("review-technology", "review-purchasing", "review-finance", "review-general-manager"):
        values = {"variables": {"outcome": "approved", "comment": "ok"}}
        api("POST", f"/v2/user-tasks/{task(element)}/completion", values)
    until(lambda: api("GET", f"/v2/process-instances/{key}")["state"] == "COMPLETED")
    (payload,) = [one for one in receiver.applied.values() if one["data"]["orderNumber"] == "SO-9001"]
    assert payload["type"] == "order.approved"
    assert payload["data"]["amount"] == 500_000.01
    assert receiver.refused == 0
    assert max(receiver.seen.values()) == 1


def test_wrong_values_are_refused_by_field(demo: tuple[Api, Receiver]) -> None:
    api, _ = demo
    body = {"processDefinitionId": "order-approval", "variables": {**ORDER, "orderNumber": "SO-9002", "amount": 1_000}}
    key = api("POST", "/v2/process-instances", body)["processInstanceKey"]
    wanted = {"filter": {"processInstanceKey": key, "elementId": "review-technology"}}
    task = until(lambda: api("POST", "/v2/user-tasks/search", wanted)["items"])[0]["userTaskKey"]
    for values, said in (
        ({"outcome": "perhaps", "comment": "x"}, "perhaps"),
        ({"outcome": "rejected"}, "comment"),
        ({"outcome": "approved", "technicalNote": {"a": 1}}, "technicalNote"),
    ):
        with pytest.raises(Answer) as caught:
            api("POST", f"/v2/user-tasks/{task}/completion", {"variables": values})
        assert caught.value.status == 400
        assert said in caught.value.body["detail"]
    assert api("GET", f"/v2/user-tasks/{task}")["state"] == "CREATED"
