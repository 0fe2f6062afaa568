"""``bpm-server``: parses the command line and calls the subcommand's module.

Subcommands import what they need when they run, so that ``bpm-server --help`` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bpm_server import __version__
from bpm_server.kernel.errors import BpmError
from bpm_server.kernel.findings import RefusedFile
from bpm_server.kernel.shared_metrics import share
from bpm_server.settings import PREFIX, from_mapping, read_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpm_server.settings import Settings

MOST_MINUTES = 366 * 24 * 60
SETTINGS_FILES = ("bpm-server.conf", ".env")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a subcommand; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        if options.module == "web":
            share()
        module = importlib.import_module(f"bpm_server.cli.{options.module}")
        return int(module.run(options, _settings(options)))
    except RefusedFile as error:
        for finding in error.findings:
            print(finding.as_text(), file=sys.stderr)
        return 1
    except BpmError as error:
        print(f"bpm-server: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _settings(options: argparse.Namespace) -> Settings:
    """Environment over file over defaults; the command line over all."""
    source: dict[str, str] = {}
    named = options.config or os.environ.get(f"{PREFIX}CONFIG")
    for path in [Path(named)] if named else [Path(name) for name in SETTINGS_FILES]:
        if named or path.is_file():
            source.update(read_file(path))
    source.update(os.environ)
    overrides = {
        name: getattr(options, name, None) for name in ("host", "port", "data_dir", "demo", "threads", "processes")
    }
    return from_mapping(source, **overrides)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bpm-server", description="The BPM server for Python.")
    parser.add_argument("--version", action="version", version=f"bpm-server {__version__}")
    parser.add_argument("--config", help="file of NAME=value settings (default: ./bpm-server.conf or ./.env)")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _serving(commands)
    _content(commands)
    _rules(commands)
    _administration(commands)
    _company(commands)
    _safety(commands)
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(module=name)
    return command


def _serving(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    up = _command(commands, "up", "Start everything embedded: web server and worker on one data folder.")
    web = _command(commands, "web", "Start web processes (production).")
    worker = _command(commands, "worker", "Start a worker process (production).")
    for command in (up, web):
        command.add_argument("--host", help="address to listen on (default 127.0.0.1)")
        command.add_argument("--port", type=int, help="port to listen on (default 8080)")
        command.add_argument("--threads", type=int, help="request threads of one process")
    for command in (up, web, worker):
        command.add_argument("--data-dir", type=Path, help="folder of database and secrets (default .bpm)")
    up.add_argument("--demo", action="store_true", default=None, help="with a demo company")
    up.add_argument("--no-content", action="store_true", help="do not deploy the content folder")
    web.add_argument("--processes", type=int, help="number of processes")


def _content(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    deploy = _command(commands, "deploy", "Deploy files or folders to a server.")
    deploy.add_argument("paths", nargs="+", type=Path, metavar="FILE-OR-FOLDER")
    deploy.add_argument("--url", help="of a running server; without it, straight into the database")
    deploy.add_argument("--token", default=os.environ.get("BPM_TOKEN"), help="API token (or BPM_TOKEN)")
    deploy.add_argument("--data-dir", type=Path)
    lint = _command(commands, "lint", "Check BPMN, DMN and form files.")
    lint.add_argument("paths", nargs="+", type=Path, metavar="FILE-OR-FOLDER")
    lint.add_argument("--json", action="store_true", help="findings as a JSON list")
    decide = _command(commands, "decide", "Evaluate a decision of a DMN file.")
    decide.add_argument("model", type=Path, metavar="MODEL.dmn")
    decide.add_argument("decision", metavar="DECISION")
    decide.add_argument("--input", default="{}", metavar="JSON", help="variables; @FILE reads a file")
    decide.add_argument("--explain", action="store_true", help="also inputs, matched rules and outputs")


def _rules(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    feel = _command(commands, "feel", "Evaluate a FEEL expression.")
    feel.add_argument("expression", metavar="EXPR")
    feel.add_argument("--input", default="{}", metavar="JSON", help="variables; @FILE reads a file")
    feel.add_argument("--dialect", choices=("camunda8", "dmn"), default="camunda8")
    feel.add_argument("--tested", metavar="JSON", help="a value: EXPR is the cell of a table that it may pass")
    dmn = _command(commands, "dmn", "Edit decision tables in Excel.")
    actions = dmn.add_subparsers(dest="action", required=True)
    out = actions.add_parser("to-xlsx", help="write the tables of a DMN file to a workbook")
    out.add_argument("model", type=Path, metavar="MODEL.dmn")
    out.add_argument("workbook", type=Path, metavar="OUT.xlsx")
    back = actions.add_parser("from-xlsx", help="put the tables of a workbook into a DMN file")
    back.add_argument("workbook", type=Path, metavar="TABLES.xlsx")
    back.add_argument("model", type=Path, metavar="MODEL.dmn", help="whose tables are replaced; made if missing")
    back.add_argument("--out", type=Path, metavar="OUT.dmn", help="write here, leave MODEL.dmn as it is")


def _administration(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    migrate = _command(commands, "migrate", "Bring the database to the newest tables.")
    migrate.add_argument("--data-dir", type=Path)
    migrate.add_argument(
        "--finish", action="store_true", help="also what must wait until no process of the previous release is left"
    )
    user = _command(commands, "user", "Add and change people and tokens.")
    actions = user.add_subparsers(dest="action", required=True)
    for name, text in (
        ("add", "add or change a person"),
        ("password", "set a password"),
        ("token", "make an API token"),
        ("list", "list people"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("--data-dir", type=Path)
        if name != "list":
            action.add_argument("username")
        if name == "add":
            action.add_argument("--name")
            action.add_argument("--email")
            action.add_argument("--group", action="append", default=[])
            action.add_argument("--role", action="append", default=[])
        if name == "token":
            action.add_argument("--name", default="command line")
            action.add_argument("--days", type=int, help="valid for so many days (default: for ever)")
    cleanup = _command(commands, "cleanup", "Remove ended instances whose time is over.")
    cleanup.add_argument("--data-dir", type=Path)
    cleanup.add_argument(
        "--older-than", type=int, metavar="DAYS", help="all that ended longer ago, whatever their time"
    )
    cleanup.add_argument("--process", metavar="ID", help="only instances of this process")
    cleanup.add_argument("--archive", type=Path, metavar="DIR", help="write them there first (or BPM_ARCHIVE_DIR)")
    cleanup.add_argument("--dry-run", action="store_true", help="say what would be removed, remove nothing")
    cleanup.add_argument("--json", action="store_true", help="the result as a JSON object")
    demo = _command(commands, "demo", "Fill a database with the demo company.")
    demo.add_argument("--data-dir", type=Path)
    demo.add_argument("--orders", type=int, default=12, help="orders on their way")


def _company(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    organisation = _command(commands, "organisation", "Departments, positions and people from a file, and into one.")
    actions = organisation.add_subparsers(dest="action", required=True)
    take = actions.add_parser("import", help="make them those of a CSV file or Excel workbook")
    take.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")
    give = actions.add_parser("export", help="write them to a CSV file or Excel workbook")
    calendar = _command(commands, "calendar", "Business calendars: office hours, holidays and make-up days.")
    days = calendar.add_subparsers(dest="action", required=True).add_parser(
        "import", help="save a calendar (JSON), or add the days of a CSV, Excel or iCalendar file to one"
    )
    days.add_argument("--into", metavar="CALENDAR", default="default", help="which one the days are for")
    for action in (take, give, days):
        action.add_argument("--data-dir", type=Path)
        action.add_argument("file", type=Path, metavar="FILE")


def _minutes(text: str) -> int:
    """Whole minutes, at most a year of them."""
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= MOST_MINUTES:
        message = f"expected whole minutes from 1 to {MOST_MINUTES}, but found '{text[:40]}'"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _safety(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    backup = _command(commands, "backup", "Write everything into one file, while the server goes on working.")
    restore = _command(commands, "restore", "Fill a database from a backup file.")
    for command in (backup, restore):
        command.add_argument("--data-dir", type=Path)
        command.add_argument("file", type=Path, metavar="FILE")
    backup.add_argument("--without-documents", action="store_true", help="leave out contents that lie in a folder")
    restore.add_argument("--replace", action="store_true", help="delete what is in the database")
    restore.add_argument("--other-key", action="store_true", help="do without secrets sealed with another key")
    doctor = _command(commands, "doctor", "Prove that engine state and tables agree.")
    doctor.add_argument("--data-dir", type=Path)
    doctor.add_argument("--repair", action="store_true", help="mend what can be mended")
    doctor.add_argument(
        "--late-after", type=_minutes, default=15, metavar="MINUTES", help="warn of work that is due for so long (15)"
    )
    doctor.add_argument("--json", action="store_true", help="findings as JSON lines")
    audit = _command(commands, "audit", "Verify the audit log.")
    verify = audit.add_subparsers(dest="action", required=True).add_parser("verify", help="compare it with its seals")
    verify.add_argument("--data-dir", type=Path)
    verify.add_argument("--json", action="store_true", help="findings and result as JSON lines")
    verify.add_argument("--expect", metavar="NUMBER:DIGEST", help="a seal that was noted before: it must be there")
    secrets = _command(commands, "secrets", "Change the secret key.")
    rotate = secrets.add_subparsers(dest="action", required=True).add_parser(
        "rotate", help="seal anew what keys of BPM_OLD_SECRET_KEYS have sealed: webhooks' secrets, e-mail addresses"
    )
    rotate.add_argument("--data-dir", type=Path)


if __name__ == "__main__":
    sys.exit(main())
