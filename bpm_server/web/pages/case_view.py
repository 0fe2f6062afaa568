"""Which cases a list shows, as its address says it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import request

from bpm_server.reports import cases as report

PAGE = 50


@dataclass(frozen=True, slots=True)
class View:
    """Which cases somebody looks at."""

    text: str
    process_id: str
    version: str
    state: str
    mine: bool
    after: str

    @classmethod
    def of_request(cls) -> View:
        """From the address."""
        values = request.args
        state, version = values.get("state", ""), values.get("version", "")
        return cls(
            values.get("q", "").strip()[:200],
            values.get("process", "")[:500],
            version if version.isdigit() and len(version) < 9 else "",
            state if state in report.STATES else "",
            values.get("mine") == "1",
            values.get("after", "")[:40],
        )

    def filter(self) -> report.Filter:
        """The same for the report."""
        version = int(self.version) if self.version else None
        return report.Filter(self.text, self.process_id, version, self.state, self.mine, self.after, PAGE)

    def query(self, **changes: str) -> str:
        """The query string of this view, with changes; empty values are left out."""
        mine = "1" if self.mine else ""
        own = {"q": self.text, "process": self.process_id, "version": self.version, "state": self.state, "mine": mine}
        values = {**own, **changes}
        text = urlencode({name: value for name, value in values.items() if value})
        return f"?{text}" if text else ""
