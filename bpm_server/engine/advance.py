"""One command, one step: ``start`` and ``advance``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain import commands, events
from bpm_server.engine import activities
from bpm_server.engine import variables as v
from bpm_server.engine.ad_hoc import LedByWorker
from bpm_server.engine.going import check_going
from bpm_server.engine.instance import STOPS, SUSPENDED, Instance
from bpm_server.engine.modification import Activations, modify
from bpm_server.engine.outcome import Outcome, Stuck
from bpm_server.engine.scopes import INSIDE, AdHocSubProcess
from bpm_server.engine.token import Phase, Token
from bpm_server.engine.user_tasks import UserTask
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, WrongState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bpm_server.engine.definition import Definition
    from bpm_server.engine.element import Element
    from bpm_server.engine.outcome import Context


def start(definition: Definition, command: commands.StartInstance, context: Context) -> Outcome:
    """Starts an instance and runs it until it waits.

    Raises:
        InvalidInput: the process has no such start event or element.
    """
    first = command.instructions[0] if command.instructions else _start_event(definition, command.element_id)
    instance = Instance(definition)
    instance.begin(context)
    root = Token(instance, definition.root, None, command.key)
    instance.root = root
    instance.emit(events.InstanceStarted(command.key, first, command.business_key))
    v.set_local(root, command.variables)
    if command.instructions:
        activations = Activations(instance)
        for element_id in command.instructions:
            activations.add(commands.Activation(element_id))
        root.remember(INSIDE, json.dumps(activations.plan()))
    else:
        root.remember("start", first)
    _stop_after(instance, command)
    definition.root._update(root)
    return _run(instance)


def _stop_after(instance: Instance, command: commands.StartInstance) -> None:
    for element_id in command.terminate_after:
        if element_id not in instance.definition.elements:
            message = f"Expected an element '{element_id}' in process '{instance.definition.id}', but found none"
            raise InvalidInput(message)
    if command.terminate_after:
        instance.root.remember(STOPS, list(command.terminate_after))
        instance.stops_after = frozenset(command.terminate_after)


def _start_event(definition: Definition, element_id: str | None) -> str:
    for node in definition.process.starts():
        if node.id == element_id or (element_id is None and node.event is None):
            return node.id
    wanted = f"start event '{element_id}'" if element_id else "a start event without a trigger"
    message = f"Expected process '{definition.id}' to have {wanted}, but found none"
    raise InvalidInput(message)


def advance(instance: Instance, command: commands.AnyCommand, context: Context) -> Outcome:
    """Applies one command and runs the instance until it waits.

    Uses ``instance`` up: after any exception it must be thrown away.

    Raises:
        WrongState: the element does not wait for this (any more).
        ChunkNeeded: the step needs items of a multi-instance that were not loaded.
    """
    instance.begin(context)
    HANDLERS[type(command)](instance, command)
    return _run(instance)


def _run(instance: Instance) -> Outcome:
    instance.run()
    root = instance.root
    finished = root.has_ended()
    variables = v.local_values(root) if finished else {}
    happened = instance.events
    instance.end()
    return Outcome(instance, happened, finished, variables)


# --- handlers: one per command --------------------------------------------------------------------------


def _waiting(instance: Instance, key: int, kind: type[Element], what: str) -> Token:
    token = instance.find(key)
    if not isinstance(token.task_spec, kind) or token.phase != Phase.WAITING:
        message = f"Expected element instance '{key}' to wait as {what}, but it does not"
        raise WrongState(message)
    return token


def _user_task(instance: Instance, key: int) -> tuple[Any, Token]:
    token = _waiting(instance, key, UserTask, "a user task")
    return token.task_spec, token


def _complete_task(instance: Instance, command: commands.CompleteTask) -> None:
    task, token = _user_task(instance, command.key)
    if command.go_to is not None:
        check_going(token, command.go_to)
    if not token.recall("change"):
        instance.clear_incident(token)
    task.complete(token, command.variables, command.action, command.go_to)


def _change_task(instance: Instance, command: commands.ChangeTask) -> None:
    task, token = _user_task(instance, command.key)
    task.change(token, command.moment, command.action, command.values)


def _complete_job(instance: Instance, command: commands.CompleteJob) -> None:
    token = instance.find(command.element_key)
    if not token.recall("job"):
        message = f"Expected element instance '{command.element_key}' to wait for a job, but it does not"
        raise WrongState(message)
    token.remember("job", None)
    instance.emit(events.JobCompleted(token.id, command.denied, command.reason))
    instance.clear_incident(token)
    if token.phase == Phase.WAITING and isinstance(token.task_spec, UserTask):
        token.task_spec.listened(token, command.corrections, denied=command.denied)
        return
    if token.phase == Phase.WAITING and isinstance(token.task_spec, LedByWorker):
        token.task_spec.decided(token, command.variables, command.choice or {})
        return
    if token.phase == Phase.WAITING:
        v.set_local(token, command.local)
        token.task_spec.finish(token, command.variables)
        return
    _take_listener_results(token, command.variables)
    token.remember("listener", (token.recall("listener") or 0) + 1)
    instance.wake(token)


def _take_listener_results(token: Token, values: Mapping[str, Any]) -> None:
    """Camunda 8: a start listener sets variables of its element, an end listener those of the scope around it."""
    if token.workflow.definition.dialect != "camunda8":
        v.propagate(token, values)
    elif token.phase == Phase.START_LISTENERS:
        v.set_local(token, values)
    else:
        v.propagate(token.parent or token, values)


def _throw_error(instance: Instance, command: commands.ThrowError) -> None:
    token = instance.find(command.element_key)
    instance.throwing.error(token, command.code, command.message, command.variables)


def _throw_escalation(instance: Instance, command: commands.ThrowEscalation) -> None:
    token = instance.find(command.element_key)
    instance.throwing.escalation(token, command.code, command.variables)


def _complete_call(instance: Instance, command: commands.CompleteCall) -> None:
    ended = instance.tasks.get(command.element_key)
    if ended is None or ended.has_ended():
        return  # the called process ended by an escalation that interrupted its call
    token = _waiting(instance, command.element_key, activities.CallActivity, "a call activity")
    call: Any = token.task_spec
    try:
        call.called_ended(token, command.variables)
    except Stuck as stuck:
        instance.raise_incident(token, stuck.kind, stuck.message)


def _trigger(instance: Instance, command: commands.TriggerEvent) -> None:
    instance.waiting.trigger(instance.find(command.element_key), command.event_id, command.variables)


def _fire_timer(instance: Instance, command: commands.FireTimer) -> None:
    instance.waiting.fire_timer(instance.find(command.element_key), command)


def _continue(instance: Instance, command: commands.Continue) -> None:
    token = instance.find(command.element_key)
    following = {Phase.ASYNC_BEFORE: Phase.ACTIVATE, Phase.ASYNC_AFTER: Phase.CHOOSE}.get(Phase(token.phase))
    if following is None:
        message = f"Expected element instance '{command.element_key}' to wait at a safe point, but it does not"
        raise WrongState(message)
    token.remember("job", None)
    instance.emit(events.JobCompleted(token.id))
    instance.clear_incident(token)
    token.phase = following
    instance.wake(token)


def _raise_incident(instance: Instance, command: commands.RaiseIncident) -> None:
    token = instance.find(command.element_key)
    if command.kind == "CALLED_ELEMENT_ERROR":
        token.phase = Phase.WORK  # nothing was called, so that a retry calls again
    instance.raise_incident(token, command.kind, command.message, command.job_key)


def _resolve_incident(instance: Instance, command: commands.ResolveIncident) -> None:
    instance.resolve_incident(instance.find(command.element_key))


def _set_variables(instance: Instance, command: commands.SetVariables) -> None:
    token = instance.find(command.scope_key)
    task = token.task_spec
    if command.heard and token.phase == Phase.WAITING and isinstance(task, UserTask) and task.listeners:
        task.set_variables(token, command.variables, local=command.local)
    else:
        v.set_values(token, command.variables, local=command.local)


def _activate_elements(instance: Instance, command: commands.ActivateElements) -> None:
    token = _waiting(instance, command.element_key, AdHocSubProcess, "an ad-hoc sub-process")
    ad_hoc: Any = token.task_spec
    ad_hoc.request(token, command.elements, "elements", cancel=command.cancel)


def _cancel(instance: Instance, command: commands.CancelInstance) -> None:
    del command
    instance.terminate(instance.root)


def _suspend(instance: Instance, command: commands.SuspendInstance) -> None:
    del command
    instance.root.remember(SUSPENDED, 1)
    instance.emit(events.InstanceSuspended(instance.key))


def _resume(instance: Instance, command: commands.ResumeInstance) -> None:
    del command
    instance.root.remember(SUSPENDED, None)
    instance.emit(events.InstanceResumed(instance.key))
    instance.conditions.look_again()


HANDLERS: dict[type, Callable[[Instance, Any], None]] = {
    commands.CompleteTask: _complete_task,
    commands.CompleteJob: _complete_job,
    commands.ThrowError: _throw_error,
    commands.ThrowEscalation: _throw_escalation,
    commands.CompleteCall: _complete_call,
    commands.TriggerEvent: _trigger,
    commands.FireTimer: _fire_timer,
    commands.Continue: _continue,
    commands.RaiseIncident: _raise_incident,
    commands.ResolveIncident: _resolve_incident,
    commands.SetVariables: _set_variables,
    commands.CancelInstance: _cancel,
    commands.SuspendInstance: _suspend,
    commands.ResumeInstance: _resume,
    commands.ModifyInstance: modify,
    commands.ChangeTask: _change_task,
    commands.ActivateElements: _activate_elements,
}
