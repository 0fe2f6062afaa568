"""The compose file is one: names exist, health is checked where it is waited for, settings and commands are ours.

There is no container engine where tests run, so this is read, not started.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
import yaml

from bpm_server.cli.main import _parser
from bpm_server.settings import PREFIX, Settings, from_mapping
from tests.support.services import ROOT

DOCKER = ROOT / "docker"
TEXT = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if service["image"].startswith("bpm-server"))
MARGIN_S = 10


def settings(service: dict[str, Any]) -> Settings:
    return from_mapping({name: str(value) for name, value in service.get("environment", {}).items()})


def seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)(s|m)", text)
    assert found, text
    return int(found[1]) * (60 if found[2] == "m" else 1)


def test_the_parts_of_an_installation_are_there() -> None:
    assert OURS == ["migrate", "web", "worker"]
    assert set(SERVICES) - set(OURS) == {"postgresql", "rabbitmq", "proxy"}


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_names_exists(name: str) -> None:
    service = SERVICES[name]
    assert set(service.get("networks", [])) <= set(COMPOSE["networks"])
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert source in COMPOSE["volumes"] or (DOCKER / source).is_file(), volume
    for other, how in service.get("depends_on", {}).items():
        condition = how["condition"]
        if condition == "service_healthy":
            assert has_health(SERVICES[other]), f"{name} waits for the health of {other}, which nobody checks"
        else:
            assert (condition, SERVICES[other]["restart"]) == ("service_completed_successfully", "no")


def has_health(service: dict[str, Any]) -> bool:
    checked = service.get("healthcheck", {})
    image_checks = service["image"].startswith("bpm-server") and "HEALTHCHECK" in (DOCKER / "Dockerfile").read_text()
    return "test" in checked or (image_checks and not checked.get("disable"))


@pytest.mark.parametrize("name", OURS)
def test_commands_and_settings_are_ours(name: str) -> None:
    service = SERVICES[name]
    program, *arguments = service["command"]
    assert program == "bpm-server"
    assert _parser().parse_args(arguments).module == name
    known = {PREFIX + field.name.upper() for field in dataclasses.fields(Settings)}
    assert set(service["environment"]) <= known
    assert settings(service).worker_threads >= 1


def test_containers_have_the_time_that_their_settings_promise() -> None:
    web, worker = SERVICES["web"], SERVICES["worker"]
    needed = settings(web).stop_seconds + settings(web).stop_notice_seconds + MARGIN_S
    assert seconds(web["stop_grace_period"]) >= needed
    assert seconds(worker["stop_grace_period"]) >= settings(worker).stop_seconds + MARGIN_S
    assert "STOPSIGNAL SIGTERM" in (DOCKER / "Dockerfile").read_text()


def test_services_that_may_be_many_hold_no_port_and_no_name() -> None:
    for name in ("web", "worker"):
        assert not {"ports", "container_name", "hostname"} & set(SERVICES[name])


def test_secrets_must_be_set_and_are_in_the_example() -> None:
    named, optional = set(re.findall(r"\$\{(\w+)", TEXT)), set(re.findall(r"\$\{(\w+):-\}", TEXT))
    assert named - optional == set(re.findall(r"\$\{(\w+):\?", TEXT)), "these stop the start where they are not set"
    example = (DOCKER / "example.env").read_text()
    assert named == set(re.findall(r"^#?(\w+)=", example, re.MULTILINE))
    assert optional == set(re.findall(r"^#(\w+)=", example, re.MULTILINE))


def test_the_image_checks_readiness_where_the_server_listens() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text()
    assert "http://127.0.0.1:8080/health/ready" in dockerfile
    assert Settings().port == 8080
    assert "web 8080" in (DOCKER / "Caddyfile").read_text()
