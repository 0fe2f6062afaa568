"""Submissions of forms: checked on the server by the form's own rules, whoever sends them.

What a browser or a program sends counts as little as ``domain.forms`` says: fields of the form that are shown and can
be edited. All other values come from the process itself, as it is in the moment of the submission.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.formdata import FORM_FILE, GENERATED_FORM
from bpm_server.domain import forms
from bpm_server.domain.forms.permissions import read_permissions
from bpm_server.kernel.errors import InvalidInput
from bpm_server.services.advance import Advance
from bpm_server.services.bindings import binding_filter
from bpm_server.services.references import find_references

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.bpmn.model import FormRef
    from bpm_server.domain.forms.permissions import Permissions
    from bpm_server.domain.tasks import Task
    from bpm_server.services.definitions import CompiledForm, CompiledProcess
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow


def check_submission(
    tx: Transaction,
    task: Task,
    values: dict[str, Any],
    *,
    row: InstanceRow,
    complete: bool = True,
    whole: bool = False,
    time_zone: str | None = None,
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The values to store for what was entered into a task's form; without a form, the values as they are.

    Args:
        tx: The transaction, which has locked the task's instance.
        task: The task.
        values: What was submitted.
        row: The task's instance.
        whole: They come from the viewer: a list that is not among them has lost all its rows. False: from a program.
            Fields that it does not mention stay as they are. With the right to set variables it may set others than
            the form's along with them, and with form fields of Camunda 7 any, as it may there.
        complete: False drops wrong fields instead of refusing (a rejection needs no complete form).
        time_zone: Of the browser, where it is known.
        before: What others have entered into the same form already.

    Raises:
        InvalidInput: ``details["errors"]`` names each field.
        WrongState: the task is not there any more.
    """
    form, permissions = form_of_task(tx, task), _permissions(tx, task)
    may_set = tx.actor.may("PROCESS_DEFINITION", "UPDATE_PROCESS_INSTANCE", task.process_id)
    if form is None or (not whole and (task.embedded_form or "").startswith(GENERATED_FORM)):
        if permissions is None or (may_set and not whole):
            return values
        return {name: value for name, value in values.items() if permissions.may_write(name)}
    if permissions is not None:
        form = tx.server.definitions.narrowed_form(form, permissions)
    kept = _entered(tx, form, task, values, row, before or {}, complete=complete, whole=whole, time_zone=time_zone)
    if not whole and may_set:
        kept.update((name, value) for name, value in values.items() if name not in form.form.names)
    return kept


def check_correction(
    tx: Transaction,
    task: Task,
    values: dict[str, Any],
    *,
    row: InstanceRow,
    whole: bool = False,
    time_zone: str | None = None,
) -> dict[str, Any]:
    """The values to store for what the initiator corrects in the start form; without one, the values as they are.

    Args:
        tx: The transaction, which has locked the task's instance.
        task: The task that returned the request.
        values: What was submitted.
        row: The task's instance.
        whole: As of :func:`check_submission`.
        time_zone: Of the browser, where it is known.

    Raises:
        InvalidInput: ``details["errors"]`` names each field.
    """
    form = form_to_correct(tx, task)
    if form is None:
        return values
    return _entered(tx, form, task, values, row, {}, complete=True, whole=whole, time_zone=time_zone)


def _entered(
    tx: Transaction,
    form: CompiledForm,
    task: Task,
    values: dict[str, Any],
    row: InstanceRow,
    before: Mapping[str, Any],
    *,
    complete: bool,
    whole: bool,
    time_zone: str | None,
) -> dict[str, Any]:
    """What changes by a submission at a task, whose case the form sees."""
    context = {**Advance(tx).look(row, task.chunk).visible_values(task.key, form.mentions), **before}
    kept = _checked(
        tx, form, context, values, complete=complete, whole=whole, time_zone=time_zone, root_key=task.root_key
    )
    return forms.changed(kept, values, context, whole=whole)


