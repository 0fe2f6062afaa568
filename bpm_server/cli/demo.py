"""``bpm-server demo``: the demo company with orders on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server import bootstrap
from bpm_server.cli.content import deploy_content
from bpm_server.cli.first_run import prepare_people
from bpm_server.domain.calendar_file import read_calendar
from bpm_server.domain.demo import COMPANY, expenses, orders
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel.errors import NotFound
from bpm_server.kernel.log import get_logger
from bpm_server.reports.tasks import open_task
from bpm_server.services import calendars, identities, installation, process_instances, tasks
from bpm_server.store import calendars as store

if TYPE_CHECKING:
    import argparse

    from bpm_server.domain.demo import DemoOrder
    from bpm_server.services.server import Server
    from bpm_server.settings import Settings

log = get_logger(__name__)
EXTRAS: dict[str, dict[str, Any]] = {
    "review-technology": {"technicalNote": "标准配置，无特殊要求"},
    "review-purchasing": {"purchaseCost": 120_000, "deliveryDate": "2026-12-20"},
}


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Fills the database of these settings."""
    bootstrap.prepare(settings)
    with bootstrap.running(settings) as server:
        prepare_people(server)
        deploy_content(server)
        if not fill(server, options.orders, options.orders):
            print("The demo company is there already.")
    return 0


def fill(server: Server, count: int, expense_count: int = 0) -> bool:
    """Adds the company, its orders and its expenses once; False where they are there already."""
    if not installation.install_demo_company(server, COMPANY):
        return False
    add_calendars(server)
    for order in orders(count):
        _run(server, "order-approval", order, order.variables["orderNumber"])
    for expense in expenses(expense_count):
        _run(server, "expense-approval", expense, None)
    log.info("demo.filled", orders=count)
    return True


def add_calendars(server: Server) -> None:
    """Saves the shipped calendars that are not there; what people have changed stays."""
    folder = bootstrap.content_folder(server.settings) / "calendars"
    for path in sorted(folder.glob("*.json")):
        calendar = read_calendar(path.read_bytes(), path.name)
        with server.database.read() as connection:
            missing = store.find_calendar(connection, calendar.calendar_id) is None
        if missing:
            calendars.save_calendar(server, SYSTEM, calendar)


def _run(server: Server, process_id: str, case: DemoOrder, business_key: str | None) -> None:
    starter = identities.actor_by_name(server, case.variables["initiator"])
    started = process_instances.start_process(
        server, starter, process_id=process_id, variables=case.variables, business_key=business_key
    )
    for element_id, username, outcome, comment in case.steps:
        actor = identities.actor_by_name(server, username)
        key = open_task(server, started.key, element_id)
        if key is None:
            message = f"Expected demo case '{started.key}' to wait at '{element_id}', but it does not"
            raise NotFound(message)
        tasks.complete_task(server, actor, key, EXTRAS.get(element_id, {}), outcome=outcome, comment=comment)
