"""All operations of the REST API, and the document that describes them (``/v2/openapi.json``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_smorest import Api  # type: ignore[import-untyped]

from bpm_server.web import problems
from bpm_server.web.api import (
    ad_hoc,
    approvals,
    attachments,
    audit_logs,
    authentication,
    batch_operations,
    calendars,
    channels,
    clock,
    cluster,
    cluster_variables,
    conditionals,
    decisions,
    departments,
    deployments,
    documents,
    elements,
    expressions,
    forms,
    groups,
    handovers,
    health,
    inbox_filters,
    incidents,
    instance_operations,
    jobs,
    mails,
    messages,
    migration,
    modification,
    notifications,
    people,
    process_definitions,
    process_instances,
    public_forms,
    pushes,
    resources,
    roles,
    settings,
    statistics,
    substitutions,
    tasks,
    tokens,
    users,
    variables,
    wait_states,
    webhook_deliveries,
    webhook_endpoints,
)
from bpm_server.web.api.document import described
from bpm_server.web.api.fields import Number, Reply, Text
from bpm_server.web.api.search_schemas import PageRequest

if TYPE_CHECKING:
    from flask import Flask

    from bpm_server.services.server import Server
    from bpm_server.web.api.blueprint import ApiBlueprint

NOUNS: tuple[ApiBlueprint, ...] = (
    cluster.api,
    authentication.api,
    deployments.api,
    resources.api,
    process_definitions.api,
    process_instances.api,
    instance_operations.api,
    modification.api,
    modification.ours,
    migration.api,
    migration.ours,
    elements.api,
    ad_hoc.api,
    wait_states.api,
    statistics.api,
    variables.api,
    tasks.api,
    approvals.api,
    forms.api,
    jobs.api,
    incidents.api,
    batch_operations.api,
    messages.api,
    conditionals.api,
    decisions.api,
    expressions.api,
    cluster_variables.api,
    audit_logs.api,
    documents.api,
    documents.links,
    attachments.api,
    users.api,
    groups.api,
    roles.api,
    departments.api,
    people.api,
    handovers.api,
    substitutions.api,
    notifications.api,
    pushes.api,
    inbox_filters.api,
    mails.api,
    settings.api,
    calendars.api,
    public_forms.api,
    clock.api,
    webhook_endpoints.api,
    webhook_deliveries.api,
    channels.api,
    tokens.api,
)


class ProblemDetail(Reply):
    """What went wrong (RFC 9457); further members say more."""

    type = Text()
    title = Text()
    status = Number()
    detail = Text()
    instance = Text()


class Documented(Api):  # type: ignore[misc]
    """The document of flask-smorest; errors are ours (see ``web.problems``)."""

    DEFAULT_ERROR_RESPONSE_NAME = "ProblemDetail"

    def _register_error_handlers(self) -> None:
        problems.register(self._app)

    def _register_responses(self) -> None:
        self.ma_plugin.converter.add_attribute_function(described)
        self.spec.components.response(
            "ProblemDetail",
            {
                "description": "What went wrong",
                "content": {problems.MIME: {"schema": ProblemDetail}},
            },
        )


def register(app: Flask, server: Server, version: str) -> None:
    """Adds the operations to an application."""
    app.config.update(
        API_TITLE="bpm-server",
        API_VERSION=version,
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX="/v2",
        OPENAPI_JSON_PATH="openapi.json",
    )
    documented = Documented(
        app,
        spec_kwargs={
            "info": {"description": "Camunda 8's REST API below /v2, our own below /api."},
            "servers": [{"url": server.settings.url()}],
            "security": [{"bearer": []}, {"basic": []}],
        },
    )
    schemes = documented.spec.components
    schemes.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    schemes.security_scheme("basic", {"type": "http", "scheme": "basic"})
    schemes.schema("PageRequest", schema=PageRequest)
    for blueprint in NOUNS:
        documented.register_blueprint(blueprint)
    app.register_blueprint(health.api)