def check_start_submission(
    tx: Transaction, compiled: CompiledProcess, values: dict[str, Any], *, time_zone: str | None = None
) -> dict[str, Any]:
    """The values with which a process starts from its form; without a form, the values as they are.

    Raises:
        InvalidInput: ``details["errors"]`` names each field.
    """
    form = form_of_start(tx, compiled)
    if form is None:
        return values
    return _checked(tx, form, {}, values, complete=True, whole=True, time_zone=time_zone, root_key=None)


def _permissions(tx: Transaction, task: Task) -> Permissions | None:
    """What the task lets people do with its fields; whoever else is asked to sign it may do the same."""
    return read_permissions(_process(tx, task).definition.process.nodes[task.element_id].properties)


def _process(tx: Transaction, task: Task) -> CompiledProcess:
    return tx.server.definitions.process(tx.connection, tx.moment.definition_version, task.process_definition_key)


def form_of_task(tx: Transaction, task: Task) -> CompiledForm | None:
    """The form that a task shows, in the version that it was created with; None where it has none."""
    definitions, version = tx.server.definitions, tx.moment.definition_version
    if task.form_key is not None:
        return definitions.form(tx.connection, version, task.form_key)
    if task.embedded_form:
        process = definitions.process(tx.connection, version, task.process_definition_key)
        return definitions.embedded_form(process, task.embedded_form)
    return None


def form_to_correct(tx: Transaction, task: Task) -> CompiledForm | None:
    """The start form of a task's process, while the initiator corrects the request there."""
    return form_of_start(tx, _process(tx, task))


def form_of_start(tx: Transaction, compiled: CompiledProcess) -> CompiledForm | None:
    """The form of a process's start event, in the version that a start now uses; None where it has none."""
    starts = compiled.definition.process.starts()
    reference = next((start.form for start in starts if start.event is None and start.form is not None), None)
    return None if reference is None else _start_form(tx, compiled, reference)


def _start_form(tx: Transaction, compiled: CompiledProcess, reference: FormRef) -> CompiledForm | None:
    definitions, version = tx.server.definitions, tx.moment.definition_version
    if reference.form_id is not None:
        tag = None if reference.binding.version is None else reference.binding.version.source
        wanted = binding_filter(reference.binding.kind, tag, compiled.row.deployment_key)
        if wanted is None or "number" in wanted:
            return None
        row = definitions.find_form(tx.connection, version, reference.form_id, **wanted)
        return None if row is None else definitions.form(tx.connection, version, row.key)
    key = "" if reference.key is None else reference.key.source
    if key.startswith(FORM_FILE):
        name = key.removeprefix(FORM_FILE)
        row = definitions.find_form_file(tx.connection, version, name, compiled.row.deployment_key)
        return None if row is None else definitions.form(tx.connection, version, row.key)
    return definitions.embedded_form(compiled, key)


def _checked(
    tx: Transaction,
    form: CompiledForm,
    context: dict[str, Any],
    values: dict[str, Any],
    *,
    complete: bool,
    whole: bool,
    time_zone: str | None,
    root_key: int | None,
) -> dict[str, Any]:
    zone = time_zone or tx.actor.time_zone or tx.server.settings.time_zone
    known = find_references(tx, form.form.wanted(values), root_key)
    result = form.form.submit(context, values, now=tx.now, timezone=zone, known=known, whole=whole)
    errors = result.errors if whole else tuple(error for error in result.errors if _is_its_fault(error, values))
    if errors and complete:
        raise _refusal(errors)
    kept = forms.without_errors(result, context) if result.errors else result.values
    return {**kept, **{name: [] for name in result.cleared}}


def _is_its_fault(error: forms.FieldError, values: dict[str, Any]) -> bool:
    """Whether a program's submission is to blame: for what it mentions, and for a field that nobody has filled.

    What the process had before and the submission does not touch is not judged again.
    """
    is_unfilled = error.kind in ("required", "minRows") and len(error.path) == 1
    return not error.path or error.path[0] in values or is_unfilled


def _refusal(errors: tuple[forms.FieldError, ...]) -> InvalidInput:
    first = errors[0]
    where = f" in '{'.'.join(map(str, first.path))}'" if first.path else ""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    message = f"Expected values that satisfy the form, but found{where}: {forms.error_text(first, 'en')}{more}"
    return InvalidInput(message, errors=[error.as_json() for error in errors])
