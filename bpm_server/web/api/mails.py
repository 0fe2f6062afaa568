"""``/api/mails``: what became of the mails of an installation, for its administrators."""

from __future__ import annotations

from bpm_server.domain.states import MailState
from bpm_server.reports import mails as report
from bpm_server.services import mails
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Flag, Key, Moment, Number, Reply, Text, Word
from bpm_server.web.api.searching import Filter, SearchTable

api = ApiBlueprint("mails", prefix="/api", tag="Mails")


class MailResult(Reply):
    """A mail; ``reason`` says why its last try failed, or why there was none."""

    mail_key = Key(of="key")
    username = Text()
    daily = Flag()
    state = Word(MailState)
    attempts = Number()
    next_at = Moment()
    reason = Text(null=True)
    created_at = Moment()
    ended_at = Moment(null=True)


SEARCH = SearchTable(
    report.MAILS,
    MailResult,
    {
        "mailKey": "key",
        "username": "username",
        "state": Filter("state", tuple(MailState)),
        "createdAt": "created_at",
    },
    sorts=("mailKey", "createdAt"),
)
api.search("/mails/search", "searchMails", SEARCH)


@api.operation("POST", "/mails/{mailKey}/retry", "retryMail", status=204)
def retry_mail(call: Call, key: int) -> None:
    """Send a mail that was given up."""
    mails.retry_mail(call.server, call.actor, key)
