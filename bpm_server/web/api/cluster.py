"""``/v2/topology``, ``/v2/status``, ``/v2/license``, ``/v2/system``: what clients ask before they work."""

from __future__ import annotations

from typing import Any

from bpm_server.kernel.errors import Unavailable
from bpm_server.reports import health
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Anything, Flag, Many, Moment, Names, Number, One, Reply, Text, Word

api = ApiBlueprint("cluster", tag="Cluster")


class Partition(Reply):
    """There is one partition: the database."""

    partition_id = Number()
    role = Word(("leader", "follower", "inactive"))
    health = Word(("healthy", "unhealthy", "dead"))
    state = Word(("joining", "active", "leaving", "learner", "recovering", "unknown"))


class Broker(Reply):
    """This server. 8.8 clients read ``nodeId``, later ones ``brokerId``."""

    node_id = Number()
    broker_id = Text()
    host = Text()
    port = Number()
    partitions = Many(Partition)
    version = Text()


class Topology(Reply):
    """What Camunda Modeler asks every five seconds."""

    brokers = Many(Broker)
    cluster_id = Text(null=True)
    cluster_size = Number()
    partitions_count = Number()
    replication_factor = Number()
    gateway_version = Text()
    last_completed_change_id = Text()


class License(Reply):
    """The software is free; Camunda's clients ask nevertheless."""

    valid_license = Flag()
    license_type = Text()
    is_commercial = Flag()
    expires_at = Moment(null=True)


class JobMetrics(Reply):
    """Metrics of jobs are not exported."""

    enabled = Flag()
    export_interval = Text()
    max_worker_name_length = Number()
    max_job_type_length = Number()
    max_tenant_id_length = Number()
    max_unique_keys = Number()


class Components(Reply):
    """Which of Camunda's web applications there are."""

    active = Names()


class DeploymentLimits(Reply):
    """Limits of deployments."""

    is_multi_tenancy_enabled = Flag()
    max_request_size = Number()


class Authentication(Reply):
    """How people sign in."""

    can_logout = Flag()
    is_login_delegated = Flag()


class Cloud(Reply):
    """Nothing: this is no cloud of Camunda's."""

    stage = Anything(null=True)


class SystemConfiguration(Reply):
    """What clients may want to know of the installation."""

    job_metrics = One(JobMetrics)
    components = One(Components)
    deployment = One(DeploymentLimits)
    authentication = One(Authentication)
    cloud = One(Cloud)


@api.operation("GET", "/topology", "getTopology", gives=Topology)
def get_topology(call: Call) -> dict[str, Any]:
    """What this server looks like to clients of Camunda: one broker with one partition."""
    settings = call.server.settings
    version = settings.gateway_version
    partition = {"partition_id": 1, "role": "leader", "health": "healthy", "state": "active"}
    broker = {
        "node_id": 0,
        "broker_id": "0",
        "host": settings.host,
        "port": settings.port,
        "partitions": [partition],
        "version": version,
    }
    return {
        "brokers": [broker],
        "cluster_id": None,
        "cluster_size": 1,
        "partitions_count": 1,
        "replication_factor": 1,
        "gateway_version": version,
        "last_completed_change_id": "",
    }


@api.operation("GET", "/status", "getStatus", status=204, public=True)
def get_status(call: Call) -> None:
    """204 where the server can work, 503 where its database is away."""
    state = health.check(call.server)
    if not state.is_ready:
        raise Unavailable(state.problem or "Expected the server to be ready, but it is not", retry_after=5)


@api.operation("GET", "/license", "getLicense", gives=License, public=True)
def get_license(_: Call) -> dict[str, Any]:
    """The licence of this software."""
    return {"valid_license": True, "license_type": "Apache-2.0", "is_commercial": False, "expires_at": None}


@api.operation("GET", "/system/configuration", "getSystemConfiguration", gives=SystemConfiguration)
def get_system_configuration(call: Call) -> dict[str, Any]:
    """What clients may want to know of the installation."""
    return {
        "job_metrics": {
            "enabled": False,
            "export_interval": "PT0S",
            "max_worker_name_length": 0,
            "max_job_type_length": 0,
            "max_tenant_id_length": 0,
            "max_unique_keys": 0,
        },
        "components": {"active": ["operate", "tasklist", "admin"]},
        "deployment": {"is_multi_tenancy_enabled": False, "max_request_size": call.server.settings.upload_limit},
        "authentication": {"can_logout": True, "is_login_delegated": False},
        "cloud": {"stage": None},
    }
