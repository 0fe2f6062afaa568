"""``Idempotency-Key``: however often a request comes, it counts once, and each time has the same reply."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.idempotency import KEPT
from bpm_server.services import transaction as transactions
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.idempotency import idempotent_request
from bpm_server.store.tables.identity import api_token
from bpm_server.store.tables.instances import process_instance
from bpm_server.worker import rounds
from tests.support.bpmn_builder import one_task
from tests.support.contention import at_once
from tests.support.rest import add_person, application, counted_statements
from tests.support.services import ROOT

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Answer, Rest

START = "/v2/process-instances"


def send(rest: Rest, path: str, body: Any, key: str = "k-1") -> Answer:
    return rest.post(path, body, headers={"Idempotency-Key": key})


def instances(bpm: Product) -> int:
    return len(bpm.scalars(sa.select(process_instance.c.key)))


def kept(bpm: Product) -> int:
    return len(bpm.scalars(sa.select(idempotent_request.c.id)))


@pytest.fixture
def process_id(bpm: Product) -> str:
    bpm.deploy(one_task())
    return "p"


def test_a_request_sent_again_has_the_same_reply_and_counts_once(bpm: Product, rest: Rest, process_id: str) -> None:
    body = {"processDefinitionId": process_id, "variables": {"a": 1}}
    first = send(rest, START, body)
    again = send(rest, START, body)
    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert instances(bpm) == 1


def test_a_reply_without_a_body_is_given_again(bpm: Product, rest: Rest, process_id: str) -> None:
    rest.post(START, {"processDefinitionId": process_id})
    path = f"/v2/user-tasks/{bpm.task('a').key}/completion"
    replies = [send(rest, path, {}) for _ in range(3)]
    assert [(one.status, one.body) for one in replies] == [(204, b"")] * 3
    assert rest.post(path, {}).status in (404, 409)  # without the key it is another request


def test_the_key_with_another_request_is_refused(bpm: Product, rest: Rest, process_id: str) -> None:
    send(rest, START, {"processDefinitionId": process_id})
    for path, body in ((START, {"processDefinitionId": process_id, "variables": {}}), ("/v2/signals/broadcast", {})):
        refused = send(rest, path, body)
        assert refused.status == 422
        assert refused["code"] == "idempotency_key_reused"
        assert "used for another request" in refused["detail"]
    assert instances(bpm) == 1


def test_everyone_has_keys_of_their_own(bpm: Product, nobody: Rest, rest: Rest, process_id: str) -> None:
    other = nobody.as_(add_person(bpm, "other", roles=("admin",)))
    body = {"processDefinitionId": process_id}
    assert send(rest, START, body).body != send(other, START, body).body
    assert instances(bpm) == 2


def test_what_was_refused_is_not_kept(bpm: Product, rest: Rest) -> None:
    body = {"processDefinitionId": "p"}
    assert send(rest, START, body).status == 404
    bpm.deploy(one_task())
    assert send(rest, START, body).status == 200
    assert kept(bpm) == 1


def test_a_key_in_quotation_marks_is_the_same_key(bpm: Product, rest: Rest, process_id: str) -> None:
    body = {"processDefinitionId": process_id}
    assert send(rest, START, body, '"k"').body == send(rest, START, body, "k").body
    assert instances(bpm) == 1


@pytest.mark.parametrize(("key", "found"), [("", "none"), ("x" * 256, "256 characters"), ("a b", "another character")])
def test_a_wrong_key_is_refused(bpm: Product, rest: Rest, process_id: str, key: str, found: str) -> None:
    refused = send(rest, START, {"processDefinitionId": process_id}, key)
    assert refused.status == 400
    assert found in refused["detail"]
    assert instances(bpm) == 0


def test_twenty_at_once_make_one_instance_and_all_learn_its_key(bpm: Product, rest: Rest, process_id: str) -> None:
    body = {"processDefinitionId": process_id}
    replies = at_once(20, lambda _: send(rest, START, body))
    assert {one.status for one in replies} == {200}, replies
    assert len({one["processInstanceKey"] for one in replies}) == 1
    assert sum("Idempotent-Replayed" in one.headers for one in replies) == 19
    assert instances(bpm) == 1


def test_a_second_one_is_told_to_wait_while_the_first_is_at_work(bpm: Product, rest: Rest, process_id: str) -> None:
    """The first one waits for its instance's end: it has committed, but has no reply yet."""
    body = {"processDefinitionId": process_id, "awaitCompletion": True, "requestTimeout": 20_000}
    replies: list[Answer] = []
    first = threading.Thread(target=lambda: replies.append(send(rest, START, body)))
    first.start()
    while not bpm.open_tasks():
        pass
    second = send(rest, START, body)
    assert second.status == 409
    assert second.headers["Retry-After"] == "1"
    bpm.task("a").complete(result=7)
    first.join()
    assert replies[0]["variables"] == {"result": 7}
    again = send(rest, START, body)
    assert again.body == replies[0].body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert instances(bpm) == 1


