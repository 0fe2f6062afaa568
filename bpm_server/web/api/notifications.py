"""``/api/notifications``: what somebody was told, and that they have read it. Everybody sees their own alone."""

from __future__ import annotations

from bpm_server.domain.notifications import Kind
from bpm_server.reports import notifications as report
from bpm_server.services import notifications
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Data, Key, Moment, Names, Number, Reply, StrictBody, Text, Word, read_key
from bpm_server.web.api.searching import Filter, SearchTable

api = ApiBlueprint("notifications", prefix="/api", tag="Notifications")
MOST_KEYS = 1_000


class NotificationResult(Reply):
    """Something that somebody was told; ``userTaskKey`` null: about the whole case."""

    notification_key = Key(of="key")
    kind = Word(Kind)
    process_instance_key = Key(of="instance_key")
    user_task_key = Key(of="task_key", null=True)
    by = Text(null=True)
    at = Moment()
    read_at = Moment(null=True)
    details = Data()


class Reading(StrictBody):
    """Which were read; null: all."""

    notification_keys = Names(most=MOST_KEYS, null=True, load_default=None)


class ReadResult(Reply):
    """How many of them were new."""

    read = Number()


SEARCH = SearchTable(
    report.NOTIFICATIONS,
    NotificationResult,
    {
        "notificationKey": "key",
        "kind": Filter("kind", tuple(Kind)),
        "processInstanceKey": "instance_key",
        "userTaskKey": "task_key",
        "by": "by",
        "at": "at",
        "readAt": "read_at",
    },
    sorts=("notificationKey", "at"),
)
api.search("/notifications/search", "searchNotifications", SEARCH)


@api.operation("POST", "/notifications/read", "readNotifications", takes=Reading, gives=ReadResult)
def read_notifications(call: Call) -> dict[str, int]:
    """Note that one has read notifications."""
    named = call.body["notification_keys"]
    keys = None if named is None else [read_key(one) for one in named]
    return {"read": notifications.mark_notifications_read(call.server, call.actor, keys)}
