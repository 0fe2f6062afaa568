"""The data folder of a server with the demo company, filled before it is started."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from bpm_server import bootstrap
from bpm_server.domain.demo import COMPANY
from bpm_server.services import installation
from bpm_server.settings import Settings
from tests.support.running import ADMIN_PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bpm_server.domain.demo import Company
    from bpm_server.services.server import Server


@contextmanager
def filling(folder: Path, company: Company = COMPANY) -> Iterator[Server]:
    """A new server below a folder, with an administrator and the company; ``running`` serves it afterwards."""
    settings = Settings(data_dir=folder / "data")
    settings.data_dir.mkdir()
    bootstrap.prepare(settings)
    with bootstrap.running(settings) as server:
        installation.prepare_installation(server, ADMIN_PASSWORD)
        installation.install_demo_company(server, company)
        yield server
