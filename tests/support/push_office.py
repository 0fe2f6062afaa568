"""A company whose people have browsers that take notifications, and the push service of these."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.cli.pushing import pusher_of
from bpm_server.domain.identity import SYSTEM
from bpm_server.reports import pushes as report
from bpm_server.services import preferences, push_subscriptions, users
from bpm_server.store.tables.notifications import notification
from tests.support.approvals import Desk, one_node, person
from tests.support.push_service import Browser, PushService, push_service
from tests.support.rest import add_person, application

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpm_server.worker.pushing import Pusher
    from tests.support.product import Product

CONTACT = "mailto:it@example.com"


@dataclass
class Office:
    """People, and the push service of their browsers."""

    bpm: Product
    service: PushService
    desk: Desk
    pusher: Pusher

    def push(self) -> None:
        """Sends what is due."""
        while self.pusher.round():
            pass

    def browser(self, owner: str, name: str | None = None) -> Browser:
        """A browser in which somebody has turned notifications on."""
        found = self.service.subscribe(name or f"{owner}'s", push_subscriptions.public_key(self.bpm.server))
        push_subscriptions.add_subscription(self.bpm.server, person(owner), found.subscription, found.name)
        return found

    def ask(self, signers: str = "ann", **variables: Any) -> int:
        """An approval waits for these people; returns its task."""
        instance, _ = self.desk.start(one_node("all", signers), **variables)
        return self.bpm.task("sign", instance=instance).key

    def told(self, name: str) -> list[int]:
        query = sa.select(notification.c.key).where(notification.c.username == name).order_by(notification.c.key)
        return self.bpm.scalars(query)

    def waiting(self) -> int:
        return len(self.bpm.scalars(sa.select(notification.c.key).where(notification.c.push_at.is_not(None))))

    def devices(self, name: str) -> list[report.Device]:
        return report.devices(self.bpm.server, person(name))

    def another(self, bpm: Product | None = None) -> Pusher:
        """Of another worker process."""
        found = pusher_of((bpm or self.bpm).server)
        assert found is not None
        return found

    def keys(self) -> tuple[str, str, str]:
        """Of a browser with an address of its own."""
        found = self.service.subscribe("nobody", push_subscriptions.public_key(self.bpm.server)).subscription
        return found.p256dh, found.auth, found.server_key


@contextmanager
def push_office(bpm: Product) -> Iterator[Office]:
    """The company of ann, bob and eve, on the databases of ``bpm``."""
    with push_service() as service:
        product, _ = application(bpm, push_contact=CONTACT, allow_loopback_webhooks=True)
        for name in ("ann", "bob", "eve"):
            add_person(product, name, roles=("staff",))
            users.update_user(product.server, SYSTEM, name, name=name.title())
            preferences.change_settings(product.server, person(name), {"language": "en"})
        pusher = pusher_of(product.server)
        assert pusher is not None
        yield Office(product, service, Desk(product), pusher)
