"""``bpm-server dmn``: decision tables to an Excel workbook, and the edited workbook back into the DMN file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server import dmn
from bpm_server.cli.inputs import read_file

if TYPE_CHECKING:
    import argparse

    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Writes one file from another; nothing is written where something is wrong."""
    del settings
    if options.action == "to-xlsx":
        data = read_file(options.model, "a DMN file")
        options.workbook.write_bytes(dmn.to_xlsx(data, name=options.model.name))
        print(f"{options.workbook}: the decision tables of {options.model}")
        return 0
    workbook = read_file(options.workbook, "an Excel workbook")
    exists = options.model.is_file()
    into = options.model.read_bytes() if exists else None
    target = options.out or options.model
    name = options.workbook.name if exists else options.model.name
    target.write_bytes(dmn.from_xlsx(workbook, name=name, into=into))
    print(f"{target}: with the decision tables of {options.workbook}")
    return 0
