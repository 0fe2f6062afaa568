from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.kernel.errors import Unavailable
from bpm_server.reports import tasks
from tests.support.rest import Rest, application

if TYPE_CHECKING:
    from tests.support.product import Product


def test_unknown_paths_and_methods_are_problems(rest: Rest) -> None:
    unknown, wrong = rest.get("/v2/nothing"), rest.put("/v2/topology", {})
    assert (unknown.status, unknown["title"], unknown["instance"]) == (404, "Not Found", "/v2/nothing")
    assert (wrong.status, wrong["title"]) == (405, "Method Not Allowed")
    assert "GET" in wrong.headers["Allow"]
    assert unknown.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("data", "position"), [(b'{"a": 1,}', 8), (b"{'a': 1}", 1), (b"\xff", 0), (b'{"a": NaN}', 6), (b"[1 2]", 3)]
)
def test_malformed_json_names_the_byte(rest: Rest, data: bytes, position: int) -> None:
    answer = rest.call("POST", "/v2/user-tasks/search", data=data, content_type="application/json")
    assert (answer.status, answer["position"]) == (400, position)


@pytest.mark.parametrize("data", [b"[]", b'"x"', b"7", b"null ,"])
def test_a_body_that_is_no_object_is_refused(rest: Rest, data: bytes) -> None:
    for path in ("/v2/user-tasks/search", "/v2/signals/broadcast"):
        assert rest.call("POST", path, data=data, content_type="application/json").status == 400


def test_deep_json_is_refused(rest: Rest) -> None:
    for depth in (101, 5_000, 200_000):
        data = b'{"variables":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
        answer = rest.call("POST", "/v2/process-instances", data=data, content_type="application/json")
        assert (answer.status, answer["code"]) == (400, "invalid_input")


def test_other_content_types_are_refused(rest: Rest) -> None:
    answer = rest.call("POST", "/v2/signals/broadcast", data=b"signalName=x", content_type="text/plain")
    assert (answer.status, answer["title"]) == (415, "Unsupported Media Type")


def test_large_bodies_are_refused(bpm: Product) -> None:
    _, rest = application(bpm, anonymous_v2=True, request_body_limit=10_000)
    answer = rest.post("/v2/signals/broadcast", {"signalName": "x", "variables": {"a": "x" * 10_000}})
    assert (answer.status, answer["detail"]) == (413, "Expected a request of at most 10000 bytes, but found more")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v2/process-instances", {"processDefinitionId": 5}, "processDefinitionId"),
        ("/v2/process-instances", {"processDefinitionKey": "x"}, "processDefinitionKey"),
        ("/v2/process-instances", {"processDefinitionKey": 5}, "processDefinitionKey"),
        ("/v2/process-instances", {"processDefinitionKey": "9" * 19}, "processDefinitionKey"),
        ("/v2/process-instances", {"processDefinitionId": "p", "variables": []}, "variables"),
        ("/v2/process-instances", {"processDefinitionId": "p", "tags": ["1x"]}, "tags"),
        ("/v2/process-instances", {"processDefinitionId": "p", "tags": ["a"] * 11}, "tags"),
        ("/v2/process-instances", {"processDefinitionId": "p", "awaitCompletion": "yes"}, "awaitCompletion"),
        ("/v2/process-instances", {"processDefinitionId": "p" * 600}, "processDefinitionId"),
        ("/v2/process-instances", {"processDefinitionId": "p\u0000"}, "processDefinitionId"),
        ("/v2/process-instances", {"processDefinitionId": "p", "tenantId": "other"}, "tenantId"),
        (
            "/v2/process-instances",
            {"processDefinitionId": "p", "startInstructions": [{"elementId": 5}]},
            "startInstructions",
        ),
        ("/v2/jobs/activation", {"timeout": 5, "maxJobsToActivate": 5}, "type"),
        ("/v2/jobs/activation", {"type": "a", "timeout": "5", "maxJobsToActivate": 5}, "timeout"),
        ("/v2/jobs/activation", {"type": "a", "timeout": True, "maxJobsToActivate": 5}, "timeout"),
        ("/v2/jobs/activation", {"type": "a", "timeout": 5, "maxJobsToActivate": 0}, "maxJobsToActivate"),
        ("/v2/messages/publication", {"name": "m", "timeToLive": -1}, "timeToLive"),
        ("/v2/messages/publication", {}, "name"),
        ("/v2/signals/broadcast", {"signalName": None}, "signalName"),
        ("/v2/users", {"username": "a b", "password": "long enough"}, None),
        ("/v2/users", {"username": "ab", "password": "short"}, "password"),
        ("/api/webhook-endpoints", {"name": "a", "url": "https://example.org", "colour": "red"}, "colour"),
        ("/api/webhook-endpoints", {"name": "a", "url": "ftp://example.org"}, "url"),
        ("/api/webhook-endpoints", {"name": "a", "url": "https://example.org", "secret": "short"}, "secret"),
    ],
)
def test_wrong_values_name_the_member(rest: Rest, path: str, body: dict[str, Any], field: str | None) -> None:
    answer = rest.post(path, body)
    assert (answer.status, answer.body.get("field")) == (400, field), answer.body
    assert "Expected" in answer["detail"]


@pytest.mark.parametrize("key", ["x", "-1", "1.5", "9" * 20, "0x1", "１"])
def test_wrong_keys_in_paths_are_refused(rest: Rest, key: str) -> None:
    for path in (f"/v2/user-tasks/{key}", f"/v2/process-instances/{key}", f"/api/webhook-endpoints/{key}"):
        answer = rest.get(path)
        assert (answer.status, answer["code"]) == (400, "invalid_input")


def test_surprises_are_logged_and_not_shown(
    rest: Rest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("a secret of the inside")

    monkeypatch.setattr(tasks.SEARCH, "get", fail)
    answer = rest.get("/v2/user-tasks/1")
    assert (answer.status, answer["code"]) == (500, "internal")
    assert "secret" not in str(answer.body)
    assert answer["reference"]


def test_a_busy_database_asks_to_come_again(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise Unavailable("Expected the database to answer, but it is busy", retry_after=7)

    monkeypatch.setattr(tasks.SEARCH, "get", fail)
    answer = rest.get("/v2/user-tasks/1")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    assert "retry_after" not in answer.body
