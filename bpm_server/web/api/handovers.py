"""``/api/people/{username}/handover``: one act reassigns everything of a person who leaves, and how far that is."""

from __future__ import annotations

from typing import Any

from bpm_server.domain.handover import What, WorkKind
from bpm_server.domain.states import BatchItemState, BatchOperationState
from bpm_server.domain.tasks import LONGEST_COMMENT
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports import handover as report
from bpm_server.services.handover import start_handover
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.departments import NAME
from bpm_server.web.api.fields import Data, Flag, Key, Many, Moment, Number, Reply, StrictBody, Text, Word
from bpm_server.web.api.searching import Filter, SearchTable

api = ApiBlueprint("handovers", prefix="/api", tag="Organisation")


class WorkResult(Reply):
    """Open tasks of a process that are somebody's for one reason."""

    kind = Word(WorkKind)
    process_definition_id = Text(of="process_id")
    count = Number()


class PlaceResult(Reply):
    """A department that they head, somebody whose named superior they are, or a substitution that names them."""

    what = Word(What)
    name = Text()


class KeptResult(Reply):
    """A place that did not go over."""

    what = Word(What)
    name = Text()
    reason = Text()


class HandoverResult(Reply):
    """A handover, and how far it is; ``failed`` tasks stay with the person."""

    handover_key = Key(of="key")
    person = Text()
    successor = Text()
    successors = Data()
    note = Text()
    has_left = Flag()
    started_by = Text(of="asker")
    state = Word(BatchOperationState)
    total = Number()
    completed = Number()
    failed = Number()
    created_at = Moment()
    ended_at = Moment(null=True)
    moved = Many(PlaceResult)
    kept = Many(KeptResult)


class HandoverPreview(Reply):
    """What would go over now; and the handovers there were, newest first."""

    username = Text(of="person")
    name = Text(null=True)
    active = Flag()
    total = Number()
    work = Many(WorkResult)
    places = Many(PlaceResult)
    handovers = Many(HandoverResult)


class HandoverCreation(StrictBody):
    """To whom and why. ``successors`` names others by process id; ``leaves``: the person has left from now on."""

    successor = Text(longest=NAME, required=True)
    note = Text(longest=LONGEST_COMMENT, required=True)
    successors = Data(load_default=dict)
    leaves = Flag(load_default=False)


class HandoverItemResult(Reply):
    """A task of a handover; the last members are null where its case has been removed."""

    handover_key = Key(of="operation_key")
    user_task_key = Key(of="item_key")
    process_instance_key = Key(of="instance_key")
    process_definition_id = Text(of="process_id", null=True)
    element_id = Text(null=True)
    name = Text(null=True)
    state = Word(BatchItemState)
    processed_at = Moment(null=True)
    error_message = Text(null=True)


ITEMS = SearchTable(
    report.ITEMS,
    HandoverItemResult,
    {
        "handoverKey": "operation_key",
        "userTaskKey": "item_key",
        "processInstanceKey": "instance_key",
        "state": Filter("state", tuple(BatchItemState)),
    },
    sorts=("handoverKey", "userTaskKey", "state"),
)
api.search("/handover-items/search", "searchHandoverItems", ITEMS)


@api.operation("GET", "/people/{username}/handover", "previewHandover", gives=HandoverPreview)
def preview_handover(call: Call, username: str) -> dict[str, Any]:
    """See what a handover of a person would be for, and how far others are; nothing is changed."""
    found = report.preview(call.server, call.actor, username)
    return {
        **{name: getattr(found, name) for name in ("person", "name", "active", "total", "work", "places")},
        "handovers": [_told(one) for one in found.handovers],
    }


@api.operation(
    "POST",
    "/people/{username}/handover",
    "startHandover",
    takes=HandoverCreation,
    gives=HandoverResult,
    status=201,
    body_required=True,
)
def hand_over(call: Call, username: str) -> dict[str, Any]:
    """Hand over all open work of a person, and their places in the organisation."""
    values = call.body
    key = start_handover(
        call.server,
        call.actor,
        username,
        values["successor"],
        values["note"],
        by_process=_names(values["successors"]),
        leaves=values["leaves"],
    )
    return _told(report.handover(call.server, call.actor, username, key))


def _names(successors: dict[str, Any]) -> dict[str, str]:
    for process_id, name in successors.items():
        if not isinstance(name, str):
            message = f"Expected user names by process id, but found {type(name).__name__} for '{process_id[:80]}'"
            raise InvalidInput(message, field="successors")
    return successors


def _told(line: report.HandoverLine) -> dict[str, Any]:
    wanted = line.handover
    others = {name: getattr(line, name) for name in line.__slots__ if name != "handover"}
    return {
        **others,
        "person": wanted.person,
        "successor": wanted.successor,
        "successors": dict(wanted.by_process),
        "note": wanted.note,
    }
