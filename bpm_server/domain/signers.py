"""Who signs: rules that a process names, made into people with the reason why each of them is asked.

A rule is text or an object, as FEEL gives it; a list of them asks everybody whom any of them finds:

    "chen.jing"                              a person
    "group:finance"   {"group": "finance"}   everybody in a group
    "role:auditor"    {"role": "auditor"}    everybody with a role
    "department:sales"                       everybody in a department and those below; ``{"department": "sales",
                                             "deep": false}`` in it alone
    "head of department"                     the head of the initiator's department, or of the nearest above
    "head of sales"                          the head of a department, or of the nearest above
    "superior(2)"     {"superior": 2}        the initiator's superior at a level
    "superiors(2)"    {"superiors": 2}       all superiors up to a level, nearest first
    "previous signer"                        who signed last before
    "initiator"                              who started

Nobody found is an outcome of its own (:class:`NoSigner`): it never passes for an approval.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bpm_server.domain import organisation as rules
from bpm_server.domain.substitutions import Mode, stand_in
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from bpm_server.domain.organisation import Organisation, Superior
    from bpm_server.domain.substitutions import StandIn

MOST_SIGNERS = 500


class RuleKind(StrEnum):
    """How a rule finds people."""

    USER = "user"
    GROUP = "group"
    ROLE = "role"
    DEPARTMENT = "department"
    HEAD = "head"
    SUPERIOR = "superior"
    SUPERIORS = "superiors"
    PREVIOUS = "previous_signer"
    INITIATOR = "initiator"


@dataclass(frozen=True, slots=True)
class SignerRule:
    """A rule.

    Attributes:
        name: Of the person, group, role or department; None for the initiator's department.
        level: Of superiors.
        deep: Whether departments below count.
    """

    kind: RuleKind
    name: str | None = None
    level: int = 0
    deep: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """What rules look at.

    Attributes:
        previous: Who signed before, in order.
        amount: By which the limits of substitutes go; None where it is not known.
    """

    initiator: str | None
    process_id: str
    moment: datetime
    previous: tuple[str, ...] = ()
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody is asked; shown in the reader's language from these parts.

    Attributes:
        rule: Which rule matched.
        of: Whose superior or whose department's head they are.
        department_id: Whose head they are, or where they belong.
    """

    rule: SignerRule
    of: str | None = None
    department_id: str | None = None
    superior_rule: str | None = None


@dataclass(frozen=True, slots=True)
class Represented:
    """Somebody who is away and asked through a substitute.

    Attributes:
        path: From them to who is asked.
    """

    username: str
    reasons: tuple[Reason, ...]
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody who is asked.

    Attributes:
        reasons: Why they are asked themselves; empty where they only act for others.
        stands_for: Whom they act for.
    """

    username: str
    reasons: tuple[Reason, ...] = ()
    stands_for: tuple[Represented, ...] = ()


class WhyNot(StrEnum):
    """Why a rule found nobody, or somebody it found is not asked."""

    UNKNOWN = "unknown"
    LEFT = "left"
    EMPTY = "empty"
    SUBSTITUTE_IS_INITIATOR = "substitute_is_initiator"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What came to nothing. ``username``: None where the rule found nobody at all."""

    rule: SignerRule
    why: WhyNot
    username: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Who is asked, in the order of the rules; each once, and at least one."""

    signers: tuple[Signer, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class NoSigner:
    """Nobody can be asked: for the process's administrator, with the reasons."""

    left_out: tuple[LeftOut, ...]


# --- rules from FEEL ------------------------------------------------------------------------------------

_CALL = re.compile(r"(superiors?)\(\s*(\d{1,3})\s*\)")
_PREFIX = re.compile(r"(user|group|role|department):\s*(\S.*)")
_WORDS = {
    "head of department": SignerRule(RuleKind.HEAD),
    "previous signer": SignerRule(RuleKind.PREVIOUS),
    "initiator": SignerRule(RuleKind.INITIATOR),
    "superior": SignerRule(RuleKind.SUPERIOR, level=1),
}
_NAMED = (RuleKind.USER, RuleKind.GROUP, RuleKind.ROLE, RuleKind.DEPARTMENT)


