"""Limits at the door: what adds work is refused while too much is due, and nobody asks faster than allowed.

Completing work is never refused because of what is due: that is how it becomes less. Requests that find no thread are
``web.queueing``'s business.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from flask import current_app, request

from bpm_server.kernel.errors import LimitExceeded, Unavailable
from bpm_server.kernel.rates import TokenBuckets
from bpm_server.reports.backlog import FRESH_S, Backlog

if TYPE_CHECKING:
    from flask import Flask

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.public_forms import OpenForm
    from bpm_server.services.server import Server

EXTENSION = "bpm_server.backpressure"
HOUR_S = 3_600
BURST_S = 2.0
"""Somebody who was silent may ask for so many seconds at once."""


class Backpressure:
    """The limits of one server process."""

    def __init__(self, server: Server) -> None:
        settings, monotonic = server.settings, server.clock.monotonic
        self.backlog = Backlog(server)
        self._most_due = settings.max_due_jobs
        self._actors = TokenBuckets(settings.rate_limit, settings.rate_limit * BURST_S, monotonic)
        self._public_forms = TokenBuckets(0, 0, monotonic)

    def admit_work(self) -> None:
        """A request that begins something may pass.

        Raises:
            Unavailable: too much is due already.
        """
        if self._most_due and (due := self.backlog.new_work()) > self._most_due:
            message = f"Expected at most {self._most_due} pieces of work to be due before more begins, but found {due}"
            raise Unavailable(message, retry_after=math.ceil(FRESH_S) + 3)

    def admit_actor(self, actor: Actor) -> None:
        """A signed-in person or program may ask.

        Raises:
            LimitExceeded: faster than the installation's limit.
        """
        wait = self._actors.take(actor.username)
        if wait > 0:
            message = f"Expected fewer requests of '{actor.username}' (BPM_RATE_LIMIT), but found too many at once"
            raise LimitExceeded(message, retry_after=math.ceil(wait))

    def admit_public_form(self, form: OpenForm, address: str) -> None:
        """A submission of a public form may pass; each form has limits of its own.

        Raises:
            LimitExceeded: too many from this address, or altogether.
        """
        for name, most in ((f"{form.key} {address}", form.address_per_hour), (str(form.key), form.total_per_hour)):
            wait = self._public_forms.take(name, most / HOUR_S, most)  # who is refused takes nothing from the others
            if wait > 0:
                message = "Expected fewer submissions, but found too many in a short time"
                raise LimitExceeded(message, retry_after=math.ceil(wait))


def admit_public_form(form: OpenForm) -> None:
    """This request submits a public form: see :meth:`Backpressure.admit_public_form`."""
    of_app().admit_public_form(form, request.remote_addr or "")


def use_backpressure(app: Flask, server: Server) -> None:
    """Gives an application its limits."""
    app.extensions[EXTENSION] = Backpressure(server)


def of_app() -> Backpressure:
    """The limits of the application that handles this request."""
    found: Backpressure = current_app.extensions[EXTENSION]
    return found


def admit_work() -> None:
    """This request begins something: see :meth:`Backpressure.admit_work`."""
    of_app().admit_work()


def admit_stranger(server: Server) -> None:
    """This request comes without credentials.

    Raises:
        LimitExceeded: too many from this address.
    """
    server.identities.check_address(request.remote_addr or "")
