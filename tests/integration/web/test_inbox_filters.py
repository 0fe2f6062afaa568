"""Saved searches of the inbox over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.bpmn_builder import Process
from tests.support.rest import add_person

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Rest

FILTERS = "/api/inbox-filters"


@pytest.fixture
def ann(bpm: Product, rest: Rest) -> Rest:
    """Somebody with a task."""
    p = Process()
    p.path(p.start(), p.user("sign", extra='<zeebe:assignmentDefinition assignee="ann"/>'), p.end())
    bpm.deploy(p.xml())
    bpm.start()
    return rest.as_(add_person(bpm, "ann", roles=("staff",)))


def test_made_listed_changed_moved_and_removed(ann: Rest) -> None:
    first = ann.post(FILTERS, {"name": "All"})["inboxFilterKey"]
    second = ann.post(FILTERS, {"name": "Late", "due": "overdue", "sort": "due", "text": "x"})["inboxFilterKey"]
    ann.post(FILTERS, {"name": "Done", "tab": "done"})
    ann.post(f"{FILTERS}/{second}/move-up")
    late, everything, done = ann.get(FILTERS)["items"]
    assert late == {
        "inboxFilterKey": second, "name": "Late", "owner": "ann", "text": "x", "processDefinitionId": None,
        "due": "overdue", "tab": "todo", "sort": "due", "sharedWith": None, "version": 1,
        "count": 0, "countOrMore": False,
    }  # fmt: skip
    assert (everything["count"], done["count"]) == (1, 0)
    ann.patch(f"{FILTERS}/{first}", {"name": "Everything"})
    ann.delete(f"{FILTERS}/{second}")
    assert [one["name"] for one in ann.get(FILTERS)["items"]] == ["Everything", "Done"]


def test_a_search_is_changed_where_nobody_else_has_changed_it(ann: Rest) -> None:
    key = ann.post(FILTERS, {"name": "Late", "due": "overdue", "text": "x"})["inboxFilterKey"]
    assert ann.call("PATCH", f"{FILTERS}/{key}", {"search": {"tab": "done"}, "version": 1}).status == 204
    (late,) = ann.get(FILTERS)["items"]
    assert (late["name"], late["tab"], late["due"], late["text"], late["version"]) == ("Late", "done", None, None, 2)
    refused = ann.call("PATCH", f"{FILTERS}/{key}", {"search": {}, "version": 1})
    assert (refused.status, refused["version"]) == (409, 2)
    assert ann.call("PATCH", f"{FILTERS}/{key}", {"search": {"due": "never"}}).status == 400


def test_shared_by_whoever_may(bpm: Product, rest: Rest, ann: Rest) -> None:
    key = rest.post(FILTERS, {"name": "For all", "sharedWith": "everybody"})["inboxFilterKey"]
    assert [(one["owner"], one["count"]) for one in ann.get(FILTERS)["items"]] == [("root", 1)]
    assert ann.call("POST", FILTERS, {"name": "x", "sharedWith": "everybody"}).status == 403
    assert ann.call("DELETE", f"{FILTERS}/{key}").status == 403
    rest.patch(f"{FILTERS}/{key}", {"sharedWith": None})
    assert ann.get(FILTERS)["items"] == []


@pytest.mark.parametrize("body", [{}, {"name": "x", "due": "never"}, {"name": "x", "tab": ""}, {"name": "x", "by": 1}])
def test_what_cannot_be_understood_is_refused(ann: Rest, body: dict[str, object]) -> None:
    assert ann.call("POST", FILTERS, body).status == 400
    assert ann.get(FILTERS)["items"] == []
