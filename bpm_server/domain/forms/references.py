"""Fields that the form viewer lacks: its components with a part of ours in their place.

A component says so by the property ``component``: ``userPicker`` at a text field (one person) or tag list (several),
``attachment`` and ``signature`` at a file picker, ``location`` at a text field. Tools that do not know that show the
component as it is. What is referred to is looked up before a submission is checked, see :class:`Known`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bpm_server.domain.forms.errors import Problem
from bpm_server.domain.forms.values import look_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bpm_server.domain.forms.fieldtypes import Surroundings
    from bpm_server.domain.forms.structure import Scope

MARK: Final = "component"
STAND_FOR: Final[Mapping[str, tuple[str, ...]]] = {
    "userPicker": ("textfield", "taglist"),
    "attachment": ("filepicker",),
    "signature": ("filepicker",),
    "location": ("textfield",),
    "lineItems": ("dynamiclist",),
}
"""Components of ours, and the standard ones in whose place they stand."""
SIGNATURE_TYPE: Final = "image/png"
MOST: Final = "most"
MOST_REFERENCES: Final = 50
MAX_NAME: Final = 256
DOCUMENT: Final = "camunda.document.type"
"""The member by which a document reference is told, as in Camunda."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a submission may refer to.

    Attributes:
        people: Usernames of people who work here.
        documents: References of files, by document id: of the case, or sent for this form by whoever submits it.
    """

    people: frozenset[str] = frozenset()
    documents: Mapping[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Wanted:
    """What a submission refers to: usernames and document ids, whether they exist or not."""

    people: set[str] = field(default_factory=set)
    documents: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class UserPicker:
    """A person, or a list of them; values are usernames."""

    empty: ClassVar[Any] = None
    several: bool
    most: int

    def imported(self, raw: Any, around: Surroundings, *, editable: bool) -> Any:
        """See :class:`FieldType`."""
        del around, editable
        if not self.several:
            return raw if isinstance(raw, str) and raw else None
        return [name for name in raw if isinstance(name, str)] if isinstance(raw, list) else []

    def accepted(self, raw: Any, base: Any, around: Surroundings) -> Any:
        """See :class:`FieldType`."""
        if raw is None or raw == "":
            return [] if self.several else None
        if not isinstance(raw, list if self.several else str):
            return Problem("type", "list" if self.several else "text")
        names = list(dict.fromkeys(raw)) if isinstance(raw, list) and all(isinstance(one, str) for one in raw) else raw
        names = names if isinstance(names, list) else [names]
        if len(names) > self.most:
            return Problem("personCount", self.most)
        kept = base if isinstance(base, list) else [base]
        for name in names:
            if not isinstance(name, str):
                return Problem("type", "text")
            if around.known is not None and name not in around.known.people and name not in kept:
                return Problem("person", name[:MAX_NAME])
        return names if self.several else names[0]


@dataclass(frozen=True, slots=True)
class Attachments:
    """Files, as a list of document references; those that are kept are the server's own."""

    empty: ClassVar[Any] = ()
    most: int
    content_type: str | None = None
    """The only one that is taken; None: whatever may be attached."""

    def imported(self, raw: Any, around: Surroundings, *, editable: bool) -> Any:
        """See :class:`FieldType`."""
        del around, editable
        return [one for one in raw if _document_id(one)] if isinstance(raw, list) else []

    def accepted(self, raw: Any, base: Any, around: Surroundings) -> Any:
        """See :class:`FieldType`."""
        if raw is None or raw == "":
            return []
        if not isinstance(raw, list):
            return Problem("type", "list")
        if len(raw) > self.most:
            return Problem("fileCount", self.most)
        before = {_document_id(one): one for one in base} if isinstance(base, list) else {}
        known = {} if around.known is None else around.known.documents
        kept: dict[str, Any] = {}
        for one in raw:
            name = _document_id(one)
            found = known.get(name) or before.get(name) if name else None
            if name is None or found is None:
                return Problem("file")
            if self.content_type is not None and found["metadata"].get("contentType") != self.content_type:
                return Problem("fileType", self.content_type)
            kept[name] = found
        return list(kept.values())


