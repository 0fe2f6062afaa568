"""Public forms: who opens them, and what strangers can do with them, and cannot."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from lxml import html

from bpm_server.domain.identity import PUBLIC_FORM_NAME
from bpm_server.kernel import json
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.public_forms import public_form
from tests.support.requests import FORM, deploy_visit, visit
from tests.support.rest import add_person

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

    from tests.support.product import Product
    from tests.support.rest import Answer, Rest

SITE = "https://www.example.com"
SCRIPT = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def visits(bpm: Product) -> Product:
    deploy_visit(bpm)
    return bpm


def opened(rest: Rest, **values: Any) -> Answer:
    body = {"processDefinitionId": "visit", "name": "Reception", **values}
    return rest.post("/api/public-forms", body)


class Stranger:
    """Somebody with the address, and no account."""

    def __init__(self, app: Flask, path: str, address: str = "192.0.2.1") -> None:
        self.client = app.test_client(use_cookies=False)
        self.path, self.address = path, address

    def get(self) -> TestResponse:
        return self.client.get(self.path, headers={"Accept": "text/html"}, environ_base=self.environ)

    @property
    def environ(self) -> dict[str, str]:
        return {"REMOTE_ADDR": self.address}

    def submission(self) -> str:
        tree = html.fromstring(self.get().get_data(as_text=True))
        return str(tree.cssselect("input[name=submission]")[0].get("value"))

    def send(self, values: Any, submission: str | None = None, *, part: bool = False, **more: str) -> TestResponse:
        data = {"values": values if isinstance(values, str) else json.dumps(values), **more}
        data["submission"] = self.submission() if submission is None else submission
        headers = {"Accept": "text/html", **({"HX-Request": "true", "HX-Target": "div#problems"} if part else {})}
        return self.client.post(self.path, data=data, headers=headers, environ_base=self.environ)


def stranger(rest: Rest, address: str = "192.0.2.1", **values: Any) -> Stranger:
    return Stranger(rest.app, opened(rest, **values)["path"], address)


def instances(bpm: Product) -> list[Any]:
    t = process_instance
    return bpm.rows(sa.select(t.c.key, t.c.started_by, t.c.business_key, t.c.process_id).order_by(t.c.key))


def reference(reply: TestResponse) -> str:
    assert reply.status_code == 200, reply.get_data(as_text=True)
    found = re.search(r"\b\d{8}-[2-9A-Z]{6}\b", reply.get_data(as_text=True))
    assert found is not None
    return found[0]


def test_a_stranger_starts_the_process_and_gets_its_number(visits: Product, rest: Rest) -> None:
    wu = stranger(rest)
    number = reference(wu.send({"guest": "Wu", "people": 3, "host": "root", "badge": "1", "unknown": 1}))
    (row,) = instances(visits)
    assert (row.started_by, row.business_key, row.process_id) == (PUBLIC_FORM_NAME, number, "visit")
    found = visits.variables(row.key)
    assert (found["guest"], found["people"], found["host"]) == ("Wu", 3, PUBLIC_FORM_NAME)
    assert "unknown" not in found
    entry = rest.search("audit-logs", filter={"entityType": "PROCESS_INSTANCE"})[0]
    assert (entry["actorId"], entry["actorType"]) == (PUBLIC_FORM_NAME, "ANONYMOUS")


def test_a_field_that_is_hidden_or_read_only_is_dropped(visits: Product, rest: Rest) -> None:
    reference(stranger(rest).send({"guest": "Wu", "lunch": False, "diet": "none", "office": "Bonn"}))
    found = visits.variables(instances(visits)[0].key)
    assert "diet" not in found
    assert found["office"] == ""


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ({"guest": ""}, "Guest"), ({"guest": {"a": 1}}, "Guest"), ({"guest": "Wu", "people": "many"}, "People"),
        ({"guest": "Wu", "people": 51}, "People"), ({"guest": "Wu", "room": "red"}, "Room"),
        ({"guest": "Wu", "lunch": "yes"}, "Lunch"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_field(visits: Product, rest: Rest, values: Any, label: str) -> None:
    wu = stranger(rest)
    for part in (True, False):
        reply = wu.send(values, part=part)
        text = reply.get_data(as_text=True)
        assert (reply.status_code, label in text) == (400, True)
    assert instances(visits) == []


@pytest.mark.parametrize("values", ["[]", "7", '"x"', "{", "{" * 5_000, '{"a":1e999999}'])
def test_what_is_no_submission_at_all_is_refused(visits: Product, rest: Rest, values: str) -> None:
    assert stranger(rest).send(values).status_code == 400
    assert instances(visits) == []


def test_a_page_sends_once(visits: Product, rest: Rest) -> None:
    wu = stranger(rest)
    submission = wu.submission()
    numbers = {reference(wu.send({"guest": "Wu"}, submission, part=part)) for part in (True, False, True)}
    assert len(numbers) == 1
    assert len(instances(visits)) == 1
    assert wu.send({"guest": ""}).status_code == 400, "what was refused is not kept"
    reference(wu.send({"guest": "Xu"}))
    assert len(instances(visits)) == 2


def test_robots_fill_in_everything(visits: Product, rest: Rest) -> None:
    wu = stranger(rest)
    assert wu.send({"guest": "Wu"}, website="https://spam.example").status_code == 400
    assert wu.send({"guest": "Wu"}, submission="").status_code == 400
    assert wu.send({"guest": "Wu"}, submission="x" * 65).status_code == 400
    assert instances(visits) == []


def test_no_address_tells_whether_it_was_one(visits: Product, rest: Rest) -> None:
    closed, expired, gone = opened(rest), opened(rest, days=1), opened(rest, processDefinitionId="other")
    assert gone.status == 404
    assert rest.post(f"/api/public-forms/{closed['publicFormKey']}/closing").status == 204
    with visits.server.database.write() as connection:
        key = int(expired["publicFormKey"])
        connection.execute(
            public_form.update().where(public_form.c.key == key).values(expires_at=public_form.c.created_at)
        )
        connection.commit()
    replies = []
    for path in (closed["path"], expired["path"], "/public/unknown", f"/public/{'x' * 2_000}"):
        one = Stranger(rest.app, path)
        for reply in (one.get(), one.send({"guest": "Wu"}, "s")):
            text = re.sub(r'nonce="[^"]+"|next=[^"]+', "", reply.get_data(as_text=True)).replace(path, "")
            replies.append((reply.status_code, text))
    assert {status for status, _ in replies} == {404}
    assert len({text for _, text in replies}) == 1
    assert instances(visits) == []


def test_a_form_whose_process_is_gone_is_not_there(visits: Product, rest: Rest) -> None:
    wu = stranger(rest)
    key = rest.search("process-definitions")[0]["processDefinitionKey"]
    assert rest.post(f"/v2/resources/{key}/deletion", {}).status in (200, 204)
    assert wu.get().status_code == 404
    assert wu.send({"guest": "Wu"}, "s").status_code == 404


def test_each_form_has_limits_of_its_own(visits: Product, rest: Rest) -> None:
    wu = stranger(rest, addressPerHour=2, totalPerHour=3)
    xu = Stranger(rest.app, wu.path, "192.0.2.2")
    first = [wu.send({"guest": "Wu"}).status_code for _ in range(2)]
    for _ in range(3):
        refused = wu.send({"guest": "Wu"})
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 3_600
    assert (first, xu.send({"guest": "Xu"}).status_code) == ([200, 200], 200), "who is refused takes nothing of others"
    assert xu.send({"guest": "Xu"}).status_code == 429
    assert stranger(rest).send({"guest": "Wu"}).status_code == 200, "another form"
    assert len(instances(visits)) == 4


def test_a_submission_has_a_size(visits: Product, rest: Rest) -> None:
    assert stranger(rest).send({"guest": "Wu", "note": "x" * 70_000}).status_code == 413
    assert instances(visits) == []


def test_only_named_sites_may_frame_it(visits: Product, rest: Rest) -> None:
    alone, framed = stranger(rest), stranger(rest, origins=[SITE, "https://b.example:8443"])
    for one, ancestors, header in ((alone, "'none'", "DENY"), (framed, f"{SITE} https://b.example:8443", None)):
        for reply in (one.get(), one.send({"guest": ""}), one.send({"guest": "Wu"})):
            policy = reply.headers["Content-Security-Policy"]
            assert policy.endswith(f"; frame-ancestors {ancestors}")
            assert "script-src 'self' 'nonce-" in policy and "unsafe" not in policy
            assert reply.headers.get("X-Frame-Options") == header
    assert rest.call("GET", "/sign-in", headers={"Accept": "text/html"}).headers["X-Frame-Options"] == "DENY"


def test_the_page_names_nothing_of_ours(visits: Product, rest: Rest) -> None:
    form = {**FORM, "exporter": {"name": "Modeler", "version": "5"}, "components": [
        {**one, "properties": {**one.get("properties", {}), "internal": "MARK"}} for one in FORM["components"]
    ]}  # fmt: skip
    deploy_visit(visits, form, catalogue__icon="users", owner="MARK")
    wu = stranger(rest, name="MARK")
    line = rest.post("/api/public-forms/search", {})["items"][0]
    definition = rest.search("process-definitions")[0]
    texts = [wu.get().get_data(as_text=True), wu.send({"guest": ""}).get_data(as_text=True)]
    texts += [wu.send({"guest": "Wu"}).get_data(as_text=True)]
    (row,) = instances(visits)
    for text in texts:
        for secret in ("MARK", "Modeler", line["publicFormKey"], definition["processDefinitionKey"], str(row.key)):
            assert secret not in text
        assert "/start/" not in text and 'id="keys"' not in text


def test_hostile_text_is_text(visits: Product, rest: Rest) -> None:
    form = {**FORM, "components": [{**one, "label": SCRIPT} for one in FORM["components"]]}
    deploy_visit(visits, form)
    wu = stranger(rest, name=SCRIPT)
    replies = [wu.get(), wu.send({"guest": ""}), wu.send({"guest": SCRIPT, "note": SCRIPT, SCRIPT: SCRIPT})]
    for reply in replies:
        text = reply.get_data(as_text=True)
        assert "<script>alert" not in text and "<img src=x" not in text
        assert not html.fromstring(text).xpath("//@onerror | //img[@src='x']")
    assert visits.variables(instances(visits)[0].key)["guest"] == SCRIPT


def test_who_opens_and_closes_needs_the_right(visits: Product, rest: Rest, nobody: Rest) -> None:
    made = opened(rest, days=7, origins=[SITE])
    assert (made.status, made["origins"], made["closedAt"]) == (201, [SITE], None)
    ann = nobody.as_(add_person(visits, "ann", roles=("staff",)))
    for answer in (opened(ann), ann.post(f"/api/public-forms/{made['publicFormKey']}/closing")):
        assert answer.status == 403
    assert ann.get(f"/api/public-forms/{made['publicFormKey']}").status == 403
    assert ann.post("/api/public-forms/search", {})["items"] == []
    assert [one["name"] for one in rest.post("/api/public-forms/search", {})["items"]] == ["Reception"]
    closing = [rest.post(f"/api/public-forms/{made['publicFormKey']}/closing").status for _ in range(2)]
    assert closing == [204, 204]
    read = rest.get(f"/api/public-forms/{made['publicFormKey']}")
    assert (read["closedBy"], read["path"]) == ("root", made["path"])
    told = rest.search("audit-logs", filter={"entityType": "RESOURCE"}, sort=[{"field": "timestamp"}])
    assert [one["operationType"] for one in told[-2:]] == ["CREATE", "UPDATE"]


@pytest.mark.parametrize(
    "values",
    [{"name": " "}, {"days": 0}, {"days": 4_000}, {"origins": ["*"]}, {"totalPerHour": 0}, {"addressPerHour": 1e6}],
)
def test_what_cannot_be_opened(visits: Product, rest: Rest, values: dict[str, Any]) -> None:
    assert opened(rest, **values).status == 400
    assert visits.rows(sa.select(public_form.c.key)) == []


def test_a_process_without_a_form_is_not_for_the_public(visits: Product, rest: Rest) -> None:
    visits.deploy(("plain.bpmn", visit("plain", form=False)))
    refused = opened(rest, processDefinitionId="plain")
    assert (refused.status, refused["code"]) == (409, "wrong_state")
    assert "to have a start form" in refused["detail"]
