"""Approvals in people's words: how they are decided, how each signer stands, why somebody is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain.approvals.items import ItemState
from bpm_server.domain.approvals.node import Act
from bpm_server.domain.approvals.policy import Compare, Mode, OnReject
from bpm_server.domain.returning import WhyHidden
from bpm_server.web.pages.texts import gettext as _

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bpm_server.domain.approvals.policy import Policy


def mode_text(policy: Policy) -> str:
    """How many must agree."""
    if policy.mode is Mode.VOTE:
        share = f"{policy.threshold * 100:.10g}".removesuffix(".") + " %"
        if policy.compare is Compare.ABOVE:
            return _("Vote: more than %(share)s must agree", share=share)
        return _("Vote: at least %(share)s must agree", share=share)
    if policy.mode is Mode.ANY:
        return _("Or-sign: the first to act decides")
    if policy.mode is Mode.SEQUENTIAL:
        return _("One after the other: each after the one before has agreed")
    if policy.on_reject is OnReject.WAIT_ALL:
        return _("Countersign: all must agree, and everybody is heard")
    return _("Countersign: all must agree; one reject ends it")


def item_state(state: str) -> tuple[str, str]:
    """How a signer stands, and its colour."""
    known = {
        ItemState.WAITING: (_("Not yet their turn"), "secondary"),
        ItemState.TO_DO: (_("Asked"), "azure"),
        ItemState.WAITING_FOR_ADDED: (_("Waiting for added signers"), "azure"),
        ItemState.DELEGATED: (_("Delegated, comes back"), "azure"),
        ItemState.APPROVED: (_("Approved"), "green"),
        ItemState.REJECTED: (_("Rejected"), "red"),
        ItemState.RETURNED: (_("Returned"), "orange"),
        ItemState.TRANSFERRED: (_("Transferred"), "secondary"),
        ItemState.SKIPPED: (_("Skipped"), "secondary"),
        ItemState.CANCELED: (_("Not needed any more"), "secondary"),
        ItemState.HANDLED_BY_ANOTHER: (_("Handled by another"), "secondary"),
        ItemState.TAKEN_BACK: (_("Taken back"), "secondary"),
    }
    return known.get(ItemState(state), (state, "secondary"))


def why_hidden(hidden: WhyHidden | None) -> str:
    """Why a step cannot be returned to; empty where it can."""
    known = {
        WhyHidden.NOT_ON_EVERY_WAY: _("not on every way here"),
        WhyHidden.ELSEWHERE: _("in another part of the process"),
        WhyHidden.NOT_ALLOWED: _("the process does not allow it"),
    }
    return "" if hidden is None else known[hidden]


def why_asked(reason: Mapping[str, Any], name: Callable[[str | None], str], place: Callable[[str], str]) -> list[str]:
    """Why somebody is asked.

    Args:
        reason: As ``services.approval_signers`` tells it.
        name: A person's name.
        place: Name of a department, group or role by its id.
    """
    if "noSigner" in reason:
        return [_("Nobody was found to sign (%(why)s): it goes to the administrator.", why=reason["noSigner"])]
    if "handed_over_from" in reason:
        was, by = name(reason["handed_over_from"]), name(reason.get("by"))
        return [_("It was for %(who)s; %(by)s has handed it over.", who=was, by=by)]
    if "added" in reason:
        return [_("%(who)s has added them.", who=name(reason.get("by")))]
    if "named" in reason:
        return [_("The administrator %(who)s has named them.", who=name(reason["named"]))]
    if "transferred_from" in reason:
        return [_("%(who)s has transferred it.", who=name(reason["transferred_from"]))]
    if "delegated_by" in reason:
        return [_("%(who)s asks what they think.", who=name(reason["delegated_by"]))]
    found = [_rule(one, name, place) for one in reason.get("reasons", ())]
    for one in reason.get("standsFor", ()):
        found.append(_("For %(who)s, who is away.", who=name(one["username"])))
        found += [_rule(why, name, place) for why in one["reasons"]]
    return found


def _rule(one: Mapping[str, Any], name: Callable[[str | None], str], place: Callable[[str], str]) -> str:
    kind, of, department = one.get("rule"), name(one.get("of")), place(one.get("department") or "")
    found = place(str(one.get("name") or ""))
    known = {
        "user": _("The process names them."),
        "group": _("They belong to the group %(name)s.", name=found),
        "role": _("They have the role %(name)s.", name=found),
        "department": _("They belong to the department %(name)s.", name=found),
        "previous_signer": _("They signed before."),
        "initiator": _("They made the request."),
        "head": _("They head the department %(name)s.", name=department or found),
        "superior": _("They are the superior of %(who)s (level %(level)s).", who=of, level=one.get("level") or 1),
        "superiors": _("They are above %(who)s.", who=of),
    }
    return known.get(str(kind), str(kind))


def act_told(act: str, step: str, people: str, values: Mapping[str, Any]) -> tuple[str, str, str]:
    """An act in the timeline: after who did it; its icon and colour."""
    where = {"before": _("before"), "after": _("after"), "parallel": _("beside")}.get(values.get("place") or "", "")
    known = {
        Act.APPROVE: (_("approved %(step)s", step=step), "check", "green"),
        Act.REJECT: (_("rejected %(step)s", step=step), "x", "red"),
        Act.ADD: (
            _("asked %(who)s to sign %(where)s them: %(step)s", who=people, where=where, step=step),
            "plus",
            "blue",
        ),
        Act.NAME: (_("named signers of %(step)s: %(who)s", who=people, step=step), "plus", "blue"),
        Act.REMOVE: (_("removed %(who)s from %(step)s", who=people, step=step), "x", ""),
        Act.TRANSFER: (_("transferred %(step)s to %(who)s", who=people, step=step), "arrow-forward-up", "orange"),
        Act.DELEGATE: (_("asked %(who)s about %(step)s; it comes back", who=people, step=step), "user-check", "blue"),
        Act.TAKE_BACK: (_("took their vote on %(step)s back", step=step), "arrow-back-up", "orange"),
        Act.UNDO: (undone_told(step, people, values.get("place") or ""), "arrow-back-up", "orange"),
        Act.HANDOVER: (handover_told(step, values.get("names", ())), "arrow-forward-up", "orange"),
        Act.RESUBMIT: (_("has corrected the request"), "send", "blue"),
        Act.URGE: (_("reminded %(who)s of %(step)s", who=people, step=step), "alarm", "orange"),
        Act.REMIND: (_("reminded of %(step)s: %(who)s", who=people, step=step), "alarm", "orange"),
        Act.ESCALATE: (_("handed %(step)s up to %(who)s: its time is over", who=people, step=step), "alarm", "red"),
        Act.TIMEOUT: (_("decided %(step)s: its time is over", step=step), "alarm", "red"),
        Act.COPY: (_("informed %(who)s", who=people), "message", "blue")
        if people
        else (_("could not find out whom to inform"), "alert-circle", "red"),
        Act.RECALL: (_("took the request back"), "arrow-back-up", "red"),
        Act.TERMINATE: (_("ended the case"), "ban", "red"),
    }
    return known.get(Act(act), (act, "point", ""))


def undone_told(step: str, people: str, act: str) -> str:
    """What was taken back, and from whom."""
    if act == Act.TRANSFER:
        return _("took %(step)s back from %(who)s", step=step, who=people)
    if act == Act.DELEGATE:
        return _("asks %(who)s about %(step)s no more", step=step, who=people)
    return _("took the added signers of %(step)s back: %(who)s", step=step, who=people)


def handover_told(step: str, names: Sequence[str]) -> str:
    """What was handed over: from whom, and to whom; to nobody where it returns to who had delegated it."""
    if len(names) == 2:
        return _("handed %(step)s over from %(who)s to %(heir)s", step=step, who=names[0], heir=names[1])
    return _("ended what %(who)s was asked about %(step)s: it returns", who=_(", ").join(names), step=step)


def people_in(reason: Mapping[str, Any]) -> list[str]:
    """User names that a reason names."""
    found = [reason.get(name) for name in ("by", "named", "transferred_from", "handed_over_from", "delegated_by")]
    for one in (*reason.get("reasons", ()), *reason.get("standsFor", ())):
        found += [one.get("of"), one.get("username"), *(why.get("of") for why in one.get("reasons", ()))]
    return [name for name in found if name]


def places_in(reason: Mapping[str, Any]) -> list[str]:
    """Ids of departments, groups and roles that a reason names."""
    rules = [*reason.get("reasons", ())]
    for one in reason.get("standsFor", ()):
        rules += one["reasons"]
    found = [one.get("department") or one.get("name") for one in rules]
    return [name for name in found if name]
