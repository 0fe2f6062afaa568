"""``bpm-server lint``: every finding of files, without a database; exit status 1 where one is an error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bpm_server.cli.content import find_files
from bpm_server.kernel import json
from bpm_server.kernel.errors import NotFound
from bpm_server.services.deployments import read_files

if TYPE_CHECKING:
    import argparse

    from bpm_server.kernel.findings import Finding
    from bpm_server.settings import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Prints the findings as lines or as a JSON list."""
    del settings
    for path in options.paths:
        if not path.exists():
            message = f"Expected a file or folder '{path}', but there is none"
            raise NotFound(message)
    files = find_files(options.paths)
    findings = read_files(files)
    if options.json:
        print(json.dumps([finding.as_json() for finding in findings]))
    else:
        _print(findings, len(files))
    return 1 if any(finding.severity == "error" for finding in findings) else 0


def _print(findings: list[Finding], files: int) -> None:
    for finding in findings:
        print(finding.as_text())
        if finding.hint:
            print(f"    {finding.hint}")
    counts = {severity: sum(f.severity == severity for f in findings) for severity in ("error", "warning", "info")}
    print(
        f"{files} files: {counts['error']} errors, {counts['warning']} warnings, {counts['info']} remarks",
        file=sys.stderr,
    )