def read_rules(value: Any) -> list[SignerRule]:
    """The rules of a FEEL value; none of null and of an empty list.

    Raises:
        InvalidInput: not a rule; says which of them.
    """
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    if len(items) > MOST_SIGNERS:
        message = f"Expected at most {MOST_SIGNERS} rules for signers, but found {len(items)}"
        raise InvalidInput(message)
    return [_read_rule(item, number) for number, item in enumerate(items, 1)]


def _read_rule(item: Any, number: int) -> SignerRule:
    found = None
    if isinstance(item, str) and item.strip():
        found = _read_text(item.strip())
    elif isinstance(item, Mapping):
        found = _read_object(item)
    if found is None:
        message = (
            'Expected a person, or a rule such as "group:finance", "head of department" or "superior(1)" as signer '
            f"{number}, but found {str(item)[:80]!r}"
        )
        raise InvalidInput(message, number=number)
    return found


def _read_text(text: str) -> SignerRule | None:
    if text in _WORDS:
        return _WORDS[text]
    if call := _CALL.fullmatch(text):
        return _of_level(call[1], int(call[2]))
    if prefix := _PREFIX.fullmatch(text):
        return SignerRule(RuleKind(prefix[1]), prefix[2])
    if text.startswith("head of "):
        return SignerRule(RuleKind.HEAD, text.removeprefix("head of ").strip())
    return None if re.search(r"[\s():]", text) else SignerRule(RuleKind.USER, text)


def _read_object(item: Mapping[str, Any]) -> SignerRule | None:
    members = dict(item)
    deep = members.pop("deep", True)
    if len(members) != 1 or not isinstance(deep, bool):
        return None
    ((name, value),) = members.items()
    if name in ("superior", "superiors"):
        whole = not isinstance(value, bool | str | list | Mapping | None) and value == int(value)
        return _of_level(name, int(value)) if whole else None
    if name in _NAMED and isinstance(value, str) and value.strip():
        return SignerRule(RuleKind(name), value.strip(), deep=deep)
    if name == "head" and isinstance(value, str) and value.strip():
        return SignerRule(RuleKind.HEAD, value.strip())
    return None


def _of_level(name: str, level: int) -> SignerRule | None:
    return SignerRule(RuleKind(name), level=level) if 1 <= level <= rules.HIGHEST_LEVEL else None


# --- people from rules ----------------------------------------------------------------------------------

Candidate = tuple[str, Reason]


def find_signers(organisation: Organisation, wanted: Iterable[SignerRule], case: Case) -> Found | NoSigner:
    """Who is asked by some rules.

    Whoever is away and has a substitute is asked through them, who is asked once, for themselves and all others. The
    initiator is nobody's substitute. Whoever is away without one is asked all the same.
    """
    search = _Search(organisation, case)
    for rule in wanted:
        search.add(rule)
    return search.result()


