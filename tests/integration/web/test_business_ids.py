"""``BPM_UNIQUE_BUSINESS_IDS``: one active case for each business id of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.bpmn_builder import one_task
from tests.support.contention import at_once
from tests.support.rest import add_person, application

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Answer, Rest

START = "/v2/process-instances"


@pytest.fixture
def strict(bpm: Product) -> Rest:
    product, nobody = application(bpm, unique_business_ids=True)
    product.deploy(one_task())
    product.deploy(one_task("q"))
    return nobody.as_(add_person(product, "root", roles=("admin",)))


def start(rest: Rest, business_id: str | None, process_id: str = "p") -> Answer:
    return rest.post(START, {"processDefinitionId": process_id, "businessId": business_id})


def test_a_second_case_is_refused_and_told_the_first(strict: Rest) -> None:
    first = start(strict, "SO-1")
    second = start(strict, "SO-1")
    assert (first.status, second.status) == (200, 409)
    assert second["code"] == "already_exists"
    assert second["processInstanceKey"] == first["processInstanceKey"]


def test_other_processes_other_ids_and_ended_cases_do_not_count(strict: Rest) -> None:
    first = start(strict, "SO-1")
    assert start(strict, "SO-1", "q").status == 200
    assert start(strict, "SO-2").status == 200
    assert [start(strict, None).status for _ in range(2)] == [200, 200]
    assert strict.post(f"{START}/{first['processInstanceKey']}/cancellation", {}).status == 204
    assert start(strict, "SO-1").status == 200


def test_of_twenty_at_once_one_starts_and_the_others_are_told_which(strict: Rest) -> None:
    replies = at_once(20, lambda _: start(strict, "SO-1"))
    assert sorted(one.status for one in replies) == [200] + [409] * 19
    assert len({one["processInstanceKey"] for one in replies}) == 1


def test_camunda_7_starts_keep_to_it_too(strict: Rest) -> None:
    path = "/engine-rest/process-definition/key/p/start"
    assert strict.post(path, {"businessKey": "SO-1"}).status == 200
    assert strict.post(path, {"businessKey": "SO-1"}).status == 400


def test_an_id_cannot_be_given_afterwards(strict: Rest) -> None:
    path = f"{START}/{start(strict, None)['processInstanceKey']}/business-id-assignment"
    assert strict.post(path, {"businessId": "SO-1"}).status == 409


def test_without_the_setting_ids_may_repeat_and_be_given_afterwards(bpm: Product, rest: Rest) -> None:
    bpm.deploy(one_task())
    assert [start(rest, "SO-1").status for _ in range(2)] == [200, 200]
    path = f"{START}/{start(rest, None)['processInstanceKey']}/business-id-assignment"
    assert [rest.post(path, {"businessId": one}).status for one in ("SO-1", "SO-1", "SO-2")] == [204, 204, 409]
