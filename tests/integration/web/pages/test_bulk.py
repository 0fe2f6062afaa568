"""Many approvals at once: what drops out is said before, what has changed since does too; and taking back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain.approvals.node import Where
from bpm_server.services import approvals
from bpm_server.services.process_instances import start_process
from tests.integration.web.pages.conftest import actor
from tests.support.approvals import Desk, one_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.web.pages.conftest import Browser
    from tests.support.product import Product

    Opens = Callable[..., Browser]


def expenses(company: Product, *amounts: int) -> list[str]:
    """Wu Di asks for expenses; Li Ming is asked first."""
    found = []
    for amount in amounts:
        values = {"title": f"T-{amount}", "expenseType": "travel", "amount": amount, "currency": "CNY"}
        started = start_process(
            company.server, actor(company, "wu.di"), process_id="expense-approval", variables=values
        )
        found.append(str(company.task("approve-superior", instance=started.key).key))
    return found


def confirmed(page: Any) -> dict[str, Any]:
    """What the form of a check sends."""
    fields = [(one.get("name"), one.get("value")) for one in page.tree.cssselect("#bulk-confirm input[type=hidden]")]
    keys = [value for name, value in fields if name == "key"]
    return {**{name: value for name, value in fields if name not in ("key", "csrf_token")}, "key": keys}


def test_what_is_too_large_drops_out_before_anything_is_approved(company: Product, browser: Opens) -> None:
    keys, li = expenses(company, 800, 10_000, 10_001), browser("li.ming")
    page = li.post("/inbox/bulk/check", {"key": keys}, target="detail")
    assert page.one("h2") == "2 of 3 will be approved"
    assert page.one("#drop-out") == "1 drops out"
    said = page.one("li.bad")
    assert said.startswith("The process wants it to be decided on its own; open it.")
    assert "T-10001" in said
    assert Desk(company).items(int(keys[0])) == {"li.ming": "to-do"}
    done = li.post("/inbox/bulk", confirmed(page), target="detail")
    assert done.one("h2") == "2 tasks approved"
    late = li.post("/inbox/bulk", {"key": keys}, target="detail")
    assert late.one("h2") == "3 not approved"
    assert any(text.startswith("李明 decided at") for text in late.texts("li.bad p"))


def test_a_row_that_changes_before_the_confirmation_drops_out(company: Product, browser: Opens) -> None:
    (key,), li = expenses(company, 800), browser("li.ming")
    form = confirmed(li.post("/inbox/bulk/check", {"key": [key]}, target="detail"))
    approvals.add_signers(company.server, actor(company, "li.ming"), int(key), ["wang.fang"], Where.PARALLEL)
    done = li.post("/inbox/bulk", form, target="detail")
    assert "It has changed since you looked; open it." in done.one("li.bad")
    assert Desk(company).items(int(key))["li.ming"] == "to-do"


def test_nothing_to_confirm_where_everything_drops_out(company: Product, browser: Opens) -> None:
    keys = expenses(company, 20_000)
    page = browser("li.ming").post("/inbox/bulk/check", {"key": keys})
    assert page.texts("#bulk-confirm") == []
    assert page.one(".bulk-result h2") == "0 of 1 will be approved"


# --- taking back ----------------------------------------------------------------------------------------


@pytest.fixture
def countersign(company: Product) -> int:
    """Three must agree."""
    company.deploy(one_node("all", "wang.fang, zhang.wei, liu.yang"))
    start_process(company.server, actor(company, "li.ming"), process_id="p", variables={})
    return company.task("sign").key


def told(page: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.headers["HX-Trigger"])
    return found


def test_a_vote_is_taken_back_as_long_as_others_are_asked(company: Product, browser: Opens, countersign: int) -> None:
    desk, wang = Desk(company), browser("wang.fang")
    voted = wang.post(f"/tasks/{countersign}/complete", {"outcome": "approved"}, target="detail")
    undo = told(voted)["task-done"]["undo"]
    assert undo == f"/tasks/{countersign}/acts/take-back?undo=1"
    back = wang.post(undo, target="detail")
    assert told(back)["say"]["text"] == "Your vote is taken back"
    assert back.headers["HX-Push-Url"] == f"/tasks/{countersign}"
    assert desk.items(countersign)["wang.fang"] == "to-do"


def test_what_decides_has_no_way_back_and_says_who_decided(company: Product, browser: Opens, countersign: int) -> None:
    wang, zhang = browser("wang.fang"), browser("zhang.wei")
    undo = told(wang.post(f"/tasks/{countersign}/complete", {"outcome": "approved"}, target="detail"))["task-done"]
    decided = zhang.post(f"/tasks/{countersign}/complete", {"outcome": "rejected", "comment": "no"}, target="detail")
    assert told(decided)["task-done"]["undo"] == ""
    late = wang.post(undo["undo"], target="detail")
    assert (late.status, late.text, late.headers["HX-Reswap"]) == (409, "", "none")
    assert told(late)["say"] == {"text": "It cannot be taken back: 张伟 has decided.", "tone": "bad"}


def test_a_sequence_says_who_acted_after(company: Product, browser: Opens) -> None:
    company.deploy(one_node("sequential", "wang.fang, zhang.wei, liu.yang"))
    start_process(company.server, actor(company, "li.ming"), process_id="p", variables={})
    key, wang = company.task("sign").key, browser("wang.fang")
    undo = told(wang.post(f"/tasks/{key}/complete", {"outcome": "approved"}, target="detail"))["task-done"]["undo"]
    browser("zhang.wei").post(f"/tasks/{key}/complete", {"outcome": "approved"})
    assert told(wang.post(undo, target="detail"))["say"]["text"] == "It cannot be taken back: 张伟 acted after you."


def test_a_delegation_and_a_claim_are_taken_back(company: Product, browser: Opens, countersign: int) -> None:
    desk, wang = Desk(company), browser("wang.fang")
    asked = wang.post(f"/tasks/{countersign}/acts/delegate", {"people": "sun.li"}, target="detail")
    undo = told(asked)["task-done"]["undo"]
    assert desk.items(countersign)["wang.fang"] == "delegated"
    wang.post(undo, target="detail")
    assert desk.items(countersign)["wang.fang"] == "to-do"

    key = wang.get("/").tree.cssselect(".row-item[data-key]")[0].get("data-key")
    claimed = wang.post(f"/tasks/{key}/claim", target="detail")
    assert told(claimed)["say"]["text"] == "Claimed"
    released = wang.post(told(claimed)["say"]["undo"], target="detail")
    assert told(released)["say"] == {"text": "Taken back", "undo": ""}
