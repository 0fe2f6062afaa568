"""Moving the tokens of a case by hand: choose, try, do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

from bpm_server.domain import commands as c
from bpm_server.domain.states import InstanceState
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, NotFound, WrongState
from bpm_server.reports.active_elements import active_elements
from bpm_server.reports.process_instances import read_instance
from bpm_server.reports.process_models import models
from bpm_server.services import modification
from bpm_server.services.authorization import authorize
from bpm_server.services.variables import check_variables
from bpm_server.web import access
from bpm_server.web.pages import answers, panes
from bpm_server.web.pages.case_operations import MODIFY, PATH, RESOURCE
from bpm_server.web.pages.diagrams import file_address
from bpm_server.web.pages.modification_words import Trial, leaf_lines, targets, trial_of
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in
from bpm_server.web.pages.wording import process_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Response

    from bpm_server.reports.active_elements import ActiveElement

pages = Blueprint("case_modification", __name__)
MOST_TOKENS = 100
MOST_BEGUN = 20
ENDS = "end"
MOVES = "to:"


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody has chosen.

    Attributes:
        leaves: What becomes of active element instances, by key: ``end``, or ``to:`` and the id of an element.
        begin: Ids of elements that begin too.
        variables: JSON text of process variables.
    """

    leaves: Mapping[int, str] = field(default_factory=dict)
    begin: tuple[str, ...] = ()
    variables: str = ""

    @classmethod
    def of_request(cls) -> Plan:
        """From the form; what stays as it is, is left out."""
        form = request.form
        chosen = {name.removeprefix("leaf-"): value for name, value in form.items() if name.startswith("leaf-")}
        leaves = {
            int(key): value
            for key, value in chosen.items()
            if key.isdigit() and (value == ENDS or value.startswith(MOVES))
        }
        begin = tuple(filter(None, form.getlist("begin")))[:MOST_BEGUN]
        return cls(leaves, begin, form.get("variables", "").strip())

    def command(self) -> c.ModifyInstance:
        """What the engine is asked for.

        Raises:
            InvalidInput: nothing is chosen, or the variables are none.
        """
        moved = {key: value.removeprefix(MOVES) for key, value in self.leaves.items() if value != ENDS}
        if not self.leaves and not self.begin:
            raise InvalidInput(_("Choose what ends, moves or begins."), field="plan")
        values = self._values()
        if values and not moved and not self.begin:
            raise InvalidInput(_("Data is set when something begins: choose where."), field="variables")
        of_process = (("", values),) if values else ()
        return c.ModifyInstance(
            activate=tuple(c.Activation(element_id, None, of_process) for element_id in self.begin),
            move=tuple(c.Move(key, target, "inferred", None, of_process) for key, target in moved.items()),
            terminate=tuple(key for key, value in self.leaves.items() if value == ENDS),
        )

    def _values(self) -> dict[str, Any]:
        if not self.variables:
            return {}
        try:
            return check_variables(json.loads_untrusted(self.variables.encode()))
        except InvalidInput as error:
            raise InvalidInput(error.message, field="variables") from error

    def seal(self, leaves: Sequence[ActiveElement]) -> str:
        """Changes with the plan and with where the case is: what was tried is what is done."""
        text = f"{sorted(self.leaves.items())}{self.begin}{self.variables}{[leaf.key for leaf in leaves]}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@pages.get(f"{PATH}/modify")
def form(key: int) -> Response:
    """Where the case is, and what could become of it."""
    return answers.html("instances/modify.html", **_values(key, Plan()))


@pages.post(f"{PATH}/modify")
def modify(key: int) -> Response:
    """Tries a plan; does it where exactly this was tried before."""
    who, server, plan = actor(), access.server(), Plan.of_request()
    values = _values(key, plan)
    tried = request.form.get("tried", "")
    status = 200
    try:
        command = plan.command()
        if tried == values["seal"]:
            modification.modify_instance(server, who, key, command)
            return answers.said(answers.go_to(f"/instances/{key}"), _("The tokens are moved."))
        found = modification.check_modification(server, who, key, command)
        values.update(trial=_trial(values, plan, found), is_stale=bool(tried))
    except (InvalidInput, WrongState) as error:
        status = 422
        values.update(problem=error.message, field=error.details.get("field", ""))
    part = answers.target() == "plan"
    return answers.html("instances/modify_plan.html" if part else "instances/modify.html", status, **values)


def _values(key: int, plan: Plan) -> dict[str, Any]:
    server, who = access.server(), signed_in()
    line = read_instance(server, who, key)
    authorize(who, RESOURCE, MODIFY, line.process_id)
    if line.ended_at is not None:
        message = f"Expected to modify process instance '{key}', but it is {line.state}"
        raise NotFound(message)
    process = models(server, [line.process_definition_key])[line.process_definition_key]
    found = active_elements(server, key, MOST_TOKENS)
    return {
        "line": line,
        "process": process_name(process),
        "model": process,
        "plan": plan,
        "suspended": line.state == InstanceState.SUSPENDED,
        "leaves": leaf_lines(found.items, process),
        "is_cut": found.is_cut,
        "targets": targets(process),
        "seal": plan.seal(found.items),
        **panes.diagram_values(key, process, file_address(f"/instances/{key}", line.version)),
    }


def _trial(values: Mapping[str, Any], plan: Plan, found: modification.ModificationCheck) -> Trial:
    targets_chosen = [value.removeprefix(MOVES) for value in plan.leaves.values() if value != ENDS]
    ended = [leaf.name for leaf in values["leaves"] if leaf.key in plan.leaves]
    return trial_of(found, values["model"], ended, [*plan.begin, *targets_chosen])
