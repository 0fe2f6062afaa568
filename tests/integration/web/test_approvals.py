"""Approvals over REST: acting, looking, and everything that is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.approvals import Desk, one_node
from tests.support.bpmn_builder import Process
from tests.support.rest import add_person

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.product import Product
    from tests.support.rest import Rest

    As = Callable[[str], Rest]


@pytest.fixture
def as_(bpm: Product, nobody: Rest) -> As:
    """Somebody of the staff, signed in."""
    tokens = {name: add_person(bpm, name, roles=("staff",)) for name in ("ann", "bob", "cai", "dan", "eve", "fei")}
    return lambda name: nobody.as_(tokens[name])


def begin(bpm: Product, as_: As, file: bytes) -> tuple[Desk, int, str]:
    """Eve starts; the desk, the instance, and the path of the task."""
    bpm.deploy(file)
    started = as_("eve").post("/v2/process-instances", {"processDefinitionId": "p", "variables": {"amount": 7}})
    desk = Desk(bpm)
    return desk, int(started["processInstanceKey"]), f"/api/tasks/{desk.task()}"


def test_votes_decide_and_everybody_who_took_part_sees_how(bpm: Product, as_: As) -> None:
    _, instance, path = begin(bpm, as_, one_node("all", "ann, bob"))
    first = as_("ann").post(f"{path}/decide", {"outcome": "approved", "comment": "fine"})
    assert (first.status, first.body) == (200, {"outcome": None})
    shown = as_("ann").get(f"{path}/approval")
    assert [(one["person"], one["state"], one["comment"]) for one in shown["signatures"]] == [
        ("ann", "approved", "fine"),
        ("bob", "to-do", None),
    ]
    assert shown["mode"] == "all"
    assert shown["returnTargets"] == [{"target": "initiator", "elementId": None, "hidden": None}]
    assert as_("bob").post(f"{path}/decide", {"outcome": "approved"}).body == {"outcome": "approved"}
    assert bpm.variables(instance)["amount"] == 7
    for name in ("ann", "bob"):
        assert [one["state"] for one in as_(name).search("user-tasks")] == ["COMPLETED"]
    assert as_("cai").search("user-tasks") == []


def test_every_act_has_its_address(bpm: Product, as_: As) -> None:
    desk, instance, path = begin(bpm, as_, one_node("all", "ann", after_return="direct"))
    key = int(path.rpartition("/")[2])
    ann, eve = as_("ann"), as_("eve")
    assert eve.post(f"{path}/urge", {"comment": "please"}).body == {"people": ["ann"]}
    again = eve.post(f"{path}/urge")
    assert (again.status, again.headers["Retry-After"]) == (429, "3601")
    assert ann.post(f"{path}/copies", {"people": ["fei"]}).body == {"people": ["fei"]}
    assert as_("fei").get(f"{path}/approval").status == 200
    assert as_("fei").post(f"/api/process-instances/{instance}/read").status == 204
    assert ann.post(f"{path}/comments", {"text": "one moment"}).status == 201
    assert ann.post(f"{path}/add-signers", {"people": ["bob"], "where": "parallel"}).body == {"outcome": None}
    item = str(desk.item(key, "bob"))
    assert ann.post(f"{path}/remove-signer", {"itemKey": item}).body == {"outcome": None}
    assert ann.post(f"{path}/delegate", {"to": "cai", "comment": "your view?"}).status == 204
    assert as_("cai").post(f"{path}/decide", {"outcome": "approved"}).body == {"outcome": None}
    assert ann.post(f"{path}/return", {"target": "initiator", "comment": "which customer?"}).body == {"elementId": None}
    assert eve.post(f"{path}/resubmit", {"variables": {"amount": 8}, "comment": "added"}).status == 204
    assert ann.post(f"{path}/transfer", {"to": "dan", "comment": "away"}).status == 204
    assert as_("dan").post(f"{path}/decide", {"outcome": "rejected", "comment": "no"}).body == {"outcome": "rejected"}
    assert [act for _, act in desk.acts(key)] == [
        "urge", "copy", "add", "remove", "delegate", "approve", "return", "resubmit", "transfer", "reject",
    ]  # fmt: skip
    assert bpm.state(instance) == "COMPLETED"


def test_a_vote_is_taken_back_and_a_request_recalled(bpm: Product, as_: As) -> None:
    desk, instance, path = begin(bpm, as_, one_node("all", "ann, bob"))
    as_("ann").post(f"{path}/decide", {"outcome": "approved"})
    assert as_("ann").post(f"{path}/take-back").status == 204
    assert desk.asked(int(path.rpartition("/")[2])) == ["ann", "bob"]
    refused = as_("eve").post(f"/api/process-instances/{instance}/recall")
    assert (refused.status, refused["actedSince"]) == (409, ["ann"])
    assert as_("ann").post(f"/api/process-instances/{instance}/terminate", {"comment": "x"}).status == 403


def test_what_was_asked_of_others_is_taken_back(bpm: Product, as_: As) -> None:
    desk, _, path = begin(bpm, as_, one_node("all", "ann, bob"))
    key, ann = int(path.rpartition("/")[2]), as_("ann")
    assert ann.get(f"{path}/approval")["undoable"] is None
    ann.post(f"{path}/add-signers", {"people": ["cai", "dan"], "where": "parallel"})
    shown = ann.get(f"{path}/approval")["undoable"]
    assert (shown["act"], shown["people"]) == ("add", ["cai", "dan"])
    assert as_("bob").get(f"{path}/approval")["undoable"] is None
    assert as_("bob").post(f"{path}/undo").status == 403
    ann.post(f"{path}/transfer", {"to": "fei", "comment": "away"})
    assert ann.post(f"{path}/undo", {"actKey": shown["actKey"]}).body == {"outcome": None}
    assert desk.asked(key) == ["bob", "fei"]
    refused = as_("cai").post(f"{path}/decide", {"outcome": "approved"})
    assert (refused.status, refused["takenBackBy"]) == (409, "ann")
    assert ann.post(f"{path}/undo").body == {"outcome": None}
    refused = ann.post(f"{path}/undo")
    assert (refused.status, refused["undone"]) == (409, True)
    assert desk.asked(key) == ["ann", "bob"]
    ann.post(f"{path}/delegate", {"to": "fei"})
    as_("fei").post(f"{path}/decide", {"outcome": "approved"})
    refused = ann.post(f"{path}/undo")
    assert (refused.status, refused["actedSince"]) == (409, ["fei"])
    assert ann.post(f"{path}/undo", {"actKey": "7"}).status == 403


def test_a_plain_task_is_transferred_and_taken_back(bpm: Product, as_: As) -> None:
    p = Process()
    p.path(p.start(), p.user("sign", extra='<zeebe:assignmentDefinition assignee="ann"/>'), p.end())
    _, _, path = begin(bpm, as_, p.xml())
    ann, dan = as_("ann"), as_("dan")
    assert dan.post(f"{path}/transfer", {"to": "dan", "comment": "mine"}).status == 403
    assert ann.post(f"{path}/transfer", {"to": "dan"}).status == 400
    assert ann.post(f"{path}/transfer", {"to": "ann", "comment": "x"}).status == 400
    assert ann.post(f"{path}/transfer", {"to": "nobody", "comment": "x"}).status == 404
    assert ann.post(f"{path}/transfer", {"to": "dan", "comment": "away"}).status == 204
    assert [one["assignee"] for one in dan.search("user-tasks")] == ["dan"]
    assert ann.post(f"{path}/undo").body == {"outcome": None}
    assert [one["assignee"] for one in ann.search("user-tasks")] == ["ann"]
    refused = dan.post(f"/v2/user-tasks/{path.rpartition('/')[2]}/completion")
    assert (refused.status, refused["takenBackBy"]) == (409, "ann")


@pytest.mark.parametrize(
    ("name", "act", "body", "status", "part"),
    [
        ("fei", "decide", {"outcome": "approved"}, 403, "to be asked"),
        ("eve", "decide", {"outcome": "approved"}, 403, "to be asked"),
        ("ann", "decide", {"outcome": "returned"}, 400, "approved, rejected"),
        ("ann", "decide", {"outcome": "rejected"}, 400, "why it is rejected"),
        ("ann", "decide", {"outcome": "approved", "colour": 1}, 400, "colour"),
        ("ann", "decide", {"outcome": "approved", "comment": "x" * 10_001}, 400, "10000 characters"),
        ("ann", "decide", {"outcome": "approved", "itemKey": "1"}, 403, "others are"),
        ("ann", "transfer", {"to": "eve", "comment": "x"}, 400, "made the request"),
        ("ann", "transfer", {"to": "nobody", "comment": "x"}, 404, "not known"),
        ("ann", "transfer", {"to": "dan"}, 400, "why it is transferred"),
        ("ann", "delegate", {"to": "bob"}, 400, "signs here already"),
        ("ann", "add-signers", {"people": [], "where": "before"}, 400, "nobody"),
        ("ann", "add-signers", {"people": ["cai"], "where": "above"}, 400, "before, after, parallel"),
        ("ann", "remove-signer", {"itemKey": "77"}, 404, "item '77'"),
        ("ann", "return", {"target": "nowhere", "comment": "x"}, 400, "initiator"),
        ("ann", "return", {"target": "initiator"}, 400, "why it is returned"),
        ("ann", "name-signers", {"people": ["cai"], "comment": "x"}, 403, "administrator"),
        ("ann", "take-back", {}, 403, "others are"),
        ("eve", "resubmit", {}, 409, "signers are asked"),
        ("fei", "urge", {}, 403, "READ_USER_TASK"),
        ("fei", "copies", {"people": ["fei"]}, 403, "READ_USER_TASK"),
    ],
)
def test_what_is_refused_changes_nothing(
    bpm: Product, as_: As, name: str, act: str, body: dict[str, object], status: int, part: str
) -> None:
    desk, _, path = begin(bpm, as_, one_node("all", "ann, bob"))
    answer = as_(name).post(f"{path}/{act}", body)
    assert (answer.status, part in answer["detail"]) == (status, True), answer.body
    assert desk.acts(int(path.rpartition("/")[2])) == []


def test_too_late_says_who_decided_and_a_plain_task_is_no_approval(bpm: Product, as_: As) -> None:
    from tests.support.bpmn_builder import one_task

    _, _, path = begin(bpm, as_, one_node("any", "ann, bob"))
    as_("ann").post(f"{path}/decide", {"outcome": "approved"})
    late = as_("bob").post(f"{path}/decide", {"outcome": "approved"})
    assert (late.status, late["decidedBy"], late["outcome"]) == (409, "ann", "approved")
    bpm.deploy(one_task("plain"))
    bpm.start("plain")
    plain = f"/api/tasks/{bpm.task('a').key}"
    assert as_("ann").post(f"{plain}/decide", {"outcome": "approved"}).status == 409
    assert as_("ann").get(f"{plain}/approval").status == 403


def test_over_camunda_s_interface_it_is_a_task_with_candidates_whose_completion_is_a_vote(
    bpm: Product, as_: As
) -> None:
    _, _, path = begin(bpm, as_, one_node("all", "ann, bob"))
    key = path.rpartition("/")[2]
    assert as_("ann").get(f"/v2/user-tasks/{key}")["candidateUsers"] == ["ann", "bob"]
    wrong = as_("ann").post(f"/v2/user-tasks/{key}/completion", {"variables": {"amount": 3}})
    assert (wrong.status, wrong["decide"]) == (409, f"/api/tasks/{key}/decide")
    assert as_("ann").post(f"/v2/user-tasks/{key}/completion", {"variables": {"outcome": "approved"}}).status == 204
    assert as_("ann").get(f"/v2/user-tasks/{key}")["candidateUsers"] == ["bob"]
