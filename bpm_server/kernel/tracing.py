"""Spans for OpenTelemetry: request -> command, and job -> connector call of the same trace, later and elsewhere.

Nothing is imported and next to nothing done without ``BPM_OTLP_ENDPOINT`` (the extra ``telemetry``).
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from opentelemetry.sdk.trace import TracerProvider

NAME = "bpm_server"
PARENT = "traceparent"
_NOTHING = nullcontext()


class _Tracing:
    """What the process traces with."""

    tracer: Any = None
    propagator: Any = None


def use(provider: TracerProvider | None) -> None:
    """From now on spans go to this provider; None: nowhere."""
    if provider is None:
        _Tracing.tracer = None
        return
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    _Tracing.propagator = TraceContextTextMapPropagator()
    _Tracing.tracer = provider.get_tracer(NAME)


@contextmanager
def exporting(endpoint: str) -> Iterator[None]:
    """Exports spans as long as the block runs: OTLP over HTTP, in batches, from a thread of its own.

    Args:
        endpoint: For instance ``http://collector:4318/v1/traces``; empty: nothing is exported.

    Raises:
        InvalidInput: the extra ``telemetry`` is not installed.
    """
    if not endpoint:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        message = "Expected bpm-server[telemetry] to be installed for BPM_OTLP_ENDPOINT, but it is not"
        raise InvalidInput(message) from error
    provider = TracerProvider(resource=Resource.create({"service.name": "bpm-server"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    use(provider)
    try:
        yield
    finally:
        use(None)
        provider.shutdown()


def span(name: str, parent: str | None = None, **attributes: Any) -> AbstractContextManager[Any]:
    """A span around the block; None where nothing is traced.

    Args:
        name: Of the work.
        parent: The ``traceparent`` that it belongs to; None: whatever is around it in this thread.
        attributes: Underscores become dots.
    """
    if _Tracing.tracer is None:
        return _NOTHING
    around = None if parent is None else _Tracing.propagator.extract({PARENT: parent})
    values = {key.replace("_", "."): value for key, value in attributes.items() if value is not None}
    made: AbstractContextManager[Any] = _Tracing.tracer.start_as_current_span(name, context=around, attributes=values)
    return made


def here() -> str | None:
    """The ``traceparent`` of the span around; None where nothing is traced."""
    if _Tracing.tracer is None:
        return None
    carrier: dict[str, str] = {}
    _Tracing.propagator.inject(carrier)
    return carrier.get(PARENT)