@dataclass(frozen=True, slots=True)
class Location:
    """Where somebody is: a ``geo:`` address (RFC 5870) in degrees of WGS 84, the uncertainty in metres."""

    empty: ClassVar[Any] = ""

    def imported(self, raw: Any, around: Surroundings, *, editable: bool) -> Any:
        """See :class:`FieldType`."""
        del around, editable
        return raw if isinstance(raw, str) and read_location(raw) is not None else ""

    def accepted(self, raw: Any, base: Any, around: Surroundings) -> Any:
        """See :class:`FieldType`."""
        del base, around
        if raw is None or raw == "":
            return ""
        if not isinstance(raw, str):
            return Problem("type", "text")
        return raw if read_location(raw) is not None else Problem("location")


_GEO: Final = re.compile(
    r"geo:(-?\d{1,2}(?:\.\d{1,15})?),(-?\d{1,3}(?:\.\d{1,15})?)(?:;u=(\d{1,9}(?:\.\d{1,15})?))?", re.ASCII
)


def read_location(text: str) -> tuple[Decimal, Decimal, Decimal | None] | None:
    """Latitude and longitude in degrees, and how many metres it may be off; None: it is no place on earth."""
    found = _GEO.fullmatch(text)
    if found is None:
        return None
    latitude, longitude = Decimal(found[1]), Decimal(found[2])
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return latitude, longitude, Decimal(found[3]) if found[3] else None


def _document_id(reference: Any) -> str | None:
    found = reference.get("documentId") if isinstance(reference, dict) else None
    return found if isinstance(found, str) and found and len(found) <= MAX_NAME else None


def document_ids(value: Any) -> Iterator[str]:
    """The ids of all documents to which a value refers."""
    if isinstance(value, dict):
        found = _document_id(value) if DOCUMENT in value else None
        if found is not None:
            yield found
        else:
            for inner in value.values():
                yield from document_ids(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from document_ids(inner)


def properties_of(component: Mapping[str, Any]) -> Mapping[str, Any]:
    """The custom properties of a component."""
    found = component.get("properties")
    return found if isinstance(found, dict) else {}


def component_of(component: Mapping[str, Any]) -> str:
    """Which component of ours stands in the place of the viewer's; empty: none."""
    found = properties_of(component).get(MARK)
    kind = component.get("type")
    return found if isinstance(found, str) and kind in STAND_FOR.get(found, ()) else ""


def reference_field(component: Mapping[str, Any]) -> UserPicker | Attachments | Location | None:
    """The type of a component of ours; None for the viewer's own."""
    kind = component_of(component)
    if not kind or component.get("type") == "dynamiclist":
        return None
    most = str(properties_of(component).get(MOST, ""))
    limit = (
        min(int(most), MOST_REFERENCES) if most.isascii() and most.isdecimal() and len(most) < 6 else MOST_REFERENCES
    )
    if kind == "attachment":
        return Attachments(limit)
    if kind == "signature":
        return Attachments(1, SIGNATURE_TYPE)
    if kind == "location":
        return Location()
    several = component.get("type") == "taglist"
    return UserPicker(several, limit if several else 1)


def wanted(scope: Scope, submission: Any) -> Wanted:
    """What the fields of a form refer to in a submission."""
    found = Wanted()
    _collect(scope, submission, found)
    return found


def _collect(scope: Scope, source: Any, found: Wanted) -> None:
    if not isinstance(source, dict):
        return
    for one in scope.fields:
        value = look_up(source, one.place.path)
        values = value[:MOST_REFERENCES] if isinstance(value, list) else [value]
        if isinstance(one.type, UserPicker):
            found.people.update(name for name in values if isinstance(name, str) and len(name) <= MAX_NAME)
        elif isinstance(one.type, Attachments):
            found.documents.update(filter(None, map(_document_id, values)))
    for rows in scope.lists:
        inner = look_up(source, rows.place.path)
        for row in inner if isinstance(inner, list) else ():
            _collect(rows.scope, row, found)
