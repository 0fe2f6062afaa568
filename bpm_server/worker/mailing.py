"""One round of mails: what waits is made into mails, and a few go out over one connection.

A lane of its own does it, so that a mail server that is slow or away keeps nothing waiting but mails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.connectors.contract import PermanentError, TemporaryError
from bpm_server.connectors.smtp import Post, read_mail_server
from bpm_server.domain.mails import Posted, Unwritten
from bpm_server.domain.states import MailState
from bpm_server.kernel import metrics
from bpm_server.kernel.errors import Unavailable
from bpm_server.kernel.log import get_logger
from bpm_server.services import mails

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

    from bpm_server.connectors.smtp import MailServer
    from bpm_server.domain.mails import Letter
    from bpm_server.services.server import Server

    Write = Callable[[Letter], EmailMessage | Unwritten]

log = get_logger(__name__)
BATCH = 20


class Mailer:
    """Sends mails of a server; ``write`` puts them into words, which is a face's affair."""

    def __init__(self, server: Server, to: MailServer, write: Write) -> None:
        self._server = server
        self._to = to
        self._write = write

    def round(self) -> int:
        """Makes some mails and sends some; returns how much was done."""
        if not mails.are_due(self._server):
            return 0
        made = mails.make_mails(self._server)
        letters = mails.take_mails(self._server, BATCH)
        self._send(letters)
        return made + len(letters)

    def _send(self, letters: list[Letter]) -> None:
        """Begins none when half of the lease is over: another worker may take it then, and it would go out twice."""
        clock = self._server.clock
        until = clock.monotonic() + mails.LEASE.total_seconds() / 2
        post = Post(self._to)
        try:
            for letter in letters:
                if clock.monotonic() > until:
                    log.warning("mail.slow_server", host=self._to.host)
                    break
                mails.book_mail(self._server, letter, self._try(post, letter))
        finally:
            post.close()

    def _try(self, post: Post, letter: Letter) -> Posted:
        try:
            written = self._write(letter)
            if isinstance(written, Unwritten):
                return Posted(MailState.DROPPED, written.reason)
            post.send(written)
        except TemporaryError as error:
            log.warning("mail.not_sent", mail_key=letter.key, reason=error.message)
            return Posted(MailState.WAITING, error.message)
        except PermanentError as error:
            log.warning("mail.refused", mail_key=letter.key, reason=error.message)
            return Posted(MailState.FAILED, error.message)
        except Unavailable:
            raise
        except Exception as error:
            metrics.WORK_FAILED.labels("mail").inc()
            log.exception("mail.failed", mail_key=letter.key)
            return Posted(MailState.WAITING, f"{type(error).__name__}: {error}")
        return Posted(MailState.SENT)


def make_mailer(server: Server, write: Write) -> Mailer | None:
    """The mailer of an installation; None where no mail server is set.

    Raises:
        InvalidInput: ``BPM_SMTP_URL`` or ``BPM_MAIL_FROM`` cannot be used.
    """
    to = read_mail_server(server.settings.smtp_url, server.settings.mail_from)
    return None if to is None else Mailer(server, to, write)
