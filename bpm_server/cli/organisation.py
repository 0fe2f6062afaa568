"""``bpm-server organisation``: departments, positions and people from a file, and back into one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.cli.first_run import prepare_people
from bpm_server.cli.inputs import read_file
from bpm_server.domain import organisation_file
from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.lines import write_csv, write_xlsx
from bpm_server.reports import organisation as report
from bpm_server.services.organisation_import import import_organisation

if TYPE_CHECKING:
    import argparse

    from bpm_server.domain.organisation_file import Plan
    from bpm_server.services.server import Server
    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Imports or exports; a file that is wrong changes nothing."""
    bootstrap.prepare(settings)
    with bootstrap.running(settings) as server:
        prepare_people(server)
        (_import if options.action == "import" else _export)(server, options)
    return 0


def _import(server: Server, options: argparse.Namespace) -> None:
    data = read_file(options.file, "a CSV file or Excel workbook")
    file = organisation_file.read_file(data, options.file.name)
    plan = report.plan_import(server, SYSTEM, file) if options.dry_run else import_organisation(server, SYSTEM, file)
    _show(plan, dry_run=options.dry_run)


def _show(plan: Plan, *, dry_run: bool) -> None:
    for change in plan.changes:
        print(f"{'+' if change.is_new else '~'} {change.kind} {change.id}: {change.told}")
    new = sum(change.is_new for change in plan.changes)
    would = "would be " if dry_run else ""
    print(
        f"{new} {would}added, {len(plan.changes) - new} {would}changed; "
        f"{plan.unnamed} that the file does not name stay as they are."
    )


def _export(server: Server, options: argparse.Namespace) -> None:
    lines = report.export_lines(server, SYSTEM)
    columns = organisation_file.COLUMNS
    as_workbook = options.file.suffix.lower() == ".xlsx"
    options.file.write_bytes(write_xlsx("organisation", columns, lines) if as_workbook else write_csv(columns, lines))
    print(f"{options.file}: {len(lines)} departments, positions and people")
