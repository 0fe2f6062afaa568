"""``/v2/element-instances/ad-hoc-activities``: activating elements of ad-hoc sub-processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.services import ad_hoc
from bpm_server.services.variables import check_variables
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Body, Data, Flag, Many, Text

if TYPE_CHECKING:
    from collections.abc import Iterable

api = ApiBlueprint("ad-hoc", tag="Ad-hoc sub-process")


class ElementToActivate(Body):
    """An element of an ad-hoc sub-process, with variables of its own."""

    element_id = Text(required=True)
    variables = Data(null=True, load_default=None)


class Activation(Body):
    """What to activate."""

    elements = Many(ElementToActivate, required=True)
    cancel_remaining_instances = Flag(null=True, load_default=False)


def elements_to_activate(wanted: Iterable[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Pairs of element id and variables."""
    return [(one["element_id"], check_variables(one["variables"])) for one in wanted]


@api.operation(
    "POST",
    "/element-instances/ad-hoc-activities/{adHocSubProcessInstanceKey}/activation",
    "activateAdHocSubProcessActivities",
    takes=Activation,
    status=204,
    body_required=True,
)
def activate_elements(call: Call, key: int) -> None:
    """Activate elements of an ad-hoc sub-process."""
    body = call.body
    ad_hoc.activate_elements(
        call.server,
        call.actor,
        key,
        elements_to_activate(body["elements"]),
        cancel_remaining=body["cancel_remaining_instances"] is True,
    )