def test_a_client_that_gave_up_waiting_goes_on_waiting_for_the_same(bpm: Product, rest: Rest, process_id: str) -> None:
    body = {"processDefinitionId": process_id, "awaitCompletion": True, "requestTimeout": 1}
    assert send(rest, START, body).status == 504
    bpm.task("a").complete(result=7)
    again = send(rest, START, body)
    assert again["variables"] == {"result": 7}
    assert instances(bpm) == 1


def test_a_process_killed_while_a_request_waits_has_not_lost_it(bpm: Product, rest: Rest, process_id: str) -> None:
    """The row says what was done; when nobody works on it any more, a retry waits for that."""
    body = {"processDefinitionId": process_id, "awaitCompletion": True, "requestTimeout": 1}
    assert send(rest, START, body).status == 504
    with bpm.server.database.write() as connection:
        far = read_moment(connection).database_now + timedelta(minutes=5)
        connection.execute(idempotent_request.update().values(held_until=far))
        connection.commit()
    assert send(rest, START, body).status == 409
    with bpm.server.database.write() as connection:
        connection.execute(idempotent_request.update().values(held_until=far - timedelta(minutes=6)))
        connection.commit()
    bpm.task("a").complete()
    assert send(rest, START, body).status == 200
    assert instances(bpm) == 1


