"""What goes over RabbitMQ: wake-ups for workers and bells for web processes. Neither carries anything to lose.

A wake-up is a Celery task without arguments, one kind for each lane of ``worker.embedded``; one worker gets it.
A bell is a kombu fanout message with topic names; every web process gets it. Both are transient and expire, queues
are bounded: rows are the truth (ADR 13), and whoever hears nothing looks again by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqp.exceptions import AMQPError
from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import KombuError

from bpm_server.worker.embedded import LANES

if TYPE_CHECKING:
    from bpm_server.settings import Settings

WAKE_UP = "bpm_server.wake_up."
EXPIRES_S = 30
MOST_WAITING = 1_000
BELL = Exchange("bpm_server.bell", type="fanout", durable=False, delivery_mode="transient")
CONNECT_S = 2.0
UNREACHABLE = (OSError, KombuError, AMQPError)
"""What the libraries raise when the broker is away or goes away."""


def queue_of(lane: str) -> Queue:
    """The queue of a lane's wake-ups: a few are as good as many."""
    name = f"bpm_server.{lane}"
    arguments = {"x-max-length": MOST_WAITING, "x-message-ttl": EXPIRES_S * 1_000}
    exchange = Exchange("bpm_server.wake_ups", type="direct", delivery_mode="transient")
    return Queue(name, exchange, routing_key=name, queue_arguments=arguments)


def make_app(settings: Settings) -> Celery:
    """The Celery application of an installation; connects when it is used."""
    app = Celery("bpm_server", broker=settings.broker_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=CONNECT_S,
        broker_heartbeat=20,
        task_default_delivery_mode="transient",
        task_ignore_result=True,
        task_queues=[queue_of(lane) for lane in LANES],
        task_serializer="json",
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
    )
    return app
