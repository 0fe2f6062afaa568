"""``/api/push-subscriptions``: one's own devices that take notifications. Everybody sees their own alone."""

from __future__ import annotations

from typing import Any

from bpm_server.domain.pushes import LONGEST_ENDPOINT, LONGEST_NAME, Subscription
from bpm_server.reports import pushes as report
from bpm_server.services import push_subscriptions as pushes
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Key, Many, Moment, Number, One, Reply, StrictBody, Text

api = ApiBlueprint("push_subscriptions", prefix="/api", tag="Notifications")
PATH = "/push-subscriptions"
LONGEST_KEY = 200


class PushKey(Reply):
    """What a browser subscribes with (``applicationServerKey``)."""

    public_key = Text()


class PushSubscriptionResult(Reply):
    """A device; ``problem`` says why its push service did not take the last message."""

    push_subscription_key = Key(of="key")
    name = Text()
    host = Text()
    created_at = Moment()
    last_used_at = Moment(null=True)
    problem = Text(null=True)


class PushSubscriptions(Reply):
    """One's own devices, newest first."""

    items = Many(PushSubscriptionResult)


class SubscriptionKeys(StrictBody):
    """The browser's keys, in Base64 for URLs."""

    p256dh = Text(longest=LONGEST_KEY, required=True)
    auth = Text(longest=LONGEST_KEY, required=True)


class PushSubscriptionCreation(StrictBody):
    """What a browser says of its subscription; ``serverKey``: the public key that it was made with."""

    endpoint = Text(longest=LONGEST_ENDPOINT, required=True)
    keys = One(SubscriptionKeys, required=True)
    server_key = Text(longest=LONGEST_KEY, required=True)
    name = Text(longest=LONGEST_NAME, load_default="")


class PushSubscriptionCreated(Reply):
    """The key of a new one."""

    push_subscription_key = Key()


class PushTest(Reply):
    """How many devices a test goes to."""

    devices = Number()


@api.operation("GET", f"{PATH}/public-key", "getPushKey", gives=PushKey)
def get_push_key(call: Call) -> dict[str, str]:
    """Read the key that browsers subscribe with."""
    return {"public_key": pushes.public_key(call.server)}


@api.operation("GET", PATH, "listPushSubscriptions", gives=PushSubscriptions)
def list_push_subscriptions(call: Call) -> dict[str, Any]:
    """List one's own devices."""
    return {"items": report.devices(call.server, call.actor)}


@api.operation(
    "POST",
    PATH,
    "addPushSubscription",
    takes=PushSubscriptionCreation,
    gives=PushSubscriptionCreated,
    status=201,
    body_required=True,
)
def add_push_subscription(call: Call) -> dict[str, int]:
    """Have notifications on a device. One that somebody else had registered becomes one's own."""
    body, keys = call.body, call.body["keys"]
    found = Subscription(body["endpoint"], keys["p256dh"], keys["auth"], body["server_key"])
    return {"push_subscription_key": pushes.add_subscription(call.server, call.actor, found, body["name"])}


@api.operation("DELETE", PATH + "/{pushSubscriptionKey}", "removePushSubscription", status=204)
def remove_push_subscription(call: Call, key: int) -> None:
    """Have no notifications on a device any more."""
    pushes.remove_subscription(call.server, call.actor, key)


@api.operation("POST", f"{PATH}/test", "testPushSubscriptions", gives=PushTest, counts_once=False)
def test_push_subscriptions(call: Call) -> dict[str, int]:
    """Send a test to all of one's devices."""
    return {"devices": pushes.request_test(call.server, call.actor)}
