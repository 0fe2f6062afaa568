"""The company of ``day_in_the_life``: a manager with 200 tasks of every kind, beside 100,000 open ones of others.

The manager's tasks are made through the services and can go on. Those of others are copies of an order and an expense,
offered to a thousand groups and asked of a thousand people.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server import bootstrap
from bpm_server.cli.content import deploy_content
from bpm_server.cli.demo import add_calendars
from bpm_server.connectors.registry import Registry
from bpm_server.domain.demo import COMPANY
from bpm_server.domain.identity import SYSTEM
from bpm_server.reports.tasks import open_task
from bpm_server.services import groups, identities, installation, process_instances, tasks
from bpm_server.settings import Settings
from bpm_server.store import migrate
from bpm_server.store.database import Database
from bpm_server.store.tables.tasks import user_task as t
from tests.support.filling import PEOPLE, Copies, analyze, copy_instance

if TYPE_CHECKING:
    from pathlib import Path

    from bpm_server.services.server import Server

OTHERS = int(os.environ.get("BPM_BENCH_OPEN", "100000"))
MANAGER = "zhang.wei"
MORE_GROUPS = ("general-manager", "technology", "support")
"""Beside the manager's own: so that tasks of every kind arrive."""
ORDERS, REVIEWS, COUNTERSIGNED, TICKETS, SINGLE, SPECIAL = 50, 30, 30, 20, 10, 10
SPECIALS = ("驳回", "退回", "转办", "委派", "加签")
OWN = 10
FIELDS = {"review-purchasing": {"purchaseCost": 120_000, "deliveryDate": "2026-12-20"}}
_SOMEBODY = f"'person' || (n.i % {PEOPLE})"
_NAMES = {
    "approval_item.person": _SOMEBODY,
    "approval.initiator": _SOMEBODY,
    "notification.username": _SOMEBODY,
    "carbon_copy.username": _SOMEBODY,
}


@dataclass
class Day:
    """What waits for the manager.

    Attributes:
        tasks: Keys of all that the manager is to clear.
        others: How many open tasks are not the manager's.
    """

    tasks: set[int] = field(default_factory=set)
    others: int = 0


def begin_case(server: Server, starter: str, process_id: str, steps: tuple[tuple[str, str], ...], **values: Any) -> int:
    """Starts a case and lets others approve what comes before the manager's turn: elements with who approves them."""
    actor = identities.actor_by_name(server, starter)
    key = process_instances.start_process(server, actor, process_id=process_id, variables=values).key
    for element, username in steps:
        task = open_task(server, key, element)
        if task is None:
            message = f"Expected case '{key}' of '{process_id}' to wait at '{element}', but it does not"
            raise AssertionError(message)
        who = identities.actor_by_name(server, username)
        tasks.complete_task(server, who, task, FIELDS.get(element, {}), outcome="approved", comment="同意")
    return key


def order(server: Server, number: str, amount: int, steps: tuple[tuple[str, str], ...] = ()) -> int:
    """An order of the demo company."""
    line = {"product": "六轴机器人 R6-20", "quantity": 2, "unitPrice": amount // 2}
    values = {"customer": "上海华泰精密机械有限公司", "amount": amount, "currency": "CNY", "lines": [line]}
    return begin_case(server, "li.ming", "order-approval", steps, orderNumber=number, **values)


def expense(
    server: Server, title: str, amount: int, starter: str = "lin.xue", steps: tuple[tuple[str, str], ...] = ()
) -> int:
    """An expense; those of ``lin.xue`` are first asked of the manager."""
    values = {"expenseType": "travel", "amount": amount, "currency": "CNY", "spentOn": "2026-11-02"}
    return begin_case(server, starter, "expense-approval", steps, title=title, **values)


def ticket(server: Server, number: str) -> int:
    """A ticket for the group ``support``."""
    values = {"channel": "phone", "tier": "standard", "contact": "王工", "phone": "13800000000", "urgency": "normal"}
    said = {"customer": "苏州恒达电子科技有限公司", "subject": "视觉检测站报警", "description": "开机后报警 E-17"}
    return begin_case(server, "sun.li", "ticket", (), ticketNumber=number, ticketType="technical", **values, **said)


def morning(url: str, folder: Path, others: int = OTHERS) -> Day:
    """A database in which the manager's day can begin."""
    database = Database(url)
    migrate.upgrade(database)
    settings = Settings(data_dir=folder, secret_key="benchmark-secret-key-of-32-letters")
    server = bootstrap.build(settings, database=database, connectors=Registry())
    installation.prepare_installation(server, "benchmark-password")
    day = fill_day(server, others)
    database.dispose()
    return day


def fill_day(server: Server, others: int) -> Day:
    """Everything that is there in the morning."""
    installation.install_demo_company(server, COMPANY)
    add_calendars(server)
    deploy_content(server)
    _fill_others(server, others)
    before = set(_open_tasks(server))
    for group in MORE_GROUPS:
        groups.add_member(server, SYSTEM, group, MANAGER)
    cases: list[int] = []
    reviewed = (
        ("review-technology", "wang.fang"),
        ("review-purchasing", "zhao.qiang"),
        ("review-finance", "chen.jing"),
    )
    cases += [order(server, f"SO-大单-{n:02d}", 600_000 + n, reviewed) for n in range(ORDERS)]
    cases += [order(server, f"SO-技术-{n:02d}", 90_000 + n) for n in range(REVIEWS)]
    superior = (("approve-superior", "wang.fang"),)
    cases += [expense(server, f"会签-{n:02d}", 12_000 + n, "liu.yang", superior) for n in range(COUNTERSIGNED)]
    for title in ("鼠标", "键盘"):
        cases += [expense(server, f"{title}-{n:02d}", 800 + n) for n in range(SINGLE)]
    for title in SPECIALS:
        cases += [expense(server, f"{title}-{n:02d}", 3_000 + n) for n in range(SPECIAL)]
    cases += [ticket(server, f"TK-{n:02d}") for n in range(TICKETS)]
    for n in range(OWN):
        expense(server, f"本人-{n:02d}", 2_000 + n, MANAGER)
    if not server.database.is_sqlite:  # as PostgreSQL does by itself after a while
        analyze(server.database)
    mine = {key for key, (case, element) in _open_tasks(server).items() if case in cases and element in _MINE}
    return Day(mine, len(before))


_MINE = ("review-general-manager", "review-technology", "countersign-leaders", "approve-superior", "handle-ticket")


def _fill_others(server: Server, count: int) -> None:
    """An order waits for two departments, an expense for one person: four tasks in five are of orders."""
    orders, expenses = count * 2 // 5, count // 5
    originals = order(server, "SO-0000", 90_000), expense(server, "差旅", 900, "wu.di")
    for original, number in zip(originals, (orders, expenses), strict=True):
        copy_instance(server.database, original, Copies(number, names=_NAMES))
        process_instances.cancel_instance(server, SYSTEM, original)


def _open_tasks(server: Server) -> dict[int, tuple[int, str]]:
    query = sa.select(t.c.key, t.c.instance_key, t.c.element_id).where(t.c.state == "CREATED")
    with server.database.read() as connection:
        return {row.key: (row.instance_key, row.element_id) for row in connection.execute(query)}
