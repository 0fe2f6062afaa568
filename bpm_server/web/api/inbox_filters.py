"""``/api/inbox-filters``: searches of the inbox that somebody keeps, and those that others share with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from bpm_server.domain.inbox_filters import LONGEST_NAME, LONGEST_PROCESS, LONGEST_TEXT, Criteria, Due, Sort, Tab
from bpm_server.reports import inbox_filters as report
from bpm_server.reports.clock import engine_time
from bpm_server.services import inbox_filters
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Flag, Key, Many, Number, One, Reply, StrictBody, Text, Word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.reports.inbox_filters import Count
    from bpm_server.store.inbox_filters import FilterRow

api = ApiBlueprint("inbox-filters", prefix="/api", tag="Inbox")
DUES = tuple(word for word in Due if word)
SORTS = tuple(word for word in Sort if word)


class InboxFilter(Reply):
    """A search with a name; ``count``: what it finds, up to 100, null for texts in other lists than ``todo``.

    ``countOrMore``: only the newest 1,000 were looked through for the process.
    """

    inbox_filter_key = Key(of="key")
    name = Text()
    owner = Text()
    text = Text(null=True)
    process_definition_id = Text(of="process_id", null=True)
    due = Word(DUES, null=True)
    tab = Word(Tab)
    sort = Word(SORTS, null=True)
    shared_with = Text(null=True)
    version = Number()
    count = Number(null=True)
    count_or_more = Flag()


class InboxFilters(Reply):
    """One's own in their order, then those of others."""

    items = Many(InboxFilter)


class InboxFilterSearch(StrictBody):
    """A search as a whole."""

    text = Text(longest=LONGEST_TEXT, null=True, load_default=None)
    process_definition_id = Text(longest=LONGEST_PROCESS, null=True, load_default=None)
    due = Word(DUES, null=True, load_default=None)
    tab = Word(Tab, load_default=Tab.TODO)
    sort = Word(SORTS, null=True, load_default=None)


class InboxFilterCreation(InboxFilterSearch):
    """A search to keep; ``sharedWith``: ``everybody``, ``group:<id>``, or null."""

    name = Text(longest=LONGEST_NAME, required=True)
    shared_with = Text(longest=LONGEST_PROCESS, null=True, load_default=None)


class InboxFilterChange(StrictBody):
    """What is to change; members that are not there stay. With ``version`` only where nobody has changed it since."""

    name = Text(longest=LONGEST_NAME)
    shared_with = Text(longest=LONGEST_PROCESS, null=True)
    search = One(InboxFilterSearch)
    version = Number()


class NewInboxFilter(Reply):
    """The key of a filter."""

    inbox_filter_key = Key(of="key")


@api.operation("GET", "/inbox-filters", "listInboxFilters", gives=InboxFilters)
def list_inbox_filters(call: Call) -> dict[str, Any]:
    """List the searches that one sees, with what each finds now."""
    found = report.filters_of(call.server, call.actor).all
    zone = ZoneInfo(call.actor.time_zone or call.server.settings.time_zone)
    counts = report.count_filters(call.server, call.actor, found, engine_time(call.server), zone)
    return {"items": [_values(one, counts.get(one.key)) for one in found]}


def _values(row: FilterRow, count: Count | None) -> Mapping[str, Any]:
    criteria = row.criteria
    return {
        "key": row.key,
        "name": row.name,
        "owner": row.owner,
        "text": criteria.text or None,
        "process_id": criteria.process_id or None,
        "due": criteria.due or None,
        "tab": criteria.tab,
        "sort": criteria.sort or None,
        "shared_with": row.shared_with,
        "version": row.version,
        "count": None if count is None else count.number,
        "count_or_more": count is not None and count.or_more,
    }


@api.operation(
    "POST",
    "/inbox-filters",
    "createInboxFilter",
    takes=InboxFilterCreation,
    gives=NewInboxFilter,
    status=201,
    body_required=True,
)
def create_inbox_filter(call: Call) -> dict[str, int]:
    """Keep a search of the inbox under a name."""
    body = call.body
    key = inbox_filters.save_filter(call.server, call.actor, body["name"], _criteria(body), body["shared_with"])
    return {"key": key}


def _criteria(body: Mapping[str, Any]) -> Criteria:
    return Criteria(
        (body["text"] or "").strip(),
        body["process_definition_id"] or "",
        Due(body["due"] or ""),
        Tab(body["tab"]),
        Sort(body["sort"] or ""),
    )


@api.operation(
    "PATCH",
    "/inbox-filters/{inboxFilterKey}",
    "changeInboxFilter",
    takes=InboxFilterChange,
    status=204,
    body_required=True,
)
def change_inbox_filter(call: Call, key: int) -> None:
    """Rename a filter, change its search or with whom it is shared."""
    body = call.body
    inbox_filters.change_filter(
        call.server,
        call.actor,
        key,
        name=body.get("name"),
        shared_with=body.get("shared_with", ...),
        criteria=_criteria(body["search"]) if "search" in body else None,
        version=body.get("version"),
    )


@api.operation("POST", "/inbox-filters/{inboxFilterKey}/move-up", "moveInboxFilterUp", status=204)
def move_inbox_filter_up(call: Call, key: int) -> None:
    """Put one of one's own filters before the one above it."""
    inbox_filters.move_filter_up(call.server, call.actor, key)


@api.operation("DELETE", "/inbox-filters/{inboxFilterKey}", "deleteInboxFilter", status=204)
def delete_inbox_filter(call: Call, key: int) -> None:
    """Remove a filter."""
    inbox_filters.delete_filter(call.server, call.actor, key)
