"""OpenTelemetry: one trace from a request to the calls that it causes, and nothing of it without the setting."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bpm_server.connectors.contract import Connector, Result
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel import tracing
from bpm_server.services.job_batches import Booked, Completion, complete_jobs
from bpm_server.store.tables.jobs import job
from bpm_server.worker import rounds
from tests.support.bpmn_builder import Process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.product import Product
    from tests.support.rest import Rest

START = "/v2/process-instances"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    found, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(found))
    tracing.use(provider)
    yield found
    tracing.use(None)
    provider.shutdown()


def deploy(bpm: Product) -> None:
    p = Process()
    p.path(p.start(), p.service("one", "first"), p.end())
    bpm.deploy(p.xml())
    bpm.server.connectors.add(Connector("first", {}, handler=lambda _: Result()))


def test_request_command_job_and_call_are_one_trace(bpm: Product, rest: Rest, exporter: InMemorySpanExporter) -> None:
    deploy(bpm)
    exporter.clear()
    rest.post(START, {"processDefinitionId": "p"}, headers={"traceparent": PARENT})
    rounds.run_until_idle(bpm.server, topics=("outside",))
    of_trace = [span for span in exporter.get_finished_spans() if format(span.context.trace_id, "032x") == TRACE]
    spans: dict[str, Any] = {span.name: span for span in of_trace}
    parents = {"".join(one.name for one in of_trace if one.context.span_id == span.parent.span_id): span.name
               for span in of_trace if span.name != "connector"}  # fmt: skip
    assert parents == {
        "": f"POST {START}",
        f"POST {START}": "process_instances.start_process",
        "process_instances.start_process": "job",
        "job": "jobs.complete_job",
    }
    assert spans["connector"].parent.span_id == spans["job"].context.span_id
    assert spans[f"POST {START}"].attributes == {
        "http.request.method": "POST", "http.route": START, "http.response.status_code": 200,
    }  # fmt: skip
    assert spans["job"].attributes["bpm.channel"] == "job:/first"
    carried = bpm.scalars(sa.select(job.c.trace_context))
    assert carried == [f"{TRACE} 00-{TRACE}-{spans['process_instances.start_process'].context.span_id:016x}-01"]


def test_what_follows_jobs_that_are_booked_together_is_in_the_trace_of_each(
    bpm: Product, rest: Rest, exporter: InMemorySpanExporter
) -> None:
    p = Process()
    p.path(p.start(), p.service("one", "first"), p.service("two", "second"), p.end())
    bpm.deploy(p.xml())
    traces = [f"{number}" * 32 for number in (1, 2)]
    for trace in traces:
        rest.post(START, {"processDefinitionId": "p"}, headers={"traceparent": f"00-{trace}-{'3' * 16}-01"})
    keys = bpm.scalars(sa.select(job.c.key).order_by(job.c.key))
    assert complete_jobs(bpm.server, SYSTEM, [Completion(key) for key in keys]) == Booked()
    query = sa.select(job.c.trace_context).where(job.c.type == "second").order_by(job.c.key)
    carried = [text.split()[-1].split("-") for text in bpm.scalars(query)]
    assert [trace for _, trace, _, _ in carried] == traces
    booked = [span for span in exporter.get_finished_spans() if span.name == "complete_job"]
    assert [format(span.context.trace_id, "032x") for span in booked] == traces
    assert [format(span.context.span_id, "016x") for span in booked] == [span for _, _, span, _ in carried]


def test_a_request_without_a_trace_begins_one_and_leaves_nothing_behind(
    rest: Rest, exporter: InMemorySpanExporter
) -> None:
    rest.get("/v2/topology")
    rest.get("/v2/topology")
    spans = [span for span in exporter.get_finished_spans() if span.name == "GET /v2/topology"]
    assert [span.parent for span in spans] == [None, None]
    assert len({span.context.trace_id for span in spans}) == 2
    assert tracing.here() is None


def test_nothing_is_traced_or_carried_without_the_setting(bpm: Product, rest: Rest) -> None:
    deploy(bpm)
    rest.post(START, {"processDefinitionId": "p"}, headers={"X-Request-Id": "r"})
    assert bpm.scalars(sa.select(job.c.trace_context)) == ["r"]
    assert tracing.here() is None


def test_opentelemetry_is_not_imported_without_the_setting() -> None:
    script = (
        "import sys, bpm_server.cli.web, bpm_server.cli.worker; print([m for m in sys.modules if 'telemetry' in m])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
