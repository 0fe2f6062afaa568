"""Which list of the inbox somebody looks at; its query string keeps them there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from flask import request

from bpm_server.domain.inbox_filters import Criteria, Due, Sort, Tab
from bpm_server.reports.inbox_filters import wanted_by
from bpm_server.web.pages.formats import now
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import visitor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.reports.inbox import Wanted

Word = TypeVar("Word", Due, Tab, Sort)
PAGE = 50


@dataclass(frozen=True, slots=True)
class InboxView:
    """A search of the inbox, which part of its list, and the saved filter that it was opened by.

    Attributes:
        saved: The filter's key, and its version then.
    """

    criteria: Criteria
    after: str = ""
    saved: tuple[int, int] | None = None

    @classmethod
    def of_request(cls) -> InboxView:
        """From the address, or the hidden fields of a form; what is not known is left out."""
        return cls.read(request.values)

    @classmethod
    def read(cls, values: Mapping[str, str]) -> InboxView:
        """From the members of a query string."""
        return cls(
            Criteria(
                text=values.get("q", "").strip()[:200],
                process_id=values.get("process", "")[:500],
                due=_known(Due, values.get("due", "")),
                tab=_known(Tab, values.get("tab", "")),
                sort=_known(Sort, values.get("sort", "")),
            ),
            values.get("after", "")[:100],
            _saved(values.get("filter", "")),
        )

    @property
    def is_plain(self) -> bool:
        """Whether it is the inbox as it opens."""
        return self.criteria == Criteria()

    @property
    def tab(self) -> str:
        """The list: a word of ``Tab``."""
        return self.criteria.tab

    @property
    def is_searched(self) -> bool:
        """Whether not all of the list is wanted."""
        criteria = self.criteria
        return bool(criteria.text or criteria.process_id or criteria.due)

    def fields(self) -> list[tuple[str, str]]:
        """Name and value of what keeps somebody here; empty values are left out."""
        criteria = self.criteria
        values = {
            "tab": "" if criteria.tab is Tab.TODO else criteria.tab,
            "q": criteria.text,
            "process": criteria.process_id,
            "due": criteria.due,
            "sort": criteria.sort,
            "filter": "" if self.saved is None else f"{self.saved[0]}.{self.saved[1]}",
        }
        return [(name, str(value)) for name, value in values.items() if value]

    def query(self, **changes: str) -> str:
        """The query string of this view, with changes."""
        values = {**dict(self.fields()), **changes}
        text = urlencode({name: value for name, value in values.items() if value})
        return f"?{text}" if text else ""

    def wanted(self, limit: int, after: str | None = None) -> Wanted:
        """What the report is asked for."""
        after = self.after if after is None else after
        return wanted_by(self.criteria, limit, now() if self.criteria.due else None, visitor().zone, after)


def _saved(text: str) -> tuple[int, int] | None:
    key, _dot, version = text.partition(".")
    is_known = key.isdecimal() and version.isdecimal() and len(key) < 20 and len(version) < 10
    return (int(key), int(version)) if is_known else None


def _known(words: type[Word], text: str) -> Word:
    """The word, or the first one, which stands for no choice."""
    return words(text) if text in list(words) else next(iter(words))


def due_choices() -> list[tuple[str, str]]:
    """Word and text of each choice."""
    return [
        ("", _("Whenever due")),
        (Due.OVERDUE, _("Overdue")),
        (Due.TODAY, _("Due today")),
        (Due.SOON, _("Due within 3 days")),
    ]


def sort_choices() -> list[tuple[str, str]]:
    """Word and text of each order."""
    return [("", _("Oldest first")), (Sort.NEWEST, _("Newest first")), (Sort.DUE, _("Due first"))]