@dataclass(slots=True)
class _Search:
    """What some rules have found so far."""

    organisation: Organisation
    case: Case
    reasons: dict[str, list[Reason]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def add(self, rule: SignerRule) -> None:
        """Whom a rule finds, and why it does not find others."""
        candidates = list(_FINDERS[rule.kind](self.organisation, rule, self.case))
        if not candidates:
            self.left_out.append(LeftOut(rule, _why_nobody(self.organisation, rule)))
        for username, reason in candidates:
            if self.organisation.is_active(username):
                self.reasons.setdefault(username, []).append(reason)
            else:
                known = username in self.organisation.people
                self.left_out.append(LeftOut(rule, WhyNot.LEFT if known else WhyNot.UNKNOWN, username))

    def result(self) -> Found | NoSigner:
        """Everybody who was found, or who acts for them."""
        if not self.reasons:
            return NoSigner(tuple(self.left_out))
        if len(self.reasons) > MOST_SIGNERS:
            message = f"Expected at most {MOST_SIGNERS} signers, but the rules found {len(self.reasons)}"
            raise InvalidInput(message)
        signers: dict[str, Signer] = {}
        for username, found in self.reasons.items():
            reasons, other = tuple(found), self._substitute(username)
            if other is None:
                asked = signers.get(username, Signer(username))
                signers[username] = replace(asked, reasons=reasons)
            else:
                asked = signers.get(other.username, Signer(other.username))
                represented = Represented(username, reasons, other.path)
                signers[other.username] = replace(asked, stands_for=(*asked.stands_for, represented))
        return Found(tuple(signers.values()), tuple(self.left_out))

    def _substitute(self, username: str) -> StandIn | None:
        case = self.case
        other = stand_in(self.organisation, username, case.moment, case.process_id, case.amount)
        if other is None or other.mode is not Mode.ABSENCE:
            return None
        if other.username == case.initiator:
            rule = self.reasons[username][0].rule
            self.left_out.append(LeftOut(rule, WhyNot.SUBSTITUTE_IS_INITIATOR, other.username))
            return None
        return other


def _why_nobody(organisation: Organisation, rule: SignerRule) -> WhyNot:
    known: Mapping[str, object] | None = {
        RuleKind.GROUP: organisation.groups,
        RuleKind.ROLE: organisation.roles,
        RuleKind.DEPARTMENT: organisation.departments,
        RuleKind.HEAD: organisation.departments,
    }.get(rule.kind)
    unknown = known is not None and rule.name is not None and rule.name not in known
    return WhyNot.UNKNOWN if unknown else WhyNot.EMPTY


def _user(_organisation: Organisation, rule: SignerRule, _case: Case) -> Iterable[Candidate]:
    return [(rule.name or "", Reason(rule))]


def _group(organisation: Organisation, rule: SignerRule, _case: Case) -> Iterable[Candidate]:
    return [(name, Reason(rule)) for name in organisation.groups.get(rule.name or "", ())]


def _role(organisation: Organisation, rule: SignerRule, _case: Case) -> Iterable[Candidate]:
    return [(name, Reason(rule)) for name in organisation.roles.get(rule.name or "", ())]


def _department(organisation: Organisation, rule: SignerRule, _case: Case) -> Iterable[Candidate]:
    if rule.name not in organisation.departments:
        return []
    names = rules.members(organisation, rule.name or "", deep=rule.deep)
    return [(name, Reason(rule, department_id=rule.name)) for name in names]


def _head(organisation: Organisation, rule: SignerRule, case: Case) -> Iterable[Candidate]:
    if rule.name is None:
        found = None if case.initiator is None else rules.department_head(organisation, case.initiator)
        return _above(rule, found, case.initiator)
    return _above(rule, rules.head_from(organisation, rule.name), None)


def _superior(organisation: Organisation, rule: SignerRule, case: Case) -> Iterable[Candidate]:
    if case.initiator is None:
        return []
    return _above(rule, rules.nth_superior(organisation, case.initiator, rule.level), case.initiator)


def _superiors(organisation: Organisation, rule: SignerRule, case: Case) -> Iterable[Candidate]:
    if case.initiator is None:
        return []
    chain = rules.superiors(organisation, case.initiator, rule.level)
    return [candidate for one in chain for candidate in _above(rule, one, case.initiator)]


def _above(rule: SignerRule, found: Superior | None, of: str | None) -> list[Candidate]:
    return [] if found is None else [(found.username, Reason(rule, of, found.department_id, found.rule))]


def _previous(_organisation: Organisation, rule: SignerRule, case: Case) -> Iterable[Candidate]:
    return [(name, Reason(rule)) for name in case.previous[-1:]]


def _initiator(_organisation: Organisation, rule: SignerRule, case: Case) -> Iterable[Candidate]:
    return [] if case.initiator is None else [(case.initiator, Reason(rule))]


_FINDERS: dict[RuleKind, Callable[[Organisation, SignerRule, Case], Iterable[Candidate]]] = {
    RuleKind.USER: _user,
    RuleKind.GROUP: _group,
    RuleKind.ROLE: _role,
    RuleKind.DEPARTMENT: _department,
    RuleKind.HEAD: _head,
    RuleKind.SUPERIOR: _superior,
    RuleKind.SUPERIORS: _superiors,
    RuleKind.PREVIOUS: _previous,
    RuleKind.INITIATOR: _initiator,
}
