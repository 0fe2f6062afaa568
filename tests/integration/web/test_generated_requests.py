"""Requests made up from the OpenAPI document, right ones and wrong ones: never a server error.

``make proof`` sends more of them.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from tests.support import worlds

schemathesis = pytest.importorskip("schemathesis", reason="pip install schemathesis")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.worlds import World

PROOF = bool(os.environ.get("BPM_PROOF"))
EXAMPLES = 300 if PROOF else 3
WAITING = {"activateJobs"}
"""May wait for longer than a test should."""


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("generated")
    shutil.copy(sqlite_template, folder / "bpm.db")
    with worlds.world(f"sqlite:///{folder / 'bpm.db'}", folder) as found:
        yield found


def real_keys(world: World) -> dict[str, str]:
    """Keys of what there is, by the parameter that takes one."""
    form = world.rest.upload(("f.form", b'{"id": "f", "components": []}'))["deployments"][0]["form"]["formKey"]
    element = world.rest.search("element-instances")[0]["elementInstanceKey"]
    variable = world.rest.search("variables")[0]["variableKey"]
    return {
        "userTaskKey": str(world.task),
        "processInstanceKey": str(world.instance),
        "processDefinitionKey": world.definition,
        "resourceKey": form,
        "formKey": form,
        "elementInstanceKey": element,
        "variableKey": variable,
    }


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_no_request_is_answered_with_a_server_error(world: World, mode: str) -> None:
    schema = schemathesis.openapi.from_wsgi("/v2/openapi.json", world.rest.app)
    keys = real_keys(world)
    generation = schemathesis.GenerationMode(mode)
    seen: dict[str, set[int]] = {}

    def check(operation: Any) -> None:
        name = operation.definition.raw["operationId"]
        answers = seen.setdefault(name, set())

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=not PROOF,
            phases=[Phase.generate, *([Phase.shrink] if PROOF else [])],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=generation), real=st.booleans())
        def run(case: Any, real: bool) -> None:
            for parameter in case.path_parameters or {}:
                if real and parameter in keys:
                    case.path_parameters[parameter] = keys[parameter]
            if name in WAITING and isinstance(case.body, dict):
                case.body["requestTimeout"] = -1
            answer = case.call(headers=dict(world.rest.headers))
            answers.add(answer.status_code)
            assert answer.status_code < 500, (case.as_curl_command(), answer.text[:500])
            if answer.status_code >= 400:
                assert answer.headers["content-type"][0] == "application/problem+json", case.as_curl_command()

        try:
            run()
        except Unsatisfiable:
            assert mode == "negative" and not operation.body, name  # nothing in it can be wrong

    for result in schema.get_all_operations():
        check(result.ok())
    assert len(seen) > 100
    successes = sum(any(status < 300 for status in statuses) for statuses in seen.values())
    assert mode == "negative" or successes > 40, successes
