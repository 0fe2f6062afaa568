"""What ``/metrics`` says: what processes counted, and figures of the whole installation, asked when somebody looks.

Whoever knows ``BPM_METRICS_TOKEN`` may read it (``Authorization: Bearer``). Where none is set, programs of this machine
may, unless a reverse proxy is in sight (``BPM_TRUSTED_PROXY``, ``BPM_PUBLIC_URL``): all that it passes on seems to be
of this machine.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import TYPE_CHECKING

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from bpm_server.domain.states import IncidentState
from bpm_server.kernel import metrics
from bpm_server.kernel.errors import Forbidden, NotSignedIn, Unavailable
from bpm_server.store.tables.instances import incident

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bpm_server.reports.backlog import Backlog, Due
    from bpm_server.services.server import Server
    from bpm_server.settings import Settings

MIME = CONTENT_TYPE_LATEST
MOST = 100_000
"""Incidents are not counted beyond this."""


class Installation:
    """A collector of Prometheus; where the database does not answer, it says only that."""

    def __init__(self, server: Server, due: Mapping[str, Due]) -> None:
        self._server = server
        self._due = due

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families, when they are written."""
        reachable = GaugeMetricFamily("bpm_database_reachable", "1 where the database answered.")
        incidents = GaugeMetricFamily("bpm_incidents_open", f"Open incidents, up to {MOST}.")
        try:
            incidents.add_metric([], self._incidents())
            reachable.add_metric([], 1)
        except Unavailable:
            reachable.add_metric([], 0)
        yield reachable
        yield incidents
        rows = GaugeMetricFamily("bpm_due_rows", "Work that is due and not done.", labels=("kind",))
        ages = GaugeMetricFamily("bpm_due_oldest_age_seconds", "How long the oldest has been due.", labels=("kind",))
        for kind, due in self._due.items():
            rows.add_metric([kind], due.rows)
            ages.add_metric([kind], due.oldest_s)
        yield rows
        yield ages

    def _incidents(self) -> int:
        some = sa.select(incident.c.key).where(incident.c.state == IncidentState.ACTIVE).limit(MOST).subquery()
        with self._server.database.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


def text(server: Server, backlog: Backlog) -> bytes:
    """Everything, in the text format."""
    asked = CollectorRegistry()
    asked.register(Installation(server, backlog.sample()))
    return generate_latest(metrics.collected()) + generate_latest(asked)


def check_reader(settings: Settings, authorization: str, address: str) -> None:
    """Whether somebody may read the metrics.

    Raises:
        NotSignedIn: the token is missing or wrong.
        Forbidden: no token is set, and they are not of this machine.
    """
    if settings.metrics_token:
        if not hmac.compare_digest(authorization.encode(), f"Bearer {settings.metrics_token}".encode()):
            message = "Expected the token of the metrics (BPM_METRICS_TOKEN), but found none or a wrong one"
            raise NotSignedIn(message)
        return
    if settings.trusted_proxy or settings.public_url or not _is_loopback(address):
        message = "Expected a request of this very machine, or a token (BPM_METRICS_TOKEN), but found neither"
        raise Forbidden(message)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
