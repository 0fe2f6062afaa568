"""``bpm-server user``: people and tokens, straight in the database."""

from __future__ import annotations

import getpass
import os
import sys
from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.cli.first_run import prepare_people
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports.people import people
from bpm_server.services import tokens, users

if TYPE_CHECKING:
    import argparse

    from bpm_server.services.server import Server
    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Adds, changes or lists."""
    bootstrap.prepare(settings)
    with bootstrap.running(settings) as server:
        prepare_people(server)
        ACTIONS[options.action](server, options)
    return 0


def _add(server: Server, options: argparse.Namespace) -> None:
    users.save_user(
        server,
        SYSTEM,
        options.username,
        name=options.name,
        email=options.email,
        password=_password(),
        groups=options.group,
        roles=options.role or ["staff"],
    )
    print(f"{options.username} can sign in.")


def _set_password(server: Server, options: argparse.Namespace) -> None:
    users.set_password(server, SYSTEM, options.username, _password())
    print(f"The password of {options.username} is changed; sessions stay signed in until they end.")


def _token(server: Server, options: argparse.Namespace) -> None:
    print(tokens.create_token(server, SYSTEM, options.username, options.name, days=options.days))


def _list(server: Server, options: argparse.Namespace) -> None:
    del options
    for person in people(server):
        print(f"{person.username}\t{person.name or ''}\t{', '.join(person.groups)}\t{', '.join(person.roles)}")


ACTIONS = {"add": _add, "password": _set_password, "token": _token, "list": _list}


def _password() -> str:
    """From BPM_PASSWORD, the terminal, or standard input."""
    given = os.environ.get("BPM_PASSWORD")
    if given is None:
        given = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not given:
        message = "Expected a password (BPM_PASSWORD, or typed), but found none"
        raise InvalidInput(message)
    return given
