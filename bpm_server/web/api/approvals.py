"""``/api/tasks/{userTaskKey}/...``: what people do at approval nodes, beside Camunda's contract."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from flask import request

from bpm_server.domain.approvals.items import GroupMode, ItemState, Place
from bpm_server.domain.approvals.node import Outcome, Where
from bpm_server.domain.approvals.policy import AfterReturn, Mode
from bpm_server.domain.approvals.undo import UNDOABLE
from bpm_server.domain.returning import WhyHidden
from bpm_server.domain.tasks import LONGEST_COMMENT
from bpm_server.reports import approvals as report
from bpm_server.reports.undo import undoable_at
from bpm_server.services import approvals, informing, returning, tasks, transfers, undoing
from bpm_server.services.decision_links import make_link
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import (
    Anything,
    Data,
    Flag,
    Key,
    Many,
    Moment,
    Names,
    Number,
    One,
    Reply,
    StrictBody,
    Text,
    Word,
)
from bpm_server.web.listening import await_listeners

if TYPE_CHECKING:
    from collections.abc import Mapping

api = ApiBlueprint("approvals", prefix="/api", tag="Approval")
PATH = "/tasks/{userTaskKey}"
COMMENT = LONGEST_COMMENT
MOST_PEOPLE = 100


# --- shapes ---------------------------------------------------------------------------------------------


class SignatureResult(Reply):
    """Somebody who is asked, or was, with the reason."""

    item_key = Key(of="key")
    round_ = Number(of="round")
    person = Text()
    state = Word(ItemState)
    place = Word(Place)
    added_to = Key(of="parent", null=True)
    added_by = Text(null=True)
    reason = Data()
    acted_by = Text(null=True)
    acted_at = Moment(null=True)
    comment = Text(longest=COMMENT, null=True)


class TargetResult(Reply):
    """Where it can be returned to; ``hidden`` says why it cannot."""

    target = Text(of="name")
    element_id = Text(null=True)
    hidden = Word(WhyHidden, null=True)


class UndoableResult(Reply):
    """A transfer, a delegation or added signers of the caller that nothing has followed yet."""

    act_key = Key(of="key")
    act = Word(UNDOABLE)
    people = Names()


class ApprovalResult(Reply):
    """An approval node: its policy in short, who is asked, what each said."""

    mode = Word(Mode)
    after_return = Word(AfterReturn)
    initiator = Text(null=True)
    round_ = Number(of="round")
    is_correcting = Flag()
    outcome = Word(Outcome, null=True)
    target = Text(null=True)
    decided_by = Text(null=True)
    signatures = Many(SignatureResult)
    return_targets = Many(TargetResult)
    undoable = One(UndoableResult, null=True)


class FactResult(Reply):
    """A variable that the process names in its property ``summary``."""

    name = Text()
    value = Anything(null=True)


class CardResult(Reply):
    """An approval for a chat. ``decideUrl`` acts as who asked for it; null where it is not their turn."""

    title = Text(null=True)
    process_id = Text()
    initiator = Text(null=True)
    created_at = Moment()
    facts = Many(FactResult)
    open_url = Text(longest=2_000)
    decide_url = Text(longest=2_000, null=True)


class Said(StrictBody):
    """Words alone."""

    comment = Text(longest=COMMENT, null=True, load_default=None)


class Acting(Said):
    """Words, and on which item where one acts on several."""

    item_key = Key(null=True, load_default=None)


class Decision(Acting):
    """A vote, with what was entered into the form."""

    outcome = Word((Outcome.APPROVED, Outcome.REJECTED), required=True)
    variables = Data(null=True, load_default=None)


class Decided(Reply):
    """What the node has decided; null while others are asked."""

    outcome = Word(Outcome, null=True)


class Adding(Acting):
    """More signers: before the one who adds, after them, or beside them; how many of several must agree."""

    people = Names(most=MOST_PEOPLE, required=True)
    where = Word(Where, required=True)
    mode = Word(GroupMode, load_default=GroupMode.ALL)


class Naming(StrictBody):
    """Signers whom an administrator names."""

    people = Names(most=MOST_PEOPLE, required=True)
    comment = Text(longest=COMMENT, required=True)


class Removing(StrictBody):
    """Whose item ends."""

    item_key = Key(required=True)
    comment = Text(longest=COMMENT, null=True, load_default=None)


class Passing(Acting):
    """Who gets it."""

    to = Text(required=True)


class Undoing(StrictBody):
    """Which of one's acts; null: the last one."""

    act_key = Key(null=True, load_default=None)


