"""``/v2/process-instances/{key}/modification``: the contract's instructions become one command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain import commands as c
from bpm_server.kernel.errors import InvalidInput
from bpm_server.services import modification
from bpm_server.services.variables import check_variables
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import MAX_KEY, Body, Data, Flag, Key, Many, Names, Number, One, Reply, Text, Word

if TYPE_CHECKING:
    from collections.abc import Iterable

api = ApiBlueprint("modification", tag="Process instance")
ours = ApiBlueprint("modification-checks", prefix="/api", tag="Process instance")
ANY_ANCESTOR = "-1"
ANCESTORS = {"direct": "active", "inferred": "inferred", "sourceParent": "source-parent"}
MAX_INSTRUCTIONS = 1_000


class AncestorKey(Key):
    """Key of a scope instance; ``-1`` for the one that is active."""

    def read(self, value: Any) -> int:
        return 0 if value in (ANY_ANCESTOR, -1) else super().read(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^(-1|[0-9]{1,19})$"}


class VariableInstruction(Body):
    """Variables for one scope; without an id, for the process."""

    variables = Data(required=True)
    scope_id = Text(null=True, load_default="")


class ActivateInstruction(Body):
    """An element to activate."""

    element_id = Text(required=True)
    variable_instructions = Many(VariableInstruction, null=True, load_default=None)
    ancestor_element_instance_key = AncestorKey(null=True, load_default=None)


class SourceInstruction(Body):
    """What is moved: all instances of an element, or one of them."""

    source_type = Word(("byId", "byKey"), null=True, load_default=None)
    source_element_id = Text()
    source_element_instance_key = Key()


class AncestorScopeInstruction(Body):
    """In which scope the target is activated."""

    ancestor_scope_type = Word(ANCESTORS, required=True)
    ancestor_element_instance_key = AncestorKey(null=True, load_default=None)


class MoveInstruction(Body):
    """Element instances that end, and the element that begins for each of them."""

    source_element_instruction = One(SourceInstruction, required=True)
    target_element_id = Text(required=True)
    ancestor_scope_instruction = One(AncestorScopeInstruction, null=True, load_default=None)
    variable_instructions = Many(VariableInstruction, null=True, load_default=None)


class TerminateInstruction(Body):
    """Element instances that end: all of an element, or one."""

    element_id = Text()
    element_instance_key = Key()


class ProcessInstanceModification(Body):
    """What to activate, move and terminate."""

    operation_reference = Number(least=1, most=MAX_KEY, null=True)
    activate_instructions = Many(ActivateInstruction, null=True, load_default=None)
    move_instructions = Many(MoveInstruction, null=True, load_default=None)
    terminate_instructions = Many(TerminateInstruction, null=True, load_default=None)


@api.operation(
    "POST",
    "/process-instances/{processInstanceKey}/modification",
    "modifyProcessInstance",
    takes=ProcessInstanceModification,
    status=204,
    body_required=True,
)
def modify_process_instance(call: Call, key: int) -> None:
    """Activate, move and terminate elements of a process instance; all of it or nothing."""
    modification.modify_instance(call.server, call.actor, key, read_plan(call.body))


class ConcernResult(Reply):
    """A parallel gateway that would not get its tokens: nothing comes from ``empty``, too much from ``surplus``."""

    element_id = Text()
    scope_instance_key = Key(of="scope_key")
    empty_flow_ids = Names(of="empty")
    surplus_flow_ids = Names(of="surplus")


class ActiveResult(Reply):
    """How often an element would be active."""

    element_id = Text()
    count = Number()


class ModificationCheckResult(Reply):
    """What a modification would lead to."""

    active = Many(ActiveResult)
    ends_instance = Flag(of="ends")
    concerns = Many(ConcernResult)


@ours.operation(
    "POST",
    "/process-instances/{processInstanceKey}/modification-check",
    "checkProcessInstanceModification",
    takes=ProcessInstanceModification,
    gives=ModificationCheckResult,
    body_required=True,
)
def check_process_instance_modification(call: Call, key: int) -> dict[str, Any]:
    """Say what a modification would lead to, and which parallel gateways would wait in vain; nothing changes."""
    found = modification.check_modification(call.server, call.actor, key, read_plan(call.body))
    active = [{"element_id": element_id, "count": count} for element_id, count in found.active.items()]
    return {"active": active, "ends": found.ends, "concerns": found.concerns}


def read_plan(body: dict[str, Any]) -> c.ModifyInstance:
    """The command behind a modification.

    Raises:
        InvalidInput: an instruction names neither or both of an element and an instance, or there are too many.
    """
    activate = body["activate_instructions"] or ()
    move = body["move_instructions"] or ()
    terminate = body["terminate_instructions"] or ()
    if len(activate) + len(move) + len(terminate) > MAX_INSTRUCTIONS:
        message = f"Expected at most {MAX_INSTRUCTIONS} instructions, but found more"
        raise InvalidInput(message)
    return c.ModifyInstance(
        tuple(
            c.Activation(
                one["element_id"],
                one["ancestor_element_instance_key"] or None,
                _variables(one["variable_instructions"]),
            )
            for one in activate
        ),
        tuple(_move(one) for one in move),
        tuple(_named(one, "element_id", "element_instance_key") for one in terminate),
    )


def _move(one: dict[str, Any]) -> c.Move:
    scope = one["ancestor_scope_instruction"] or {"ancestor_scope_type": "direct"}
    return c.Move(
        _named(one["source_element_instruction"], "source_element_id", "source_element_instance_key"),
        one["target_element_id"],
        ANCESTORS[scope["ancestor_scope_type"]],
        scope.get("ancestor_element_instance_key") or None,
        _variables(one["variable_instructions"]),
    )


def _named(one: dict[str, Any], id_name: str, key_name: str) -> str | int:
    element_id: str | None = one.get(id_name)
    key: int | None = one.get(key_name)
    if element_id is not None and key is None:
        return element_id
    if key is not None and element_id is None:
        return key
    found = "neither" if key is None else "both"
    message = f"Expected an element id or the key of an element instance, but found {found}"
    raise InvalidInput(message)


def _variables(instructions: Iterable[dict[str, Any]] | None) -> tuple[tuple[str, dict[str, Any]], ...]:
    return tuple((one["scope_id"] or "", check_variables(one["variables"])) for one in instructions or ())
