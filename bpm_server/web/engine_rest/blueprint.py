"""How an operation of Camunda 7's REST API is written down.

    @api.operation("POST", "/task/{taskId}/claim", takes=Claim)
    def claim_task(call: Call, task: str) -> None:
        tasks.claim_task(call.server, call.actor, read_key(task))

Who asks must say so with every request: cookies and ``BPM_ANONYMOUS_V2`` do not count here, as any page of the internet
may send requests to these paths (see ``registration``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from bpm_server.kernel.errors import NotSignedIn
from bpm_server.web import access, backpressure, idempotency
from bpm_server.web.api.blueprint import NO_BODY, Call, load_body, nothing
from bpm_server.web.engine_rest import errors
from bpm_server.web.json_provider import reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from marshmallow import Schema

    from bpm_server.domain.identity import Actor

PREFIX = "/engine-rest"


class EngineBlueprint(Blueprint):
    """The operations of one noun."""

    def __init__(self, name: str) -> None:
        super().__init__(f"engine_rest_{name}", __name__, url_prefix=PREFIX)
        errors.register(self)

    def operation(
        self,
        method: str,
        path: str,
        *,
        takes: type[Schema] | None = None,
        counts_once: bool = True,
        begins_work: bool = False,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Adds an operation.

        Args:
            method: HTTP method.
            path: With ``{parameters}``, which reach the function in this order, as text.
            takes: Shape of the body; a missing body counts as an empty object.
            counts_once: Of a POST: whether an ``Idempotency-Key`` is heeded (see ``web.idempotency``).
            begins_work: Whether it is refused while too much work is due (see ``web.backpressure``).
        """
        once = method == "POST" and counts_once
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]

        def add(view: Callable[..., Any]) -> Callable[..., Any]:
            def run(**parameters: str) -> Response:
                actor = signed_in()
                if once and idempotency.is_asked():
                    return idempotency.answer(actor, lambda: respond(actor, parameters))
                return respond(actor, parameters)

            def respond(actor: Actor, parameters: dict[str, str]) -> Response:
                if begins_work:
                    backpressure.admit_work()
                body = NO_BODY if takes is None else load_body(takes, required=False)
                result = view(Call(access.server(), actor, body), *[parameters[name] for name in names])
                if isinstance(result, Response):
                    return result
                return nothing() if result is None else reply(result)

            rule = path.replace("{", "<").replace("}", ">")
            self.add_url_rule(rule, f"{method}_{view.__name__}", run, methods=[method])
            return view

        return add


def signed_in() -> Actor:
    """Who sent the current request.

    Raises:
        NotSignedIn: nobody, or wrong credentials.
    """
    if not request.headers.get("Authorization", "").strip():
        message = "Expected a bearer token or basic credentials, but found none"
        raise NotSignedIn(message)
    return access.require().actor
