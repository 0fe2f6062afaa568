"""The course of a case in people's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpm_server.domain.identity import SYSTEM
from bpm_server.reports.names import group_names, person_names
from bpm_server.web import access
from bpm_server.web.pages import formats
from bpm_server.web.pages.approval_words import act_told
from bpm_server.web.pages.summaries import shorten, shown
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.wording import element_name, outcome_done, outcome_tone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from bpm_server.bpmn.model import Process
    from bpm_server.reports.timeline import Item

LONGEST = 400


@dataclass(frozen=True, slots=True)
class Story:
    """One line of a timeline.

    Attributes:
        who: In bold before the text.
        badge: A decision, with its colour.
        quote: What somebody wrote.
        detail: Small print.
    """

    at: datetime
    icon: str
    tone: str
    text: str
    who: str = ""
    badge: str = ""
    badge_tone: str = ""
    quote: str = ""
    detail: str = ""


def stories(items: Iterable[Item], process: Process) -> list[Story]:
    """Items in the visitor's words."""
    found = list(items)
    teller = _Teller(found, process)
    return [teller.tell(item) for item in found]


def _nobody(name: str | None) -> bool:
    return not name or name == SYSTEM.username


class _Teller:
    def __init__(self, items: list[Item], process: Process) -> None:
        server = access.server()
        names = [item.actor for item in items]
        groups: list[str] = []
        for item in items:
            names += [item.values.get("assignee"), *item.values.get("users", ())]
            groups += item.values.get("groups", ())
            names += item.values.get("people", ())
        self._people = person_names(server, names)
        self._groups = group_names(server, groups)
        self._process = process

    def tell(self, item: Item) -> Story:
        """One item."""
        teller = _TELLERS.get(item.kind)
        if teller is None:
            return Story(item.at, "point", "", item.kind)
        return teller(self, item)

    def _who(self, name: str | None) -> str:
        return _("The server") if _nobody(name) else self._people.get(name or "", name or "")

    def _step(self, item: Item) -> str:
        return "" if item.element_id is None else element_name(self._process, item.element_id, item.name)

    # --- by kind ----------------------------------------------------------------------------------------

    def started(self, item: Item) -> Story:
        return Story(item.at, "player-play", "blue", _("started the case"), self._who(item.actor))

    def asked(self, item: Item) -> Story:
        values, step = item.values, self._step(item)
        if values.get("assignee"):
            text = _("%(step)s goes to %(who)s", step=step, who=self._who(values["assignee"]))
        else:
            offered = [self._groups[name] for name in values.get("groups", ())]
            offered += [self._who(name) for name in values.get("users", ())]
            text = _("%(step)s is offered to %(who)s", step=step, who=_(", ").join(offered) or _("nobody"))
        return Story(item.at, "user", "", text)

    def answered(self, item: Item) -> Story:
        outcome, comment = item.values.get("outcome"), item.values.get("comment")
        quote = comment if isinstance(comment, str) else ""
        if isinstance(outcome, str) and outcome:
            icon = {"approved": "check", "rejected": "x", "returned": "arrow-back-up"}.get(outcome, "user-check")
            tone, badge = outcome_tone(outcome), outcome_done(outcome)
            return Story(item.at, icon, tone, self._step(item), self._who(item.actor), badge, tone, quote)
        text = _("completed %(step)s", step=self._step(item))
        return Story(item.at, "check", "green", text, self._who(item.actor), quote=quote)

    def taken_back(self, item: Item) -> Story:
        return Story(item.at, "ban", "", _("%(step)s is not needed any more", step=self._step(item)))

    def decided(self, item: Item) -> Story:
        values = item.values
        name = str(values.get("decision") or self._step(item))
        outputs = ", ".join(f"{label}: {shown(value)}" for label, value in values.get("outputs", ()))
        found = shorten(outputs or shown(values.get("output")))
        rules = " · ".join(values.get("rules", ()))
        return Story(item.at, "table", "azure", f"{name}: {rules or found}")

    def work(self, item: Item) -> Story:
        return Story(item.at, "settings", "", _("%(step)s has begun", step=self._step(item)))

    def worked(self, item: Item) -> Story:
        return Story(item.at, "check", "green", _("%(step)s is done", step=self._step(item)))

    def delivered(self, item: Item) -> Story:
        values = item.values
        text = _("%(endpoint)s has received %(event)s", endpoint=values["endpoint"], event=values["event_type"])
        detail = _("Attempt %(number)s, status %(status)s", number=values["number"], status=values["status"])
        return Story(item.at, "webhook", "green", text, detail=f"{detail}, {values['duration_ms']} ms")

    def not_delivered(self, item: Item) -> Story:
        values = item.values
        text = _("%(endpoint)s has not received %(event)s", endpoint=values["endpoint"], event=values["event_type"])
        detail = _("Attempt %(number)s, status %(status)s", number=values["number"], status=values["status"] or "-")
        return Story(item.at, "webhook", "red", text, detail=shorten(f"{detail}. {values['error'] or ''}"))

    def stuck(self, item: Item) -> Story:
        detail = str(item.values.get("message", ""))[:LONGEST]
        return Story(item.at, "alert-triangle", "red", _("%(step)s is stuck", step=self._step(item)), detail=detail)

    def mended(self, item: Item) -> Story:
        text = _("let %(step)s try again", step=self._step(item))
        return Story(item.at, "refresh", "green", text, self._who(item.actor))

    def timer(self, item: Item) -> Story:
        text = _("%(step)s is due at %(when)s", step=self._step(item), when=formats.moment(item.values.get("due")))
        return Story(item.at, "alarm", "", text)

    def event(self, item: Item) -> Story:
        return Story(item.at, "bolt", "blue", self._step(item))

    def called(self, item: Item) -> Story:
        text = _("%(step)s calls %(process)s", step=self._step(item), process=item.values["process"])
        return Story(item.at, "git-fork", "", text)

    def changed(self, item: Item) -> Story:
        names = ", ".join(item.values.get("names", ()))
        return Story(item.at, "pencil", "orange", _("changed %(names)s", names=names), self._who(item.actor))

    def comment(self, item: Item) -> Story:
        text = str(item.values.get("text", ""))
        return Story(item.at, "message", "blue", _("wrote"), self._who(item.actor), quote=text)

    def act(self, item: Item) -> Story:
        values = item.values
        names = [self._who(name) for name in values["people"]]
        text, icon, tone = act_told(values["act"], self._step(item), _(", ").join(names), {**values, "names": names})
        if values["act"] == "return":
            target = values["target"]
            known = {"initiator": _("who made the request"), "previous": _("the step before")}
            to = known.get(target) or element_name(self._process, target)
            text = _("returned %(step)s to: %(target)s", step=self._step(item), target=to)
        return Story(item.at, icon, tone, text, self._who(item.actor), quote=values["comment"] or "")

    def attached(self, item: Item) -> Story:
        text = _("attached %(name)s", name=item.values["name"])
        return Story(item.at, "paperclip", "blue", text, self._who(item.actor))

    def attachment_removed(self, item: Item) -> Story:
        text = _("removed the attachment %(name)s", name=item.values["name"])
        return Story(item.at, "trash", "orange", text, self._who(item.actor))

    def suspended(self, item: Item) -> Story:
        return Story(item.at, "player-pause", "orange", _("suspended the case"), self._who(item.actor))

    def resumed(self, item: Item) -> Story:
        return Story(item.at, "player-play", "green", _("resumed the case"), self._who(item.actor))

    def moved(self, item: Item) -> Story:
        return Story(item.at, "route", "orange", _("moved tokens by hand"), self._who(item.actor))

    def migrated(self, item: Item) -> Story:
        text = _("moved the case to version %(number)s", number=item.values["version"])
        return Story(item.at, "git-fork", "orange", text, self._who(item.actor))

    def ended(self, item: Item) -> Story:
        step = self._step(item)
        text = _("The case has ended: %(step)s", step=step) if step else _("The case has ended")
        return Story(item.at, "flag", "blue", text)

    def cancelled(self, item: Item) -> Story:
        return Story(item.at, "ban", "red", _("cancelled the case"), self._who(item.actor))


_TELLERS: Mapping[str, Callable[[_Teller, Any], Story]] = {
    "started": _Teller.started,
    "asked": _Teller.asked,
    "answered": _Teller.answered,
    "taken-back": _Teller.taken_back,
    "decided": _Teller.decided,
    "work": _Teller.work,
    "worked": _Teller.worked,
    "delivered": _Teller.delivered,
    "not-delivered": _Teller.not_delivered,
    "stuck": _Teller.stuck,
    "mended": _Teller.mended,
    "timer": _Teller.timer,
    "event": _Teller.event,
    "called": _Teller.called,
    "changed": _Teller.changed,
    "comment": _Teller.comment,
    "act": _Teller.act,
    "attached": _Teller.attached,
    "attachment-removed": _Teller.attachment_removed,
    "suspended": _Teller.suspended,
    "resumed": _Teller.resumed,
    "moved": _Teller.moved,
    "migrated": _Teller.migrated,
    "ended": _Teller.ended,
    "cancelled": _Teller.cancelled,
}
