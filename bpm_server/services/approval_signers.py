"""Who is asked at an approval node: the signers that its user task names, with the reasons; else the administrator."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bpm_server import feel
from bpm_server.domain.approvals.node import Asked
from bpm_server.domain.approvals.policy import ADMINISTRATOR, PREFIX
from bpm_server.domain.signers import Case, Found, Signer, SignerRule, find_signers, read_rules
from bpm_server.domain.substitutions import stand_in
from bpm_server.kernel.errors import InvalidInput
from bpm_server.services.property_values import evaluate
from bpm_server.store.approvals import approvers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bpm_server.bpmn.model import Process
    from bpm_server.domain.property_values import Values
    from bpm_server.domain.signers import LeftOut, NoSigner, Reason
    from bpm_server.services.transaction import Transaction

DEFAULT_ADMINISTRATOR = "role:admin"


@dataclass(frozen=True, slots=True)
class Signing:
    """Who is asked.

    Attributes:
        asked: In order; empty where not even an administrator was found.
        approved_before: Who has approved in this instance already.
        amount: By which the limits of substitutes go.
        problem: Why the rules found nobody, where the administrator is asked instead.
    """

    asked: tuple[Asked, ...]
    approved_before: frozenset[str]
    amount: Decimal | None = None
    problem: str | None = None


def initiator_of(tx: Transaction, username: str | None) -> str | None:
    """Who made a request, of who started its process: a program, or a stranger by a public form, corrects nothing."""
    organisation = tx.server.organisations.at(tx.connection, tx.moment)
    return username if username in organisation.people else None


def find_asked(
    tx: Transaction,
    process: Process,
    element_id: str,
    instance_key: int,
    initiator: str | None,
    drawn: Sequence[str],
    values: Values,
) -> Signing:
    """Who is asked at a user task.

    Args:
        tx: The transaction.
        process: The task's process.
        element_id: The task's element.
        instance_key: The task's instance.
        initiator: Who made the request.
        drawn: Rules of the task's own assignment: they count where its properties name no signers.
        values: Gives the variables of some names that the task sees.
    """
    properties = process.nodes[element_id].properties
    organisation = tx.server.organisations.at(tx.connection, tx.moment)
    before = approvers(tx.connection, instance_key)
    amount = _amount(tx, properties.get(PREFIX + "amount"), values)
    case = Case(initiator, process.id, tx.now, tuple(before), amount)
    text = properties.get(PREFIX + "signers", "").strip()
    try:
        rules = read_rules(_evaluated(tx, text, values)) if text else read_rules(list(drawn))
        found = find_signers(organisation, rules, case)
        problem = None if isinstance(found, Found) else _why_nobody(found)
    except InvalidInput as error:
        found, problem = None, error.message
    if problem is None and isinstance(found, Found):
        return Signing(tuple(_asked(one) for one in found.signers), frozenset(before), amount)
    asked = [Asked(name, {"noSigner": problem}) for name in find_administrators(tx, process, element_id, case)]
    return Signing(tuple(asked), frozenset(before), amount, problem)


def find_administrators(tx: Transaction, process: Process, element_id: str, case: Case) -> list[str]:
    """Who is asked at a user task where its rules find nobody; perhaps nobody either."""
    wanted = (
        process.nodes[element_id].properties.get(PREFIX + "noSigner")
        or process.properties.get(ADMINISTRATOR)
        or DEFAULT_ADMINISTRATOR
    )
    organisation = tx.server.organisations.at(tx.connection, tx.moment)
    found = find_signers(organisation, read_rules(_words(wanted)), case)
    return [one.username for one in found.signers] if isinstance(found, Found) else []


def find_informed(
    tx: Transaction,
    process: Process,
    element_id: str,
    name: str,
    initiator: str | None,
    values: Values,
) -> tuple[str, ...]:
    """Who is informed, by the rules of a property (``copyAtStart``, ``copyAtEnd``) of a task; nobody is fine.

    Raises:
        InvalidInput: what FEEL gives are no rules.
    """
    text = process.nodes[element_id].properties.get(PREFIX + name, "").strip()
    if not text:
        return ()
    organisation = tx.server.organisations.at(tx.connection, tx.moment)
    found = find_signers(organisation, read_rules(_evaluated(tx, text, values)), Case(initiator, process.id, tx.now))
    return tuple(one.username for one in found.signers) if isinstance(found, Found) else ()


def superior_of(tx: Transaction, initiator: str | None, process_id: str) -> Asked | None:
    """Who signs in the initiator's place."""
    organisation = tx.server.organisations.at(tx.connection, tx.moment)
    found = find_signers(organisation, read_rules("superior(1)"), Case(initiator, process_id, tx.now))
    return _asked(found.signers[0]) if isinstance(found, Found) else None


def substitutes(tx: Transaction, people: Iterable[str], process_id: str, amount: Decimal | None) -> dict[str, str]:
    """Who may act now for whom of some people: for who is away, and for who is helped."""
    organisation = tx.server.organisations.at(tx.connection, tx.moment)
    others = ((person, stand_in(organisation, person, tx.now, process_id, amount)) for person in people)
    return {person: other.username for person, other in others if other is not None}


# --- values ---------------------------------------------------------------------------------------------


def _evaluated(tx: Transaction, text: str, values: Values) -> Any:
    """What a property says: names with commas between them, or FEEL after ``=``."""
    if not text.startswith("="):
        return _words(text)
    try:
        return feel.to_json(evaluate(tx, text, values).value)
    except (feel.FeelSyntaxError, feel.NotJson) as error:
        message = f"Expected signers by FEEL, but found '{text[:80]}': {error}"
        raise InvalidInput(message) from error


def _words(text: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(",")) if word]


def _amount(tx: Transaction, text: str | None, values: Values) -> Decimal | None:
    """By which the limits of substitutes go; what is no number is not known."""
    if not text or not text.strip():
        return None
    found = evaluate(tx, text, values).value
    return Decimal(found) if isinstance(found, int | Decimal) and not isinstance(found, bool) else None


# --- reasons --------------------------------------------------------------------------------------------


def _asked(signer: Signer) -> Asked:
    reason: dict[str, Any] = {"reasons": [_told(one) for one in signer.reasons]}
    if signer.stands_for:
        reason["standsFor"] = [
            {"username": one.username, "reasons": [_told(why) for why in one.reasons], "path": list(one.path)}
            for one in signer.stands_for
        ]
    return Asked(signer.username, reason)


def _told(reason: Reason) -> dict[str, Any]:
    told = {**_rule(reason.rule), "of": reason.of, "department": reason.department_id, "by": reason.superior_rule}
    return {name: value for name, value in told.items() if value is not None}


def _rule(rule: SignerRule) -> dict[str, Any]:
    found = asdict(rule)
    return {"rule": str(found["kind"]), "name": found["name"], "level": found["level"] or None}


def _why_nobody(found: NoSigner) -> str:
    return "; ".join(_left_out(one) for one in found.left_out) or "the process names no signers"


def _left_out(one: LeftOut) -> str:
    wanted = " ".join(str(part) for part in (one.rule.kind, one.rule.name, one.rule.level or None) if part)
    who = f" ({one.username})" if one.username else ""
    return f"{wanted}: {one.why}{who}"
