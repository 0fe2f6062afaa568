"""Whatever is sent to ``/engine-rest``: an answer in Camunda 7's words, no server error, and nothing changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.kernel import json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.rest import Answer, Rest
    from tests.support.worlds import World

IDS = ("0", "1", "9223372036854775807", "9223372036854775808", "p:1:x", "-1", "%00", "a" * 600, "Ⅷ", "١", "'--")
TEXTS: list[Any] = ["\0", "x" * 3_000, "🙂", "", None, 5, 1.5, True, [], {}, [[]], [{}], ["\0"], -1, 2**64]
MEMBERS = (
    "workerId", "maxTasks", "topics", "variables", "localVariables", "asyncResponseTimeout", "errorCode", "userId",
    "retries", "newDuration", "lockDuration", "businessKey", "messageName", "correlationKeys", "processInstanceId",
    "modifications", "processVariables", "sorting", "firstResult", "processInstanceIds", "name", "candidateUser",
    "candidateGroups", "createdBefore", "withVariablesInReturn", "value", "type",
)  # fmt: skip
GOOD = {"workerId": "w", "maxTasks": 1, "topics": [], "errorCode": "e", "newDuration": 1, "lockDuration": 1}


def plain(value: Any) -> Any:
    """Without floats: the exact JSON writer has decimals only."""
    return json.loads("1.5") if isinstance(value, float) else value


def routes(rest: Rest) -> Iterator[tuple[str, str]]:
    for rule in rest.app.url_map.iter_rules():
        if rule.rule.startswith("/engine-rest/") and "<path:" not in rule.rule:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, rule.rule


def test_there_is_something_to_ask(world: World) -> None:
    assert len(list(routes(world.rest))) > 50


def check(answer: Answer, what: Any) -> None:
    assert answer.status < 500, (what, answer.body)
    assert answer.headers["Access-Control-Allow-Origin"] == "*", what
    if answer.status >= 400:
        assert answer.headers["Content-Type"] == "application/json", what
        assert {"type", "message"} <= set(answer.body), what


@pytest.fixture(autouse=True)
def nothing_changes(world: World) -> Iterator[None]:
    with world.unchanged():
        yield


def test_hostile_ids(world: World) -> None:
    for method, rule in routes(world.rest):
        for name in IDS if "<" in rule else ():
            if "/start" not in rule and rule != "/engine-rest/external-task/fetchAndLock":
                path = re.sub(r"<\w+>", name, rule)
                check(world.rest.call(method, path, None if method == "GET" else GOOD), (method, path))


def test_hostile_members(world: World) -> None:
    for method, rule in routes(world.rest):
        if method == "GET" or "create" in rule or rule.endswith("/signal"):
            continue  # a signal that nobody waits for is kept for a moment, whatever its name
        path = re.sub(r"<\w+>", "1", rule)
        for member in MEMBERS:
            for value in TEXTS:
                check(world.rest.call(method, path, {**GOOD, member: plain(value)}), (method, path, member, value))


def test_hostile_filters(world: World) -> None:
    lists = [rule for method, rule in routes(world.rest) if method == "GET" and "<" not in rule]
    values = ("", "%00", "x" * 3_000, "-1", "1,2,,", "null", "true", "99999999999999999999", "%F0%9F%99%82", "%ff")
    for rule in lists:
        for member in (*MEMBERS, "key", "id", "sortBy", "maxResults", "processDefinitionId"):
            for value in values:
                check(world.rest.get(f"{rule}?{member}={value}"), (rule, member, value))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"null", b'{"a":1,"a":2}', b"[" * 10_000, b"\xff", b"NaN"])
def test_hostile_bodies(world: World, body: bytes) -> None:
    for method, rule in routes(world.rest):
        path = re.sub(r"<\w+>", "1", rule)
        if method != "GET":
            check(world.rest.call(method, path, data=body, content_type="application/json"), (method, path))
            check(world.rest.call(method, path, data=body, content_type="text/plain"), (method, path))
            kind = "multipart/form-data; boundary=x"
            check(world.rest.call(method, path, data=body, content_type=kind), (method, path))
