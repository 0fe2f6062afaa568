"""Camunda's Python client, signed in to a real server on which everything is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.worker.embedded import EmbeddedWorker
from tests.conformance.client_files import FILES
from tests.support.rest import PASSWORD, add_person, application, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.product import Product

sdk = pytest.importorskip("camunda_orchestration_sdk")
from camunda_orchestration_sdk import models  # noqa: E402
from camunda_orchestration_sdk.types import File  # noqa: E402


class World:
    """A served product and a client that is signed in."""

    def __init__(self, bpm: Product, url: str, client: Any) -> None:
        self.bpm, self.url, self.client = bpm, url, client
        files = [File(payload=content, file_name=name) for name, content in FILES.items()]
        self.deployment = client.create_deployment(data=models.CreateDeploymentData(resources=files))

    def start(self, process_id: str, **variables: Any) -> Any:
        body = models.ProcessCreationById(
            process_definition_id=process_id,
            variables=models.ProcessInstanceCreationInstructionBaseVariables.from_dict(variables),
        )
        return self.client.create_process_instance(data=body)

    def search(self, operation: str, query: str, **filters: Any) -> list[Any]:
        kind = getattr(models, query)
        body = kind.from_dict({"filter": filters})
        return getattr(self.client, operation)(data=body).items

    def one_task(self, instance: Any) -> Any:
        return self.search("search_user_tasks", "UserTaskSearchQuery", processInstanceKey=instance, state="CREATED")[0]

    def activate(self, job_type: str, **more: Any) -> list[Any]:
        body = models.JobActivationRequest(
            type_=job_type, timeout=60_000, max_jobs_to_activate=5, request_timeout=-1, **more
        )
        return self.client.activate_jobs(data=body).jobs


@pytest.fixture
def world(bpm_sqlite: Product) -> Iterator[World]:
    bpm, rest = application(bpm_sqlite, allow_clock=True)
    add_person(bpm, "camunda", roles=("admin",))
    worker = EmbeddedWorker(bpm.server)
    worker.start()
    with served(rest.app) as url:
        client = sdk.CamundaClient(
            configuration={
                "CAMUNDA_REST_ADDRESS": url,
                "CAMUNDA_AUTH_STRATEGY": "BASIC",
                "CAMUNDA_BASIC_AUTH_USERNAME": "camunda",
                "CAMUNDA_BASIC_AUTH_PASSWORD": PASSWORD,
            }
        )
        yield World(bpm, url, client)
        client.client.get_httpx_client().close()
    worker.stop()
