"""The mail server as it is set, addresses, and encryption."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bpm_server.connectors.contract import TemporaryError
from bpm_server.connectors.smtp import MailServer, Post, make_address, read_mail_server
from bpm_server.kernel.errors import InvalidInput
from tests.support.mailbox import Mailbox, free_port

if TYPE_CHECKING:
    from pathlib import Path

SENDER = "审批 <bpm@example.com>"


@pytest.mark.parametrize(
    ("url", "host", "port", "encrypts", "user", "password"),
    [
        ("smtp://ann:p%40ss@mail.example.com", "mail.example.com", 587, "starttls", "ann", "p@ss"),
        ("smtps://mail.example.com", "mail.example.com", 465, "smtps", "", ""),
        ("smtp://mail.example.com:25?tls=no", "mail.example.com", 25, "no", "", ""),
        ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, "no", "", ""),
    ],
)
def test_an_address_says_how_to_connect(
    url: str, host: str, port: int, encrypts: str, user: str, password: str
) -> None:
    found = read_mail_server(url, SENDER)
    assert found is not None
    assert (found.host, found.port, found.encrypts, found.user, found.password) == (
        host,
        port,
        encrypts,
        user,
        password,
    )
    assert not password or password not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.example.com", "smtp://", "smtp://ann:secret@host:many", "smtp://host?tls=maybe",
        "smtp://ann:secret@host?tls=no",
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_without_the_password(url: str) -> None:
    with pytest.raises(InvalidInput, match="BPM_SMTP_URL") as caught:
        read_mail_server(url, SENDER)
    assert "secret" not in caught.value.message


def test_a_sender_is_needed_where_mails_are_sent() -> None:
    assert read_mail_server("", "") is None
    with pytest.raises(InvalidInput, match="BPM_MAIL_FROM"):
        read_mail_server("smtp://host", "")


@pytest.mark.parametrize(
    "address",
    ["", "ann", "ann@", "@b.com", "a b@c.com", "a@b@c.com", "a,b@c.com", "a@b.com\r\nBcc: c@d.com", "王@b.com"],
)
def test_what_is_no_address_makes_none(address: str) -> None:
    with pytest.raises(InvalidInput):
        make_address("Ann", address)


def test_names_are_one_line_and_domains_are_as_mail_servers_know_them() -> None:
    assert str(make_address('A "b", <c>\r\nBcc: d', "ann@公司.cn")) == ('"A \\"b\\", <c> Bcc: d" <ann@xn--55qx5d.cn>')


def certificate(folder: Path) -> ssl.SSLContext:
    """Of 127.0.0.1, signed by itself, in ``server.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    found = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(found.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "key.pem")
    return context


def test_starttls_is_used_and_the_certificate_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Mailbox()
    controller = Controller(
        box, hostname="127.0.0.1", port=free_port(), tls_context=certificate(tmp_path), require_starttls=True
    )
    mail = EmailMessage()
    mail["To"] = "ann@example.com"
    mail.set_content("你好")
    server = MailServer("127.0.0.1", controller.port, "starttls", make_address("", "bpm@example.com"))
    controller.start()
    try:
        with pytest.raises(TemporaryError, match="CERTIFICATE_VERIFY_FAILED"):
            Post(server).send(mail)
        assert box.mails == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
        post = Post(server)
        post.send(mail)
        post.close()
    finally:
        controller.stop()
    assert [text.strip() for text in box.texts()] == ["你好"]
