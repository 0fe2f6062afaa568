"""``Idempotency-Key``: a POST that a client sends again, because it never saw the reply, counts once.

As in the IETF's draft "The Idempotency-Key HTTP Header Field" and at Stripe: the first reply is given again, with
``Idempotent-Replayed: true``; the same key with another request is refused (422), while the first is still at work a
second one is told to wait (409 and ``Retry-After``). What was refused (4xx) or failed (5xx) has changed nothing and is
not kept: a retry is tried anew. Without the header nothing of this runs.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from flask import Response, request

from bpm_server.domain.idempotency import HEADER, ClaimLost, InProgress, KeptReply, asked, read_key
from bpm_server.kernel import metrics
from bpm_server.kernel.errors import BpmError
from bpm_server.services import idempotency as service
from bpm_server.web import access, problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.domain.idempotency import Asked
    from bpm_server.domain.identity import Actor

ENVIRON = "HTTP_IDEMPOTENCY_KEY"
REPLAYED = "Idempotent-Replayed"
TRIES = 3
PIECE = 1 << 16


def is_asked() -> bool:
    """Whether the client wants this request to count once."""
    return ENVIRON in request.environ


def answer(actor: Actor, respond: Callable[[], Response]) -> Response:
    """The reply of ``respond``, or the one that was given before."""
    return answer_once(asked(actor.username, read_key(request.environ[ENVIRON]), _fingerprint()), respond)


def answer_once(wanted: Asked, respond: Callable[[], Response]) -> Response:
    """The same for a request that is recognized by something else than the header."""
    server = access.server()
    for _ in range(TRIES):
        kept, progress = service.find_request(server, wanted)
        if kept is not None:
            return _replayed(kept)
        try:
            return _answer(wanted, progress, respond)
        except ClaimLost:
            continue  # whoever was faster has committed meanwhile
    message = f"Expected the first request with this {HEADER} to be done, but it is still at work"
    raise InProgress(message, retry_after=1)


def _answer(wanted: Asked, progress: bytes | None, respond: Callable[[], Response]) -> Response:
    with service.counted_once(access.server(), wanted, progress) as once:
        try:
            response = respond()
        except BpmError as error:
            if not once.has_acted or problems.status_of(error) >= 500:
                raise
            response = problems.from_error(error)  # what was done is done: this is what came of it
        once.finish(KeptReply(response.status_code, response.headers.get("Content-Type"), response.get_data()))
    return response


def _replayed(kept: KeptReply) -> Response:
    metrics.REPLAYED.inc()
    response = Response(kept.body, kept.status, content_type=kept.content_type)
    if kept.content_type is None:
        response.headers.pop("Content-Type", None)
    response.headers[REPLAYED] = "true"
    return response


def _fingerprint() -> str:
    """What makes a request the same. Parts of a form count by their contents: each try has a boundary of its own."""
    digest = hashlib.sha256(f"{request.method}\0{request.path}\0".encode() + request.query_string + b"\0")
    if request.mimetype != "multipart/form-data":
        digest.update(request.get_data())
        return digest.hexdigest()
    for name, value in request.form.items(multi=True):
        digest.update(f"{name}\0{len(value)}\0{value}".encode())
    for name, upload in request.files.items(multi=True):
        content = hashlib.sha256()
        while piece := upload.stream.read(PIECE):
            content.update(piece)
        upload.stream.seek(0)
        digest.update(f"{name}\0{upload.filename}\0{upload.content_type}\0{content.hexdigest()}".encode())
    return digest.hexdigest()
