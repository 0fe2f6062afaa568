"""Every index is on the page that says who uses it, and the page names none that is not there."""

from __future__ import annotations

import re

import sqlalchemy as sa

from bpm_server.store.tables import db
from tests.support.services import ROOT

PAGE = ROOT / "docs" / "reference" / "indexes.md"


def test_the_page_of_indexes_is_true() -> None:
    there = {str(index.name) for table in db.metadata.tables.values() for index in table.indexes}
    there |= {
        str(db.metadata.naming_convention["uq"])
        % {"table_name": table.name, "column_0_N_name": "_".join(constraint.columns.keys())}
        for table in db.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    }
    named = set(re.findall(r"`((?:ix|uq)_\w+)`", PAGE.read_text(encoding="utf-8")))
    assert named == there
