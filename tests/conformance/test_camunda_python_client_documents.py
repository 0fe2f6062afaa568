"""Camunda's own Python client on what is kept beside processes: documents, audit log, cluster variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("camunda_orchestration_sdk")
from camunda_orchestration_sdk import errors, models
from camunda_orchestration_sdk.types import File

from tests.conformance.test_camunda_python_client import world

if TYPE_CHECKING:
    from tests.conformance.test_camunda_python_client import World

__all__ = ["world"]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def metadata(**members: Any) -> models.DocumentMetadata:
    return models.DocumentMetadata.from_dict(members)


def test_documents_are_kept_read_linked_and_removed(world: World) -> None:
    client = world.client
    said = metadata(fileName="offer.txt", contentType="text/plain", customProperties={"order": "4711"})
    file = File(payload=b"500000.01", file_name="x.txt", mime_type="text/plain")
    kept = client.create_document(data=models.CreateDocumentData(file=file, metadata=said), document_id="offer-1")
    assert (kept.document_id, kept.store_id, kept.metadata.size) == ("offer-1", "database", 9)
    assert kept.metadata.custom_properties.additional_properties == {"order": "4711"}
    found = client.get_document(document_id="offer-1", content_hash=kept.content_hash)
    assert found.payload.read() == b"500000.01"
    link = client.create_document_link(
        document_id="offer-1",
        content_hash=kept.content_hash,
        data=models.DocumentLinkRequest(time_to_live=60_000),
    )
    assert link.url.startswith("http")
    client.delete_document(document_id="offer-1")
    with pytest.raises(errors.ApiError) as gone:
        client.get_document(document_id="offer-1", content_hash=kept.content_hash)
    assert gone.value.status_code == 404


def test_a_batch_says_what_was_kept_and_what_was_not(world: World) -> None:
    files = [File(payload=name.encode(), file_name=name) for name in ("a.txt", "b.txt")]
    described = [metadata(fileName="first.txt"), metadata(expiresAt="2020-01-01T00:00:00Z")]
    found = world.client.create_documents(data=models.CreateDocumentsData(files=files, metadata_list=described))
    assert [one.metadata.file_name for one in found.created_documents] == ["first.txt"]
    assert [(one.file_name, one.status) for one in found.failed_documents] == [("b.txt", 400)]


def test_the_audit_log_says_who_did_what(world: World) -> None:
    started = world.start("order")
    task = world.one_task(started.process_instance_key)
    world.client.assign_user_task(
        user_task_key=task.user_task_key, data=models.UserTaskAssignmentRequest(assignee="ann")
    )
    found = world.search(
        "search_audit_logs", "AuditLogSearchQueryRequest", processInstanceKey=started.process_instance_key
    )
    assert [(one.entity_type, one.operation_type, one.actor_id) for one in found] == [
        ("PROCESS_INSTANCE", "CREATE", "camunda"),
        ("USER_TASK", "ASSIGN", "camunda"),
    ]
    one = world.client.get_audit_log(audit_log_key=found[1].audit_log_key)
    assert (one.user_task_key, one.related_entity_key) == (task.user_task_key, "ann")
    of_task = world.client.search_user_task_audit_logs(
        user_task_key=task.user_task_key, data=models.UserTaskAuditLogSearchQueryRequest()
    )
    assert [item.audit_log_key for item in of_task.items] == [one.audit_log_key]


def test_cluster_variables_are_seen_by_expressions(world: World) -> None:
    client = world.client
    body = {"name": "limit", "value": {"amount": 5}, "metadata": {"owner": "finance"}}
    made = client.create_global_cluster_variable(data=models.CreateClusterVariableRequest.from_dict(body))
    assert (made.name, made.value, made.kind) == ("limit", '{"amount":5}', "JSON")
    evaluation = models.ExpressionEvaluationRequest(expression="=camunda.vars.env.limit.amount + 1")
    assert client.evaluate_expression(data=evaluation).result == 6
    update = models.UpdateClusterVariableRequest.from_dict({"value": {"amount": 6}})
    assert client.update_global_cluster_variable(name="limit", data=update).value == '{"amount":6}'
    assert client.get_global_cluster_variable(name="limit").metadata.additional_properties == {"owner": "finance"}
    found = world.search("search_cluster_variables", "ClusterVariableSearchQueryRequest", name="limit")
    assert [one.is_truncated for one in found] == [False]
    client.delete_global_cluster_variable(name="limit")
    assert world.search("search_cluster_variables", "ClusterVariableSearchQueryRequest") == []
