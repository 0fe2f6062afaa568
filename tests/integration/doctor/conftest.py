"""Instances for the doctor: one that waits at everything there is, and one that has failed."""

from __future__ import annotations

import pytest

from bpm_server.services import jobs
from tests.support.product import ADMIN, Product
from tests.support.waiting import waiting_process


@pytest.fixture
def instance(bpm: Product) -> int:
    bpm.deploy(waiting_process())
    return bpm.start(order="A-1")


@pytest.fixture
def failed(bpm: Product, instance: int) -> int:
    """The job has no tries left: an incident."""
    jobs.fail_job(bpm.server, ADMIN, bpm.job("work"), retries=0, message="no")
    return instance
