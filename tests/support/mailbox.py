"""A real mail server on a port of its own, that takes, refuses or breaks off as it is told."""

from __future__ import annotations

import email
import socket
from collections import deque
from contextlib import contextmanager
from email import policy
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage


class Mailbox:
    """What arrived.

    Attributes:
        refuses: What ``RCPT`` and ``DATA`` answer next instead of taking a mail: ``("DATA", "451 later")``.
    """

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.receivers: list[str] = []
        self.refuses: deque[tuple[str, str]] = deque()
        self.url = ""

    def _refusal(self, verb: str) -> str | None:
        return self.refuses.popleft()[1] if self.refuses and self.refuses[0][0] == verb else None

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if refusal := self._refusal("MAIL"):
            return refusal
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if refusal := self._refusal("RCPT"):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if refusal := self._refusal("DATA"):
            return refusal
        found = email.message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(found, email.message.EmailMessage)
        self.mails.append(found)
        self.receivers += envelope.rcpt_tos
        return "250 OK"

    # --- what a test asks -------------------------------------------------------------------------------

    def subjects(self) -> list[str]:
        return [str(one["Subject"]) for one in self.mails]

    def texts(self) -> list[str]:
        return [body(one, "plain") for one in self.mails]


def body(mail: EmailMessage, kind: str) -> str:
    """The text or the page of a mail."""
    part = mail.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mail server as long as the block runs."""
    found = Mailbox()
    controller = Controller(found, hostname="127.0.0.1", port=free_port())
    controller.start()
    found.url = f"smtp://127.0.0.1:{controller.port}"
    try:
        yield found
    finally:
        controller.stop()
