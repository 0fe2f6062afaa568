"""The processes, rules and forms of this repository, deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.services import ROOT

if TYPE_CHECKING:
    from tests.support.product import Product

FOLDERS = ("processes", "rules", "forms")


def deploy_content(bpm: Product) -> None:
    """Deploys the content folders as ``bpm-server up`` does."""
    files = [path for name in FOLDERS for path in sorted((ROOT / name).glob("*.*"))]
    bpm.deploy(*[(path.name, path.read_bytes()) for path in files])
