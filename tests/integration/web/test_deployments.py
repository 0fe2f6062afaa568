from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.store.tables import definitions as t
from tests.support.bpmn_builder import Process, event
from tests.support.rest import Answer, Rest

if TYPE_CHECKING:
    from tests.support.product import Product


def simple(process_id: str = "p", start: str = "") -> bytes:
    process = Process(process_id)
    process.start("s", start)
    process.user("a")
    process.end("e")
    process.path("s", "a", "e")
    return process.xml()


def gateway(condition: str) -> bytes:
    process = Process("p")
    process.start()
    process.add("exclusiveGateway", "g", default="f_g_b")
    process.user("a")
    process.user("b")
    process.path("s", "g")
    process.flow("g", "a", condition)
    process.flow("g", "b")
    return process.xml()


def upload(rest: Rest, name: str, content: bytes, **fields: str) -> Answer:
    return rest.upload((name, content), **fields)


def deployed(bpm: Product) -> int:
    tables = (t.deployment, t.resource, t.process_definition, t.decision_requirements, t.form_definition)
    return sum(bpm.scalars(sa.select(sa.func.count()).select_from(table))[0] for table in tables)


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("broken.bpmn", b"<bpmn:definitions", "xml-syntax"),
        ("empty.bpmn", b"", "xml-syntax"),
        ("text.bpmn", b"hello", "xml-syntax"),
        ("doctype.bpmn", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "xml-doctype"),
        ("other.bpmn", b"<a/>", None),
        ("unknown.bpmn", simple().replace(b"userTask", b"wishTask"), None),
        ("feel.bpmn", gateway("=amount >"), None),
        ("broken.dmn", b"<definitions", "xml-syntax"),
        ("broken.form", b"{", "form-json"),
        ("list.form", b"[]", "form-schema"),
        ("deep.form", b"[" * 10_000, "form-json"),
    ],
)
def test_a_wrong_file_is_refused_with_every_finding(
    bpm: Product, rest: Rest, name: str, content: bytes, rule: str | None
) -> None:
    before = deployed(bpm)
    answer = upload(rest, name, content)
    assert (answer.status, answer["code"], answer["title"]) == (400, "refused_file", "Bad Request")
    found = answer["findings"][0]
    assert found["severity"] == "error"
    assert found["file"] == name
    assert rule in (None, found["rule"])
    assert deployed(bpm) == before


def test_a_feel_error_names_element_and_position(rest: Rest) -> None:
    finding = upload(rest, "feel.bpmn", gateway("=amount >"))["findings"][0]
    assert finding["element"] == "f_g_a"
    assert finding["line"] is not None
    assert "line 1, column" in finding["message"]


def test_one_wrong_file_refuses_all(bpm: Product, rest: Rest) -> None:
    answer = rest.deploy(good_bpmn=simple(), bad_bpmn=b"<a", other_dmn=b"<b")
    assert answer.status == 400
    assert {finding["file"] for finding in answer["findings"]} == {"bad.bpmn", "other.dmn"}
    assert deployed(bpm) == 0


def test_a_large_file_is_refused(bpm: Product, rest: Rest) -> None:
    answer = upload(rest, "large.bpmn", b"<a>" + b" " * 20_000_000 + b"</a>")
    assert (answer.status, answer["title"]) == (413, "Request Entity Too Large")
    assert deployed(bpm) == 0


def test_uploads_may_be_larger_than_other_requests(rest: Rest) -> None:
    assert upload(rest, "large.txt", b"x" * 9_000_000).status == 200


@pytest.mark.parametrize(
    ("names", "fields", "found"),
    [
        ([], {}, "found none"),
        (["a.txt", "a.txt"], {}, "'a.txt' twice"),
        (["a.txt"], {"tenantId": "other"}, "tenant"),
    ],
)
def test_wrong_forms_are_refused(
    bpm: Product, rest: Rest, names: list[str], fields: dict[str, str], found: str
) -> None:
    answer = rest.upload(*[(name, b"x") for name in names], **fields)
    assert answer.status == 400
    assert found in answer["detail"]
    assert deployed(bpm) == 0


