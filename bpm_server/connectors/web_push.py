"""Sending to browsers by their push services: encrypted (RFC 8291), signed by this installation (RFC 8292).

The server's key pair is derived from the installation's secret key, so there is nothing to store, and a backup brings
it along. A subscription belongs to the pair that it was made with. Therefore pairs of secret keys of before still sign
for subscriptions of before, as long as those keys are listed; browsers subscribe anew with the present one when their
person opens a page (``push.js``). A stored pair would outlive the change of a secret key that somebody has stolen.

Neither an endpoint nor a key is in any message or log: whoever has both can send.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02

from bpm_server.connectors.contract import PermanentError, TemporaryError
from bpm_server.connectors.http import check_url, is_reachable_literal, post
from bpm_server.connectors.webhooks import read_retry_after
from bpm_server.domain.pushes import Fate, Posted, Subscription, check_shape, from_base64, to_base64
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from bpm_server.connectors.http import Policy
    from bpm_server.connectors.secrets import SecretBox

TOKEN_S = 12 * 3_600
"""How long a signature counts; push services take at most a day."""
LONGEST_HOST = 253
"""Characters (RFC 1035)."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256 (FIPS 186-5)."""
_PURPOSES = ("web-push:high", "web-push:low")
_MAILBOX = re.compile(r"mailto:[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;]+")


def read_contact(text: str) -> str | None:
    """The address of ``BPM_PUSH_CONTACT``; None where nothing goes to devices.

    Raises:
        InvalidInput: neither ``mailto:`` with one address nor an ``https:`` URL.
    """
    if not text:
        return None
    if _MAILBOX.fullmatch(text):
        return text
    try:
        parts = urlsplit(text)
        if parts.scheme == "https" and parts.hostname and not parts.username and text.isascii() and " " not in text:
            return text
    except ValueError:
        pass
    message = (
        "Expected BPM_PUSH_CONTACT such as mailto:it@example.com or https://example.com/contact, "
        f"but found '{text[:80]}'"
    )
    raise InvalidInput(message)


class ServerKeys:
    """The key pairs of an installation: of the secret key of now, then of those of before."""

    def __init__(self, box: SecretBox) -> None:
        before = zip(*(box.old_keys(purpose) for purpose in _PURPOSES), strict=True)
        seeds: Iterable[tuple[bytes, ...]] = [tuple(box.key(purpose) for purpose in _PURPOSES), *before]
        pairs = [_derived(b"".join(seed)) for seed in seeds]
        self._by_public = {_public(pair): pair for pair in pairs}
        self.public = next(iter(self._by_public))
        """What browsers subscribe with: a point of P-256 in Base64 for URLs."""

    def find(self, public: str) -> ec.EllipticCurvePrivateKey | None:
        """The other half; None: of no key of this installation."""
        return self._by_public.get(public.rstrip("="))


def _derived(seed: bytes) -> ec.EllipticCurvePrivateKey:
    """Twice as many bits as the order has, so that no key is likelier than another (FIPS 186-5, A.2.1)."""
    return ec.derive_private_key(int.from_bytes(seed) % (_ORDER - 1) + 1, ec.SECP256R1())


def _public(pair: ec.EllipticCurvePrivateKey) -> str:
    return to_base64(pair.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def check_subscription(found: Subscription, policy: Policy) -> str:
    """The host of a subscription that can be used, as far as can be said without asking the network.

    Raises:
        InvalidInput: no https URL, an address inside the company, or keys that are none; names the member.
    """
    check_shape(found)
    try:
        parts = check_url(found.endpoint, policy)
    except InvalidInput as error:
        message = "Expected the https URL of a push service as endpoint, but found another address"
        raise InvalidInput(message, field="endpoint") from error
    assert parts.hostname is not None  # noqa: S101
    if len(parts.hostname) > LONGEST_HOST or not (found.endpoint.isascii() and found.endpoint.isprintable()):
        message = "Expected the https URL of a push service in ASCII, as browsers write it, but found another one"
        raise InvalidInput(message, field="endpoint")
    if not is_reachable_literal(parts.hostname, policy):
        message = f"Expected the endpoint of a public push service, but found the address {parts.hostname}"
        raise InvalidInput(message, field="endpoint")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_base64(found.p256dh) or b"")
    except ValueError as error:
        message = "Expected p256dh as a point of the curve P-256, but found another one"
        raise InvalidInput(message, field="p256dh") from error
    return parts.hostname


@dataclass(frozen=True, slots=True)
class Options:
    """How a push service is to treat a message.

    Attributes:
        ttl_s: It throws away what it could not hand over in so many seconds.
        topic: A message takes the place of one with the same that waits there.
        urgent: It may wake a device that saves power.
    """

    ttl_s: int
    topic: str
    urgent: bool = False


class Sender:
    """Sends to subscriptions of an installation.

    Raises nothing for what a push service or the network does: that is in what comes back.
    """

    def __init__(self, keys: ServerKeys, contact: str, policy: Policy) -> None:
        self._keys = keys
        self._contact = contact
        self._policy = policy

    def send(self, to: Subscription, payload: bytes, options: Options, now: datetime) -> Posted:
        """Sends a message to one browser; ``now`` is the real time, which the signature ends by."""
        pair = self._keys.find(to.server_key)
        if pair is None:
            return Posted(Fate.GONE, "it was made with a key that this installation does not have any more")
        headers = {
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(options.ttl_s),
            "topic": options.topic,
            "urgency": "high" if options.urgent else "normal",
            **self._signature(pair, to.endpoint, now),
        }
        try:
            answer = post(to.endpoint, _encrypted(to, payload), headers, self._policy)
        except TemporaryError as error:
            return Posted(Fate.LATER, error.message, is_silence=True)
        except (PermanentError, InvalidInput) as error:
            return Posted(Fate.GONE, error.message)
        return judge(answer.status, answer.headers.get("retry-after"), now)

    def _signature(self, pair: ec.EllipticCurvePrivateKey, endpoint: str, now: datetime) -> dict[str, str]:
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int(now.timestamp()) + TOKEN_S,
            "sub": self._contact,
        }
        # Its own check of the contact knows fewer addresses than read_contact.
        signed: dict[str, str] = Vapid02(pair, {"no-strict": True}).sign(claims)
        return {name.lower(): value for name, value in signed.items()}


def _encrypted(to: Subscription, payload: bytes) -> bytes:
    """For the browser alone, with a key pair of this one message (RFC 8291)."""
    found: bytes = http_ece.encrypt(
        payload,
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=from_base64(to.p256dh),
        auth_secret=from_base64(to.auth),
        version="aes128gcm",
    )
    return found


def judge(status: int, retry_after: str | None, now: datetime) -> Posted:
    """What the answer of a push service means."""
    said = f"the push service answered {status}"
    if 200 <= status < 300:
        return Posted(Fate.SENT)
    if status in (401, 403, 404, 410):
        return Posted(Fate.GONE, said)
    if status == 429 or status >= 500:
        return Posted(Fate.LATER, said, read_retry_after(retry_after, now))
    return Posted(Fate.REFUSED, said)
