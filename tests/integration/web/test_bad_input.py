"""Wrong requests: each is told what was expected and what was found, and none of them changes a single row."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.kernel import json
from bpm_server.web import access
from tests.support.contents import row_counts

if TYPE_CHECKING:
    from tests.support.rest import Answer
    from tests.support.worlds import World

JSON = "application/json"
CREATE = "/v2/process-instances"
PUBLISH = "/v2/messages/publication"
HALF = Decimal("1.5")
NO_TEXT = (5, True, HALF, [], {}, ["a"], "x" * 513, "a\0b")
NO_KEY = (5, True, "", "x", "-1", "1.5", "9" * 20, "99999999999999999999", [], {})
NO_OBJECT = (5, True, "x", "", [], [{"a": 1}])
NO_LIST = (5, True, "x", {})
NO_FLAG = (5, 0, "true", "", [], {})
NO_NUMBER = (True, "5", "", HALF, [], {}, 10**30)
NO_TENANT = ("other", 5, True, [], {})

WRONG: dict[str, dict[str, tuple[Any, ...]]] = {
    CREATE: {
        "processDefinitionId": NO_TEXT,
        "processDefinitionKey": NO_KEY,
        "processDefinitionVersion": NO_NUMBER,
        "processDefinitionVersionTag": NO_TEXT,
        "variables": NO_OBJECT,
        "tenantId": NO_TENANT,
        "operationReference": (True, "5", HALF, [], {}, -1, 10**30),
        "startInstructions": (5, True, "x", {}, ["a"]),
        "runtimeInstructions": (5, True, "x", {}, ["a"]),
        "awaitCompletion": NO_FLAG,
        "fetchVariables": (*NO_LIST, [5], [None], [["a"]], ["a\0"]),
        "requestTimeout": NO_NUMBER,
        "tags": (*NO_LIST, [5], [None], ["1"], ["a b"], [""], ["x"] * 11),
        "businessId": (*NO_TEXT, "x" * 257),
    },
    "completion": {"variables": NO_OBJECT, "action": NO_TEXT},
    "assignment": {"assignee": (*NO_TEXT, None), "allowOverride": NO_FLAG, "action": NO_TEXT},
    PUBLISH: {
        "name": (*NO_TEXT, None),
        "correlationKey": NO_TEXT,
        "timeToLive": (*NO_NUMBER, -1),
        "messageId": NO_TEXT,
        "variables": NO_OBJECT,
        "tenantId": NO_TENANT,
        "businessId": NO_TEXT,
    },
}
RIGHT: dict[str, dict[str, Any]] = {
    CREATE: {"processDefinitionId": "p"},
    "completion": {},
    "assignment": {"assignee": "ann"},
    PUBLISH: {"name": "m"},
}


def path_of(world: World, name: str) -> str:
    return name if name.startswith("/") else f"/v2/user-tasks/{world.task}/{name}"


def send(world: World, path: str, data: bytes, content_type: str | None = JSON) -> Answer:
    return world.rest.call("POST", path, data=data, content_type=content_type)


@pytest.mark.parametrize("name", WRONG)
def test_every_member_of_the_wrong_type_is_named(world: World, name: str) -> None:
    with world.unchanged():
        for member, values in WRONG[name].items():
            for value in values:
                body = {**RIGHT[name], member: value}
                if member == "processDefinitionKey":
                    del body["processDefinitionId"]
                answer = world.rest.post(path_of(world, name), body)
                assert (answer.status, answer.body.get("field")) == (400, member), (member, value, answer.body)
                world.refused(answer)


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({"": 1}, "variables."),
        ({"x" * 513: 1}, "variables." + "x" * 60),
        ({f"v{n}": n for n in range(1_001)}, None),
    ],
)
@pytest.mark.parametrize("name", [CREATE, "completion", PUBLISH])
def test_names_of_variables_have_limits(world: World, name: str, variables: dict[str, Any], field: str | None) -> None:
    with world.unchanged():
        answer = world.refused(world.rest.post(path_of(world, name), {**RIGHT[name], "variables": variables}))
    assert answer.body.get("field") == field


BROKEN = [
    pytest.param(b'{"variables": {"a": NaN}}', "byte 20", id="NaN"),
    pytest.param(b'{"variables": {"a": Infinity}}', "byte 20", id="Infinity"),
    pytest.param(b'{"variables": {"a": -Infinity}}', "byte 21", id="-Infinity"),
    pytest.param(b'{"variables": {"a": 1e9999}}', "1e9999", id="number beyond all bounds"),
    pytest.param(
        b'{"variables": {"a": 1e99999999999999999999}}', "1e99999999999999999999", id="exponent beyond all bounds"
    ),
    pytest.param(b'{"variables": {"a": ' + b"9" * 5_000 + b"}}", "out of range", id="5,000 digits"),
    pytest.param(b'{"variables": {"a": "\xff"}}', "UTF-8", id="no UTF-8"),
    pytest.param('{"variables": {"a": "合同"}}'.encode("gbk"), "UTF-8", id="GBK"),
    pytest.param('{"variables": {}}'.encode("utf-16"), "byte 0", id="UTF-16"),
    pytest.param(b'{"variables": {"a": "\\ud800"}}', "JSON", id="half a surrogate pair"),
    pytest.param(b'{"variables": {"a": 1', "truncated", id="cut off"),
    pytest.param(b'{"variables": {"a": 1}} x', "trailing characters", id="something behind it"),
    pytest.param(b"{'variables': {}}", "byte 1", id="single quotes"),
    pytest.param(b'{"variables": {"a": 1, "a": 2}}', "'a' twice", id="a variable twice"),
    pytest.param(b'{"variables": {}, "variables": {"b": 1}}', "'variables' twice", id="a member twice"),
    pytest.param(b'{"variables": [{"x": 1, "x": 1}]}', "'x' twice", id="twice, deep inside"),
    pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "100 deep", id="10,000 objects deep"),
    pytest.param(b'{"variables": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "100 deep", id="10,000 lists deep"),
    pytest.param(b"[" * 1_000_000, "JSON", id="a million brackets"),
    pytest.param(b"null", "object", id="null"),
    pytest.param(b"[]", "object", id="list"),
    pytest.param(b'"{}"', "object", id="text"),
    pytest.param(b"0", "object", id="number"),
]


@pytest.mark.parametrize(("data", "found"), BROKEN)
def test_what_is_no_json_object_is_refused(world: World, data: bytes, found: str) -> None:
    with world.unchanged():
        for name in (CREATE, "completion", PUBLISH, "/v2/user-tasks/search"):
            if name != CREATE and data == b"null":
                continue  # a body that may be left out may be null
            answer = world.refused(send(world, path_of(world, name), data))
            assert found in answer["detail"], answer["detail"]


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "nonsense",
        "multipart/form-data; boundary=x",
    ],
)
def test_other_content_types_are_refused(world: World, kind: str) -> None:
    with world.unchanged():
        for name in (CREATE, "completion", PUBLISH, "/v2/user-tasks/search"):
            answer = world.refused(send(world, path_of(world, name), b'{"variables": {}}', kind), 415)
            assert kind.partition(";")[0] in answer["detail"]


@pytest.mark.parametrize("name", [CREATE, "completion", PUBLISH, "/v2/user-tasks/search"])
def test_ten_megabytes_are_refused(world: World, name: str) -> None:
    data = json.dumps_bytes({**RIGHT.get(name, {}), "variables": {"a": "x" * 10_000_000}})
    with world.unchanged():
        answer = world.refused(send(world, path_of(world, name), data), 413)
    assert str(world.bpm.server.settings.request_body_limit) in answer["detail"]


def test_a_body_must_be_there_where_it_is_needed(world: World) -> None:
    with world.unchanged():
        for path in (CREATE, PUBLISH, path_of(world, "assignment")):
            world.refused(world.rest.post(path))


def cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps_bytes(value)).decode()


PAGES: list[tuple[dict[str, Any], str]] = [
    *[({"page": page}, "page") for page in (5, "x", [], True)],
    *[({"page": {"limit": limit}}, "page.limit") for limit in (0, -1, 10_001, "5", True, HALF, [], 10**30)],
    *[({"page": {"from": start}}, "page.from") for start in (-1, "5", True, HALF, {}, 10**30)],
    *[({"page": {"after": after}}, "page.after") for after in (5, True, [], {})],
    ({"page": {"from": 1, "after": "x"}}, "page"),
    ({"page": {"before": "x", "after": "x"}}, "page"),
    *[({"sort": sort}, "sort") for sort in (5, "x", {}, True, [{"field": "key"}] * 11)],
    *[({"sort": [one]}, "sort.0") for one in (5, "x", [], None)],
    *[
        ({"sort": [{"field": name}]}, "sort.0.field")
        for name in ("nothing", "", None, 5, [], "key; DROP TABLE user_task")
    ],
    *[({"sort": [{"field": "name", "order": order}]}, "sort.0.order") for order in ("UP", 5, True, [])],
    *[({"filter": one}, "filter") for one in (5, "x", [], True)],
    ({"filter": {"nothing": 1}}, "filter.nothing"),
    *[({"filter": {"state": one}}, "filter.state") for one in (5, "OPEN", [], True, {"$near": 1})],
    *[({"filter": {"assignee": one}}, "filter.assignee") for one in (5, [], True, "a\0", {"$gt": "x"})],
    ({"filter": {"assignee": {"$in": "x"}}}, "filter.assignee.$in"),
    ({"filter": {"assignee": {"$in": ["x"] * 1_001}}}, "filter.assignee.$in"),
    ({"filter": {"assignee": {"$exists": "yes"}}}, "filter.assignee.$exists"),
    *[({"filter": {"userTaskKey": one}}, "filter.userTaskKey") for one in NO_KEY if not isinstance(one, dict)],
    *[({"filter": {"priority": one}}, "filter.priority") for one in ("5", True, HALF, 10**30)],
    *[({"filter": {"creationDate": one}}, "filter.creationDate") for one in ("x", 5, "2026-13-01", "9999-99", "0")],
    ({"filter": {"tenantId": 5}}, "filter.tenantId"),
    ({"filter": {"processInstanceVariables": {"a": 1}}}, "filter.processInstanceVariables"),
    ({"filter": {"processInstanceVariables": [{"name": 5, "value": "1"}]}}, "filter.processInstanceVariables.0.name"),
    ({"filter": {"$or": {}}}, "filter.$or"),
    ({"filter": {"$or": [5]}}, "filter.$or.0"),
    ({"filter": {"$or": [{"$or": []}]}}, "filter.$or.0.$or"),
]


def test_wrong_filters_sorts_and_pages_are_named(world: World) -> None:
    with world.unchanged():
        for body, field in PAGES:
            answer = world.rest.post("/v2/user-tasks/search", body)
            assert (answer.status, answer.body.get("field")) == (400, field), (body, answer.body)
            world.refused(answer)


@pytest.mark.parametrize("where", ["after", "before"])
def test_cursors_that_we_did_not_make_are_refused(world: World, where: str) -> None:
    """Nobody writes a cursor by hand, but somebody will try."""
    first = world.rest.post("/v2/user-tasks/search", {"sort": [{"field": "creationDate"}], "page": {"limit": 1}})
    genuine = first["page"]["endCursor"]
    decoded = base64.urlsafe_b64decode(genuine + "=" * (-len(genuine) % 4))
    wrong: list[Any] = ["", "x", "%%%", "0" * 100_000, cursor(b"\xff"), cursor(b"{"), genuine[:-3], genuine + "A"]
    wrong += [cursor(one) for one in (5, {}, [], ["x"], [10**30, 10**30], [None, None], [[], []], [True, True])]
    parsed = json.loads(decoded)
    assert isinstance(parsed, list), parsed
    for at in range(len(parsed)):
        for value in (None, True, HALF, "x", "2026-01-01", 10**30, -1, [], {}, "a\0b"):
            wrong.append(cursor([*parsed[:at], value, *parsed[at + 1 :]]))
    with world.unchanged():
        for one in wrong:
            body = {"sort": [{"field": "creationDate"}], "page": {where: one}}
            answer = world.rest.post("/v2/user-tasks/search", body)
            assert answer.status in (200, 400), (one, answer.body)
            if answer.status == 400:
                world.refused(answer)
        other = world.rest.post("/v2/user-tasks/search", {"page": {where: genuine}})
        assert world.refused(other)["field"] == f"page.{where}"


def test_a_cursor_of_another_search_is_refused(world: World) -> None:
    found = world.rest.post("/v2/process-instances/search", {"page": {"limit": 1}})["page"]["endCursor"]
    body = {"sort": [{"field": "name"}], "page": {"after": found}}
    assert "cursor" in world.refused(world.rest.post("/v2/user-tasks/search", body))["detail"]


def test_what_is_not_there_is_not_found(world: World) -> None:
    there_is_none = [
        ("POST", CREATE, {"processDefinitionId": "nothing"}),
        ("POST", CREATE, {"processDefinitionKey": "123"}),
        ("POST", CREATE, {"processDefinitionId": "p", "processDefinitionVersion": 7}),
        ("POST", "/v2/user-tasks/123/completion", {}),
        ("POST", "/v2/user-tasks/123/assignment", {"assignee": "ann"}),
        ("DELETE", "/v2/user-tasks/123/assignee", None),
        ("PATCH", "/v2/user-tasks/123", {"changeset": {"priority": 5}}),
        ("POST", "/v2/jobs/123/completion", {}),
        ("POST", "/v2/incidents/123/resolution", {}),
        ("POST", "/v2/messages/correlation", {"name": "paid", "correlationKey": "nobody"}),
        ("PUT", "/v2/roles/admin/users/nobody", None),
        ("PUT", "/v2/roles/nothing/users/root", None),
        ("PUT", "/v2/groups/nothing/users/root", None),
        ("DELETE", "/v2/users/nobody", None),
        ("POST", "/v2/decision-definitions/evaluation", {"decisionDefinitionId": "nothing", "variables": {}}),
    ]
    with world.unchanged():
        for method, path, body in there_is_none:
            world.refused(world.rest.call(method, path, body), 404)


def test_assigning_takes_any_name_because_the_contract_says_so(world: World) -> None:
    """Camunda's assignees need no account here; rights and groups do, see above."""
    before = row_counts(world.bpm)
    assert world.rest.post(path_of(world, "assignment"), {"assignee": "not-yet-hired"}).status == 204
    assert world.rest.get(f"/v2/user-tasks/{world.task}")["assignee"] == "not-yet-hired"
    assert world.rest.delete(f"/v2/user-tasks/{world.task}/assignee").status == 204
    before["audit_log"] += 2  # who did both
    before["notification"] += 1  # who will bear that name finds it
    assert row_counts(world.bpm) == before


@pytest.mark.parametrize("token", [None, "", "wrong", "x" * 5_000, "合同"])
def test_a_browser_without_the_sessions_token_changes_nothing(world: World, token: str | None) -> None:
    """By header for scripts, by form field for pages."""
    headers = {"Cookie": f"{access.SESSION_COOKIE}={world.cookie}"}
    form = {} if token is None else {access.CSRF_FIELD: token}
    with world.unchanged():
        if token is None or token.isascii():
            sent = headers if token is None else {**headers, access.CSRF_HEADER: token}
            answer = world.nobody.call("POST", path_of(world, "completion"), {}, headers=sent)
            assert "token" in world.refused(answer, 403)["detail"]
        for path in (f"/tasks/{world.task}/claim", "/sign-out"):
            page = world.nobody.call("POST", path, data=form, headers={**headers, "Accept": "text/html"})
            assert page.status in (403, 404), (path, page.status, page.body[:300])
    assert world.nobody.get("/v2/authentication/me", headers=headers).status == 200