def test_the_same_id_in_two_files_is_refused(bpm: Product, rest: Rest) -> None:
    answer = rest.deploy(one_bpmn=simple(), two_bpmn=simple())
    assert (answer.status, deployed(bpm)) == (400, 0)
    assert "one.bpmn and two.bpmn" in answer["detail"]


def test_each_entry_has_five_members_of_which_four_are_null(rest: Rest) -> None:
    entries = rest.deploy(p_bpmn=simple(), f_form=b'{"id": "f", "components": []}', n_txt=b"x")["deployments"]
    for entry in entries:
        assert sorted(entry) == ["decisionDefinition", "decisionRequirements", "form", "processDefinition", "resource"]
        assert sum(value is not None for value in entry.values()) == 1


def test_unchanged_files_keep_their_version(rest: Rest) -> None:
    first = upload(rest, "p.bpmn", simple())["deployments"][0]["processDefinition"]
    again = upload(rest, "p.bpmn", simple(), tenantId="<default>")["deployments"][0]["processDefinition"]
    changed = upload(rest, "p.bpmn", simple() + b"\n")["deployments"][0]["processDefinition"]
    assert (again["processDefinitionKey"], again["processDefinitionVersion"]) == (first["processDefinitionKey"], 1)
    assert changed["processDefinitionVersion"] == 2


class TestDeletion:
    """What is deleted does not start; what runs goes on."""

    def delete(self, rest: Rest, key: str) -> Answer:
        return rest.post(f"/v2/resources/{key}/deletion", {})

    def test_no_new_instances_but_running_ones_go_on(self, bpm: Product, rest: Rest) -> None:
        key = upload(rest, "p.bpmn", simple())["deployments"][0]["processDefinition"]["processDefinitionKey"]
        instance = rest.post("/v2/process-instances", {"processDefinitionId": "p"})["processInstanceKey"]
        assert self.delete(rest, key).body == {"resourceKey": key, "batchOperation": None}
        assert rest.post("/v2/process-instances", {"processDefinitionId": "p"}).status == 404
        assert rest.post("/v2/process-instances", {"processDefinitionKey": key}).status == 404
        assert rest.search("process-definitions") == []
        assert rest.get(f"/v2/process-definitions/{key}")["state"] == "DRAINING"
        bpm.task("a").complete()
        assert rest.get(f"/v2/process-instances/{instance}")["state"] == "COMPLETED"
        assert rest.search("process-definitions", filter={"state": "DELETED"})[0]["processDefinitionKey"] == key
        assert self.delete(rest, key).status == 404

    def test_the_version_before_is_started_by_messages_again(self, bpm: Product, rest: Rest) -> None:
        def by_message(name: str) -> bytes:
            process = Process("p")
            process.message("m", name)
            process.start("s", event("message", messageRef="m"))
            process.user("a")
            process.path("s", "a")
            return process.xml()

        upload(rest, "p.bpmn", by_message("old"))
        newest = upload(rest, "p.bpmn", by_message("new"))["deployments"][0]["processDefinition"]
        assert [one["messageName"] for one in rest.search("message-subscriptions")] == ["new"]
        self.delete(rest, newest["processDefinitionKey"])
        assert [one["messageName"] for one in rest.search("message-subscriptions")] == ["old"]
        bpm.publish("old")
        assert bpm.open_tasks() == ["a"]

    def test_history_is_kept(self, rest: Rest) -> None:
        key = upload(rest, "p.bpmn", simple())["deployments"][0]["processDefinition"]["processDefinitionKey"]
        answer = rest.post(f"/v2/resources/{key}/deletion", {"deleteHistory": True})
        assert (answer.status, answer["field"]) == (400, "deleteHistory")
