"""Camunda 7's ``http-connector``: inputs ``url``, ``method``, ``headers``, ``payload``.

Source: Camunda 7.24 manual, "Connectors", "HTTP Connector".
"""

from __future__ import annotations

from bpm_server.connectors.calls import call, text_of
from bpm_server.connectors.contract import Request, Result


def run(request: Request) -> Result:
    """Every answer counts, whatever its status, but those that say to try later."""
    seen = request.variables
    answer = call(
        request.policy,
        method=seen.get("method"),
        url=seen.get("url"),
        headers=seen.get("headers"),
        body=seen.get("payload"),
    )
    return Result(local={"statusCode": answer.status, "headers": dict(answer.headers), "response": text_of(answer)})
