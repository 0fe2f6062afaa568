"""Camunda's SDK changes running instances and keeps documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.client_files import waiting
from tests.conformance.test_camunda_sdk import NOW, Refused, script, sdk

if TYPE_CHECKING:
    from tests.conformance.test_camunda_sdk import Sdk

__all__ = ["script", "sdk"]


def test_a_modification_moves_a_token(sdk: Sdk) -> None:
    key = sdk.start("order", amount=1)
    [task] = sdk.tasks(processInstanceKey=key)
    change = {
        "processInstanceKey": key,
        "activateInstructions": [{"elementId": "ship", "variableInstructions": [{"variables": {"by": "hand"}}]}],
        "terminateInstructions": [{"elementInstanceKey": task["elementInstanceKey"]}],
    }
    sdk.rest("modifyProcessInstance", change)
    assert sdk.tasks(processInstanceKey=key, state="CREATED") == []
    [job] = sdk.rest("activateJobs", {"type": "ship", "worker": "w", "maxJobsToActivate": 1, "timeout": 60000})
    assert job["variables"] == {"amount": 1, "by": "hand"}


def test_a_migration_moves_an_instance_to_another_version(sdk: Sdk) -> None:
    key = sdk.start("waiting", orderId="o-1")
    newer = waiting().replace(b'id="after"', b'id="afterwards"').replace(b"f_s2_after", b"f_s2_afterwards")
    newer = newer.replace(b'targetRef="after"', b'targetRef="afterwards"')
    deployed = sdk.rest("deployResources", [{"name": "waiting.bpmn", "content": newer.decode()}])
    target = deployed["processes"][0]["processDefinitionKey"]
    sdk.rest(
        "migrateProcessInstance",
        {
            "processInstanceKey": key,
            "targetProcessDefinitionKey": target,
            "mappingInstructions": [{"sourceElementId": "catch", "targetElementId": "catch"}],
        },
    )
    found = sdk.cluster("getProcessInstance", {"processInstanceKey": key}, NOW)
    assert (found["processDefinitionKey"], found["processDefinitionVersion"]) == (target, 2)
    sdk.rest("correlateMessage", {"name": "paid", "correlationKey": "o-1", "variables": {}})
    assert sdk.state(key) == "COMPLETED"


def test_documents(sdk: Sdk) -> None:
    content = {"type": "Buffer", "data": list("签字".encode())}
    kept = sdk.rest(
        "uploadDocument", {"file": content, "metadata": {"fileName": "合同.txt", "contentType": "text/plain"}}
    )
    assert (kept["metadata"]["fileName"], kept["metadata"]["contentType"]) == ("合同.txt", "text/plain")
    which = {"documentId": kept["documentId"], "contentHash": kept["contentHash"]}
    assert sdk.rest("downloadDocument", which) == content
    sdk.rest("deleteDocument", {"documentId": kept["documentId"]})
    with pytest.raises(Refused) as refused:
        sdk.rest("downloadDocument", which)
    assert refused.value.status == 404