class Returning(Acting):
    """``initiator``, ``previous``, or the id of a task that was passed on every way here."""

    target = Text(required=True)


class Returned(Reply):
    """Where it goes on; null where the initiator corrects it beside this task."""

    element_id = Text(null=True)


class Correction(Said):
    """What was corrected."""

    variables = Data(null=True, load_default=None)


class Copying(Said):
    """Whom to inform."""

    people = Names(most=MOST_PEOPLE, required=True)


class People(Reply):
    """People by their names."""

    people = Names()


class Comment(StrictBody):
    """Words beside a task."""

    text = Text(longest=COMMENT, required=True)


class CommentKey(Reply):
    """Its key."""

    comment_key = Key()


# --- looking --------------------------------------------------------------------------------------------


@api.operation("GET", f"{PATH}/approval", "getApproval", gives=ApprovalResult)
def get_approval(call: Call, key: int) -> Mapping[str, Any]:
    """Read an approval: who is asked and why, what each said, where it can be returned to."""
    found = report.approval(call.server, call.actor, key)
    shown = {one.name: getattr(found, one.name) for one in fields(found)}
    policy = {"mode": found.policy.mode, "after_return": found.policy.after_return}
    return {
        **shown,
        **policy,
        "return_targets": report.return_targets(call.server, key),
        "undoable": undoable_at(call.server, call.actor, key, found),
    }


@api.operation("GET", f"{PATH}/card", "getApprovalCard", gives=CardResult)
def get_card(call: Call, key: int) -> Mapping[str, Any]:
    """Read what a chat shows of one's own open approval: title, facts, and a link by which it is decided once."""
    found = report.card(call.server, call.actor, key)
    token = make_link(call.server, call.actor.username, key)
    base = call.server.settings.public_url.rstrip("/") or request.url_root.rstrip("/")
    decide_url = None if token is None else f"{base}/decide/{token}"
    return {**found, "open_url": f"{base}/tasks/{key}", "decide_url": decide_url}


# --- signers --------------------------------------------------------------------------------------------


@api.operation("POST", f"{PATH}/decide", "decideApproval", takes=Decision, gives=Decided, body_required=True)
def decide(call: Call, key: int) -> Mapping[str, Any]:
    """Approve or reject: one's own vote, or that of whom one acts for."""
    body = call.body
    found = approvals.decide(
        call.server, call.actor, key, body["outcome"], body["comment"], variables=body["variables"],
        item=body["item_key"],
    )  # fmt: skip
    return {"outcome": found}


@api.operation("POST", f"{PATH}/add-signers", "addSigners", takes=Adding, gives=Decided, body_required=True)
def add_signers(call: Call, key: int) -> Mapping[str, Any]:
    """Ask more people, before oneself, after oneself or beside oneself."""
    body = call.body
    found = approvals.add_signers(
        call.server, call.actor, key, body["people"], Where(body["where"]), mode=GroupMode(body["mode"]),
        comment=body["comment"], item=body["item_key"],
    )  # fmt: skip
    return {"outcome": found}


@api.operation("POST", f"{PATH}/name-signers", "nameSigners", takes=Naming, status=204, body_required=True)
def name_signers(call: Call, key: int) -> None:
    """Ask more people, as an administrator of the process."""
    approvals.name_signers(call.server, call.actor, key, call.body["people"], call.body["comment"])


@api.operation("POST", f"{PATH}/remove-signer", "removeSigner", takes=Removing, gives=Decided, body_required=True)
def remove_signer(call: Call, key: int) -> Mapping[str, Any]:
    """Let somebody off who has not acted."""
    found = approvals.remove_signer(call.server, call.actor, key, call.body["item_key"], call.body["comment"])
    return {"outcome": found}


