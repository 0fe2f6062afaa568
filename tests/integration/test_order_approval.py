"""The order approval process through the services, on both databases."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import Actor
from bpm_server.kernel.errors import InvalidInput
from bpm_server.services import tasks
from bpm_server.store.tables.connectors import webhook_delivery
from bpm_server.store.tables.decisions import decision_instance
from tests.support.content import deploy_content
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product

ORDER: dict[str, Any] = {
    "orderNumber": "SO-1",
    "customer": "上海华泰精密机械有限公司",
    "currency": "CNY",
    "lines": [{"product": "CNC-500", "quantity": 2, "unitPrice": 240000}],
    "initiator": "li.ming",
}


@pytest.fixture
def orders(bpm: Product) -> Product:
    deploy_content(bpm)
    return bpm


def review(bpm: Product, element: str, outcome: str = "approved", comment: str = "好") -> None:
    bpm.task(element).complete(outcome=outcome, comment=comment)


def start(bpm: Product, amount: Any) -> int:
    return bpm.start("order-approval", **ORDER, amount=amount)


@pytest.mark.parametrize(("amount", "needs_general_manager"), [(480_000, False), (500_000, False), (500_001, True)])
def test_only_more_than_half_a_million_needs_the_general_manager(
    orders: Product, amount: int, needs_general_manager: bool
) -> None:
    start(orders, amount)
    for element in ("review-technology", "review-purchasing", "review-finance"):
        review(orders, element)
    assert orders.open_tasks() == (["review-general-manager"] if needs_general_manager else [])


def test_technology_and_purchasing_are_asked_at_the_same_time(orders: Product) -> None:
    start(orders, 1000)
    assert orders.open_tasks() == ["review-purchasing", "review-technology"]


def test_a_rejection_by_one_department_ends_the_task_of_the_other(orders: Product) -> None:
    key = start(orders, 1000)
    review(orders, "review-technology", "rejected", "做不了")
    assert orders.open_tasks() == []
    assert orders.state(key) == "COMPLETED"


def test_a_returned_order_comes_back_to_sales_with_the_comments(orders: Product) -> None:
    key = start(orders, 1000)
    review(orders, "review-purchasing", "returned", "缺少交期")
    assert orders.open_tasks() == ["correct-order"]
    assert orders.variables(key)["reviews"] == [{"department": "采购部", "outcome": "returned", "comment": "缺少交期"}]
    orders.task("correct-order").complete(Actor("li.ming"), amount=2000)
    assert orders.variables(key)["amount"] == 2000
    assert orders.open_tasks() == ["review-purchasing", "review-technology"]


def test_the_handoff_goes_into_the_outbox_with_every_digit_of_the_amount(orders: Product) -> None:
    start(orders, Decimal("500000.01"))
    for element in ("review-technology", "review-purchasing", "review-finance", "review-general-manager"):
        review(orders, element)
    delivery = orders.rows(sa.select(*webhook_delivery.columns))[0]
    assert delivery.endpoint_name == "finance"
    assert delivery.event_type == "order.approved"
    assert b'"amount":500000.01' in delivery.payload


def test_the_decision_is_explained(orders: Product) -> None:
    start(orders, 500_001)
    evaluation = orders.scalars(sa.select(decision_instance.c.evaluation))[0]
    assert '"rule-large"' in evaluation
    assert '"value":500001' in evaluation


def test_a_review_offers_three_outcomes_and_no_needs_a_reason(orders: Product) -> None:
    start(orders, 1000)
    reviewer = Actor("wang.fang", groups=frozenset({"technology"}))
    task = orders.task("review-technology").key
    with pytest.raises(Exception, match="Expected one of the outcomes approved, rejected, returned"):
        tasks.complete_task(orders.server, reviewer, task, {}, outcome="maybe")
    with pytest.raises(Exception, match="Expected a comment"):
        tasks.complete_task(orders.server, reviewer, task, {}, outcome="returned")
    tasks.complete_task(orders.server, reviewer, task, {}, outcome="returned", comment="参数不全")
    assert orders.open_tasks() == ["correct-order"]


@pytest.mark.parametrize("lines", [[], [{"sku": "A-1"}], None, "missing"], ids=str)
def test_programs_need_to_send_only_outcome_and_comment(orders: Product, lines: Any) -> None:
    """The public interface of the process: data that the forms would not have let in does not stop it."""
    variables = {name: value for name, value in ORDER.items() if name != "lines"}
    if lines != "missing":
        variables["lines"] = lines
    instance = orders.start("order-approval", **variables, amount=1000)

    def complete(element: str, **values: Any) -> None:
        tasks.complete_task(orders.server, ADMIN, orders.task(element).key, values, from_form=True)

    complete("review-technology", outcome="returned", comment="Which machine?")
    complete("correct-order", amount=2000)
    for element in ("review-technology", "review-purchasing", "review-finance"):
        complete(element, outcome="approved", comment="ok")
    assert orders.variables(instance)["amount"] == 2000


def test_programs_are_told_which_field_is_wrong(orders: Product) -> None:
    start(orders, 1000)
    review(orders, "review-technology", "returned", "why")
    with pytest.raises(InvalidInput) as caught:
        tasks.complete_task(orders.server, ADMIN, orders.task("correct-order").key, {"amount": "many"}, from_form=True)
    assert [error["path"] for error in caught.value.details["errors"]] == [["amount"]]
    assert orders.open_tasks() == ["correct-order"]
