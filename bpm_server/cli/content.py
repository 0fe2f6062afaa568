"""Deploys the content folder: what is new or changed since it was deployed last, and nothing else.

A file whose bytes were deployed before is left alone, so that what people changed in the browser since is not
overwritten at the next start.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel.errors import InvalidInput
from bpm_server.kernel.log import get_logger
from bpm_server.reports.resources import deployed_digests
from bpm_server.services import deployments

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bpm_server.services.server import Server

log = get_logger(__name__)
FOLDERS = ("rules", "forms", "processes")
SUFFIXES = (".bpmn", ".dmn", ".form")


def find_files(paths: Iterable[Path], suffixes: tuple[str, ...] = SUFFIXES) -> dict[str, bytes]:
    """Content by path, as far as the paths were given; folders are searched for the suffixes."""
    found: dict[str, bytes] = {}
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and (not path.is_dir() or file.name.lower().endswith(suffixes)):
                found[file.as_posix()] = file.read_bytes()
    return found


def by_name(files: dict[str, bytes]) -> dict[str, bytes]:
    """Content by file name alone, as a deployment wants it.

    Raises:
        InvalidInput: two files have the same name.
    """
    paths: dict[str, str] = {}
    for path in files:
        name = path.rpartition("/")[2]
        if name in paths:
            message = f"Expected one file named '{name}' in a deployment, but found {paths[name]} and {path}"
            raise InvalidInput(message)
        paths[name] = path
    return {name: files[path] for name, path in paths.items()}


def deploy_content(server: Server) -> int:
    """Deploys what is new; returns how many files that were."""
    folder = bootstrap.content_folder(server.settings)
    files = by_name(find_files(folder / name for name in FOLDERS if (folder / name).is_dir()))
    known = deployed_digests(server)
    new = {name: data for name, data in files.items() if (name, hashlib.sha256(data).hexdigest()) not in known}
    if new:
        deployments.deploy(server, SYSTEM, new, name="content", source="bpm-server up")
        log.info("content.deployed", files=sorted(new))
    return len(new)
