"""``bpm-server deploy``: deploys files to a running server, or straight into the database."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any

from bpm_server import bootstrap
from bpm_server.cli.content import by_name, find_files
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, NotFound, Unavailable
from bpm_server.kernel.findings import RefusedFile
from bpm_server.services import deployments

if TYPE_CHECKING:
    import argparse

    from bpm_server.settings import Settings

TIMEOUT_S = 60


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Deploys together whatever the paths hold."""
    files = by_name(find_files(options.paths))
    if not files:
        message = "Expected BPMN, DMN or form files to deploy, but found none"
        raise NotFound(message)
    if options.url:
        return _to_server(options.url, options.token, files)
    bootstrap.prepare(settings)
    with bootstrap.running(settings) as server:
        try:
            deployed = deployments.deploy(server, SYSTEM, files, source="bpm-server deploy")
        except RefusedFile as error:
            for finding in error.findings:
                print(finding.as_text(), file=sys.stderr)
            return 1
    for one in deployed.definitions:
        print(f"{one.kind} {one.id} version {one.version}{'' if one.is_new else ' (unchanged)'}")
    return 0


def _to_server(url: str, token: str | None, files: dict[str, bytes]) -> int:
    boundary = uuid.uuid4().hex
    request = urllib.request.Request(  # noqa: S310
        f"{url.rstrip('/')}/v2/deployments", _multipart(files, boundary), method="POST"
    )
    if not request.full_url.startswith(("http://", "https://")):
        message = f"Expected an http or https URL, but found '{url}'"
        raise InvalidInput(message)
    request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            reply = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return _print_problem(error)
    except urllib.error.URLError as error:
        message = f"Expected a bpm-server at '{url}', but found: {error.reason}"
        raise Unavailable(message) from error
    _print_reply(reply)
    return 0


def _multipart(files: dict[str, bytes], boundary: str) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="resources"; filename="{name}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, data in files.items()
    ]
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


def _print_reply(reply: dict[str, Any]) -> None:
    for entry in reply["deployments"]:
        for kind, found in entry.items():
            if found is not None:
                names = [found.get(name) for name in ("processDefinitionId", "decisionDefinitionId", "formId")]
                name = next((text for text in names if text), found.get("resourceName"))
                version = found.get("processDefinitionVersion", found.get("version"))
                print(f"{kind} {name} version {version}")


def _print_problem(error: urllib.error.HTTPError) -> int:
    body = error.read()
    try:
        problem = json.loads(body)
    except InvalidInput:
        problem = {"detail": f"{error.code} {error.reason}"}
    print(f"bpm-server: {problem.get('detail') or problem.get('title')}", file=sys.stderr)
    for finding in problem.get("findings", ()):
        print(f"  {finding['file']}:{finding['line']} [{finding['element']}] {finding['message']}", file=sys.stderr)
    return 1
