"""One round of pushes: what is due goes to the devices of its people, each notification booked by itself.

A lane of its own does it, so that a push service that is slow or away keeps nothing waiting but pushes; in one round it
is waited for once, whatever is to go there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bpm_server.connectors.web_push import Options, Sender, ServerKeys, read_contact
from bpm_server.domain.mails import Unwritten
from bpm_server.domain.pushes import Fate, Posted
from bpm_server.kernel import metrics
from bpm_server.kernel.errors import Unavailable
from bpm_server.kernel.log import get_logger
from bpm_server.services import pushes
from bpm_server.services.push_subscriptions import policy_of

if TYPE_CHECKING:
    from typing import Protocol

    from bpm_server.domain.pushes import Message, Push, Subscription, Target
    from bpm_server.services.server import Server

    class Writer(Protocol):
        """Puts pushes into words, which is a face's affair."""

        def write(self, push: Push) -> Message | Unwritten:
            """What a notification says now."""
            ...

        def write_test(self, username: str) -> Message | Unwritten:
            """What a test says."""
            ...


log = get_logger(__name__)
BATCH = 20
TEST_TTL_S = 300


class Pusher:
    """Sends what a server has to say to devices."""

    def __init__(self, server: Server, contact: str, writer: Writer) -> None:
        self._server = server
        self._sender = Sender(ServerKeys(server.secrets), contact, policy_of(server.settings))
        self._writer = writer

    def round(self) -> int:
        """Sends some; returns how much was done."""
        if not pushes.are_due(self._server):
            return 0
        away: dict[str, Posted] = {}
        tests = pushes.take_tests(self._server, BATCH)
        for trial in tests:
            options = Options(TEST_TTL_S, "test", urgent=True)
            message = self._writer.write_test(trial.username)
            if not isinstance(message, Unwritten):
                pushes.book_test(self._server, trial, self._try(trial.target, message.as_bytes(), options, away))
        looked_at, due = pushes.take_pushes(self._server, BATCH)
        self._send(due, away)
        return len(tests) + looked_at

    def _send(self, due: list[Push], away: dict[str, Posted]) -> None:
        """Begins none when half of the lease is over: another worker may take it then, and it would go out twice."""
        clock = self._server.clock
        until = clock.monotonic() + pushes.LEASE.total_seconds() / 2
        for push in due:
            if clock.monotonic() > until:
                log.warning("push.slow_services", hosts=sorted(away))
                break
            pushes.book_push(self._server, push, self._post(push, away))

    def _post(self, push: Push, away: dict[str, Posted]) -> dict[int, Posted]:
        try:
            message = self._writer.write(push)
        except Unavailable:
            raise
        except Exception as error:
            metrics.WORK_FAILED.labels("push").inc()
            log.exception("push.unwritten", notification_key=push.key)
            posted = Posted(Fate.LATER, f"{type(error).__name__} on the server")
            return {target.key: posted for target in push.targets}
        if isinstance(message, Unwritten):
            return {}
        options = Options(max(int(push.left.total_seconds()), 1), message.tag, urgent=push.is_urgent)
        payload = message.as_bytes()
        return {target.key: self._try(target, payload, options, away) for target in push.targets}

    def _try(self, to: Target, payload: bytes, options: Options, away: dict[str, Posted]) -> Posted:
        host = _host(to.subscription)
        if host in away:
            return away[host]
        with metrics.PUSH_SECONDS.time():
            posted = self._send_one(to, payload, options)
        metrics.PUSHES.labels(posted.fate).inc()
        if posted.fate is not Fate.SENT:
            log.warning("push.not_sent", subscription_key=to.key, host=host, fate=posted.fate, reason=posted.reason)
        if posted.is_silence:
            away[host] = posted
        return posted

    def _send_one(self, to: Target, payload: bytes, options: Options) -> Posted:
        try:
            return self._sender.send(to.subscription, payload, options, self._server.clock.now())
        except Exception as error:
            metrics.WORK_FAILED.labels("push").inc()
            log.exception("push.failed", subscription_key=to.key)
            return Posted(Fate.LATER, f"{type(error).__name__} on the server")


def _host(subscription: Subscription) -> str:
    return urlsplit(subscription.endpoint).netloc


def make_pusher(server: Server, writer: Writer) -> Pusher | None:
    """The pusher of an installation; None where nothing goes to devices.

    Raises:
        InvalidInput: ``BPM_PUSH_CONTACT`` cannot be used.
    """
    contact = read_contact(server.settings.push_contact)
    return None if contact is None else Pusher(server, contact, writer)
