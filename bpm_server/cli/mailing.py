"""Brings together who puts mails into words (the pages' language) and who sends them (the worker)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.worker.mailing import make_mailer

if TYPE_CHECKING:
    from bpm_server.services.server import Server
    from bpm_server.worker.mailing import Mailer


def mailer_of(server: Server) -> Mailer | None:
    """The mailer of a worker; None where the installation sends no mails, which needs no pages either."""
    if not server.settings.smtp_url:
        return None
    from bpm_server.web.pages.mails import MailWriter  # noqa: PLC0415 - Flask only where there are mails

    return make_mailer(server, MailWriter(server).write)
