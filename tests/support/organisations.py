"""A small trading company in tests."""

from __future__ import annotations

from bpm_server.domain.organisation import Department, Membership, Organisation, Person

_NAMES = ("boss", "sales-head", "east-head", "seller", "buyer", "outsider")
TRADING = Organisation(
    people={name: Person(name) for name in _NAMES},
    departments={
        one.department_id: one
        for one in (
            Department("company", "公司", "Company", head="boss"),
            Department("sales", "销售部", "Sales", "company", "sales-head"),
            Department("east", "华东区", "East", "sales", "east-head"),
            Department("purchasing", "采购部", "Purchasing", "company"),
        )
    },
    memberships=(
        Membership("company", "boss", is_main=True),
        Membership("sales", "sales-head", is_main=True),
        Membership("east", "east-head", is_main=True),
        Membership("east", "seller", is_main=True),
        Membership("purchasing", "buyer", is_main=True),
    ),
    groups={"finance": ("buyer", "boss"), "empty": ()},
    roles={"auditor": ("outsider",)},
)