def test_reply_and_deed_are_committed_together(
    bpm: Product, rest: Rest, process_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies before the one commit has done nothing; there is no second one to die before."""
    body = {"processDefinitionId": process_id}

    def die(*_: object) -> None:
        raise SystemError("killed")

    monkeypatch.setattr(transactions.HeldCommits, "end_with", die)
    assert send(rest, START, body).status == 500
    assert (instances(bpm), kept(bpm)) == (0, 0)
    monkeypatch.undo()
    assert send(rest, START, body).status == 200
    assert (instances(bpm), kept(bpm)) == (1, 1)


def test_a_reply_that_cannot_be_written_undoes_the_deed(
    bpm: Product, rest: Rest, process_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bpm_server.store import idempotency

    def fail(*_: object) -> None:
        raise SystemError("killed")

    monkeypatch.setattr(idempotency, "keep_reply", fail)
    assert send(rest, START, {"processDefinitionId": process_id}).status == 500
    monkeypatch.undo()
    assert (instances(bpm), kept(bpm)) == (0, 0)


def test_without_the_header_nothing_is_asked_of_the_table(bpm: Product, rest: Rest, process_id: str) -> None:
    with counted_statements(bpm) as seen:
        rest.post(START, {"processDefinitionId": process_id})
    assert not [text for text in seen if "idempotent_request" in text]


def test_a_deployment_is_the_same_with_another_boundary(bpm: Product, rest: Rest) -> None:
    def deploy(boundary: str, content: bytes) -> Answer:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="resources"; filename="a.bpmn"\r\n\r\n'
        return rest.post(
            "/v2/deployments",
            data=head.encode() + content + f"\r\n--{boundary}--\r\n".encode(),
            content_type=f"multipart/form-data; boundary={boundary}",
            headers={"Idempotency-Key": "d"},
        )

    first, again = deploy("one", one_task()), deploy("two", one_task())
    assert first.status == 200, first.body
    assert again.body == first.body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert deploy("one", one_task() + b"\n").status == 422


def test_a_fresh_token_is_not_readable_in_the_table(bpm: Product, rest: Rest) -> None:
    first = send(rest, "/api/tokens", {"name": "ci"})
    assert first.status == 201, first.body
    assert send(rest, "/api/tokens", {"name": "ci"}).body == first.body
    stored = bpm.scalars(sa.select(idempotent_request.c.body))[0]
    assert first["token"].encode() not in stored
    assert len(bpm.scalars(sa.select(api_token.c.key).where(api_token.c.name == "ci"))) == 1


def test_reading_keeps_nothing(bpm: Product, rest: Rest) -> None:
    assert send(rest, "/v2/process-instances/search", {}).status == 200
    assert (
        send(
            rest, "/v2/jobs/activation", {"type": "x", "maxJobsToActivate": 1, "timeout": 1, "requestTimeout": -1}
        ).status
        == 200
    )
    assert kept(bpm) == 0


def test_a_decision_reads_what_it_has_just_written(bpm: Product, rest: Rest) -> None:
    """The view reads the rows of a command whose commit still waits for the reply."""
    rules = next((ROOT / "rules").glob("*.dmn")).read_bytes()
    deployed = rest.upload(("r.dmn", rules))["deployments"]
    decision = next(one["decisionDefinition"] for one in deployed if one["decisionDefinition"])
    body = {"decisionDefinitionKey": decision["decisionDefinitionKey"], "variables": {}}
    first = send(rest, "/v2/decision-definitions/evaluation", body)
    assert first.status == 200, first.body
    assert first["evaluatedDecisions"]
    assert send(rest, "/v2/decision-definitions/evaluation", body).body == first.body


def test_camunda_7_clients_may_use_it_too(bpm: Product, rest: Rest, process_id: str) -> None:
    path = f"/engine-rest/process-definition/key/{process_id}/start"
    first, again = send(rest, path, {}), send(rest, path, {})
    assert first.status == 200, first.body
    assert again.body == first.body
    assert instances(bpm) == 1


def test_the_worker_removes_replies_whose_time_is_over(bpm: Product, rest: Rest, process_id: str) -> None:
    for number in range(3):
        send(rest, START, {"processDefinitionId": process_id}, f"k{number}")
    rounds.ROUNDS["replies"](bpm.server)
    assert kept(bpm) == 3
    with bpm.server.database.write() as connection:
        old = idempotent_request.update().where(idempotent_request.c.id != bpm_first(connection))
        connection.execute(old.values(expires_at=read_moment(connection).database_now - KEPT))
        connection.commit()
    assert rounds.ROUNDS["replies"](bpm.server) == 2
    assert kept(bpm) == 1


def bpm_first(connection: sa.Connection) -> str:
    found: str = connection.execute(sa.select(sa.func.min(idempotent_request.c.id))).scalar_one()
    return found


def test_a_full_pool_does_not_let_retries_wait_for_ever(bpm: Product) -> None:
    product, nobody = application(bpm, threads=2)
    rest = nobody.as_(add_person(product, "pool", roles=("admin",)))
    product.deploy(one_task())
    replies = at_once(30, lambda n: send(rest, START, {"processDefinitionId": "p"}, f"k{n % 3}"))
    assert {one.status for one in replies} <= {200, 409, 503}, {one.status for one in replies}
    assert instances(product) == 3