@api.operation("POST", f"{PATH}/transfer", "transferApproval", takes=Passing, status=204, body_required=True)
def transfer(call: Call, key: int) -> None:
    """Hand over for good, with a reason: an approval, or a plain task."""
    body = call.body
    await_listeners(
        key,
        lambda: transfers.transfer_task(
            call.server, call.actor, key, body["to"], body["comment"] or "", item=body["item_key"]
        ),
    )


@api.operation("POST", f"{PATH}/delegate", "delegateApproval", takes=Passing, status=204, body_required=True)
def delegate(call: Call, key: int) -> None:
    """Ask somebody what they think; it comes back."""
    body = call.body
    approvals.delegate(call.server, call.actor, key, body["to"], body["comment"], item=body["item_key"])


@api.operation("POST", f"{PATH}/take-back", "takeBackVote", takes=Acting, status=204)
def take_back(call: Call, key: int) -> None:
    """Take one's vote back, as long as nobody has acted after it."""
    approvals.take_back(call.server, call.actor, key, item=call.body["item_key"])


@api.operation("POST", f"{PATH}/undo", "undoAct", takes=Undoing, gives=Decided)
def undo(call: Call, key: int) -> Mapping[str, Any]:
    """Take back one's transfer, delegation or added signers, as long as whoever was asked has done nothing."""
    return {"outcome": undoing.undo_act(call.server, call.actor, key, call.body["act_key"])}


# --- returning ------------------------------------------------------------------------------------------


@api.operation("POST", f"{PATH}/return", "returnApproval", takes=Returning, gives=Returned, body_required=True)
def give_back(call: Call, key: int) -> Mapping[str, Any]:
    """Return for correction, with a reason."""
    body = call.body
    found = returning.give_back(
        call.server, call.actor, key, body["target"], body["comment"] or "", item=body["item_key"]
    )
    return {"element_id": found}


@api.operation("POST", f"{PATH}/resubmit", "resubmitRequest", takes=Correction, status=204)
def resubmit(call: Call, key: int) -> None:
    """Send a corrected request on."""
    returning.resubmit(call.server, call.actor, key, call.body["variables"], call.body["comment"])


@api.operation("POST", "/process-instances/{processInstanceKey}/recall", "recallRequest", takes=Said, status=204)
def recall(call: Call, key: int) -> None:
    """Take one's request back before anybody else has acted."""
    returning.recall(call.server, call.actor, key, call.body["comment"])


@api.operation("POST", "/process-instances/{processInstanceKey}/terminate", "terminateRequest", takes=Said, status=204)
def terminate(call: Call, key: int) -> None:
    """End a case, with a reason."""
    returning.terminate(call.server, call.actor, key, call.body["comment"] or "")


# --- informing ------------------------------------------------------------------------------------------


@api.operation("POST", f"{PATH}/urge", "urgeTask", takes=Said, gives=People)
def urge(call: Call, key: int) -> Mapping[str, Any]:
    """Remind whoever a task waits for."""
    return {"people": informing.urge(call.server, call.actor, key, call.body["comment"])}


@api.operation("POST", f"{PATH}/copies", "sendCopies", takes=Copying, gives=People, body_required=True)
def send_copies(call: Call, key: int) -> Mapping[str, Any]:
    """Inform people of a case; those who were not informed before come back."""
    found = informing.send_copies(call.server, call.actor, key, call.body["people"], call.body["comment"])
    return {"people": found}


@api.operation("POST", "/process-instances/{processInstanceKey}/read", "markCopyRead", status=204)
def mark_read(call: Call, key: int) -> None:
    """Say that one has seen a case that one was informed of."""
    informing.mark_read(call.server, call.actor, key)


@api.operation(
    "POST", f"{PATH}/comments", "commentTask", takes=Comment, gives=CommentKey, status=201, body_required=True
)
def comment(call: Call, key: int) -> Mapping[str, Any]:
    """Write a comment beside a task."""
    return {"comment_key": tasks.comment_task(call.server, call.actor, key, call.body["text"])}
