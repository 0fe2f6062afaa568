"""Commands keep their shape: one commit site, one transaction each, always authorized."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

from tests.support.services import ROOT

PACKAGE = ROOT / "bpm_server"
MAY_COMMIT = {"services/transaction.py", "store/migrate.py", "store/restore.py"}
"""The commands' only commit; migrations and restoring a backup, before any command can run."""
AUTHORIZES = {
    "authorize",
    "authorize_part",
    "authorize_place",
    "authorize_signer",
    "authorize_undo",
    "authorize_work",
    "authorize_self",
    "check_claim",
    "check_informed",
    "check_initiator",
    "check_work",
}
_SHARED = "jobs, messages and signals have no word in the contract's audit log; the journal names who sent what"
_WORKER = "the server's own work, which is in the journal, the delivery log or nowhere because it only tidies up"
_OWN = "nobody but who made it ever sees it"
_TRIAL = "a trial: it changes nothing"
_NO_WORD = "the contract's audit log has no word for it; its own table says who and when"
UNAUDITED: dict[str, str] = {
    **dict.fromkeys(
        (
            "correlation.correlate",
            "job_locks.lock_job",
            "job_locks.unlock_job",
            "job_batches.complete_jobs",
            "jobs.activate_jobs",
            "jobs.complete_job",
            "jobs.fail_job",
            "jobs.throw_job_error",
            "messages.broadcast_signal",
            "messages.correlate_message",
            "messages.publish_message",
        ),
        _SHARED,
    ),
    **dict.fromkeys(
        (
            "alarms.postpone_alarm",
            "alarms.set_clocks",
            "batch_operations.book_failure",
            "batch_operations.do_item",
            "batch_operations.lease_items",
            "channels.adopt_jobs",
            "channels.give_back",
            "channels.note_failure",
            "channels.note_success",
            "channels.take_work",
            "deliveries.book_attempt",
            "documents.remove_expired",
            "documents.settle_leftovers",
            "drafts.remove_useless",
            "idempotency.keep_late_reply",
            "idempotency.release",
            "idempotency.remove_expired",
            "mails.book_mail",
            "mails.make_mails",
            "mails.take_mails",
            "pushes.book_push",
            "pushes.book_test",
            "pushes.take_pushes",
            "pushes.take_tests",
            "installation.install_demo_company",
            "messages.deliver_message",
            "messages.deliver_signal",
            "messages.find_receivers",
            "messages.find_signal_receivers",
            "messages.settle_signal",
            "nodes.release_node",
            "nodes.renew_node",
            "nodes.take_node",
            "sealing.seal_audit_log",
            "notifications.remove_old_notifications",
            "retention.remove_ended",
            "timers.drop_timer",
            "timers.fire_timer",
            "timers.postpone_timer",
        ),
        _WORKER,
    ),
    **dict.fromkeys(
        (
            "drafts.discard_draft",
            "drafts.save_start_draft",
            "drafts.save_task_draft",
            "favourites.mark_favourite",
            "inbox_filters.move_filter_up",
        ),
        _OWN,
    ),
    **dict.fromkeys(("migration.check_migration", "modification.check_modification"), _TRIAL),
    **dict.fromkeys(
        (
            "attachments.announce_file",
            "attachments.insert_attachment",
            "attachments.insert_upload",
            "attachments.remove_attachment",
            "clock.pin_clock",
            "clock.reset_clock",
            "calendar_feed.renew_feed",
            "calendar_feed.withdraw_feed",
            "documents.announce_content",
            "documents.delete_document",
            "documents.insert_document",
            "informing.mark_read",
            "informing.send_copies",
            "informing.urge",
            "informing.urge_case",
            "inbox_filters.change_filter",
            "inbox_filters.delete_filter",
            "inbox_filters.save_filter",
            "mails.retry_mail",
            "identities.sign_in",
            "identities.sign_out",
            "notifications.mark_notifications_read",
            "notifications.open_notification",
            "preferences.change_settings",
            "push_subscriptions.add_subscription",
            "push_subscriptions.forget_device",
            "push_subscriptions.remove_subscription",
            "push_subscriptions.renew_subscription",
            "push_subscriptions.request_test",
            "secrets.reseal_addresses",
            "secrets.reseal_endpoints",
            "secrets.seal_addresses",
            "tasks.comment_task",
            "webhook_endpoints.create_endpoint",
            "webhook_endpoints.delete_endpoint",
            "webhook_endpoints.replay_delivery",
            "webhook_endpoints.try_endpoint",
            "webhook_endpoints.update_endpoint",
        ),
        _NO_WORD,
    ),
}
"""Commands that leave no entry in the audit log, each with the reason."""
WITHOUT_TRANSACTION: dict[str, str] = {}
"""Commands that open no transaction of their own, each with the reason."""


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def commands() -> list[tuple[str, ast.FunctionDef]]:
    found = []
    for path in modules(PACKAGE / "services"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and any(
                isinstance(d, ast.Name) and d.id == "command" for d in node.decorator_list
            ):
                found.append((f"{path.stem}.{node.name}", node))
    return found


def calls(node: ast.AST) -> list[str]:
    names = []
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            target = call.func
            names.append(target.id if isinstance(target, ast.Name) else getattr(target, "attr", ""))
    return names


@functools.cache
def calls_of_services() -> dict[str, set[str]]:
    """What each function of the services calls."""
    return {
        one.name: set(calls(one))
        for path in modules(PACKAGE / "services")
        for one in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(one, ast.FunctionDef)
    }


COMMANDS = commands()


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) > 20


@pytest.mark.parametrize(("name", "node"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_a_command_opens_exactly_one_transaction(name: str, node: ast.FunctionDef) -> None:
    if name not in WITHOUT_TRANSACTION:
        assert calls(node).count("transaction") == 1, (
            f"{name} must open one transaction: whoever calls a command relies on all or nothing. "
            "Move what belongs to another transaction into another command."
        )


@pytest.mark.parametrize(("name", "node"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_a_command_authorizes(name: str, node: ast.FunctionDef) -> None:
    names = set(calls(node))
    for called in list(names):
        names |= calls_of_services().get(called, set())
    assert names & AUTHORIZES, f"{name} must ask services.authorization before it acts"


@pytest.mark.parametrize(("name", "node"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_a_command_is_in_the_audit_log(name: str, node: ast.FunctionDef) -> None:
    module = ast.parse((PACKAGE / "services" / f"{name.split('.', maxsplit=1)[0]}.py").read_text(encoding="utf-8"))
    helpers = {
        other.name: calls(other)
        for other in module.body
        if isinstance(other, ast.FunctionDef) and not other.decorator_list  # what commands and batch operations share
    }
    names, wider = set(calls(node)), set[str]()
    while names != wider:
        wider = set(names)
        names |= {inner for called in wider for inner in helpers.get(called, ())}
    audits = bool(names & {"audit", "audit_instance", "audit_task", "change_task", "write_node"})
    assert audits != (name in UNAUDITED), (
        f"{name} must call tx.audit, so that it can be told later who did it, or be named in UNAUDITED with the reason"
    )


def test_a_command_never_calls_a_command() -> None:
    names = {name.split(".")[1] for name, _ in COMMANDS}
    for name, node in COMMANDS:
        called = {
            call.func.id for call in ast.walk(node) if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        }
        inner = called & names - {name.split(".")[1]}
        assert not inner, f"{name} calls the commands {inner}: it would open a second transaction inside its own"


def test_only_the_transaction_commits() -> None:
    committing = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules(PACKAGE)
        if "commit" in calls(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert committing <= MAY_COMMIT, (
        f"{sorted(committing - MAY_COMMIT)} commit: use services.transaction, so that a command is all or nothing"
    )


def test_broad_except_only_at_the_edges() -> None:
    allowed = {
        "store/checkpoints.py",
        "worker/rounds.py",
        "worker/embedded.py",
        "worker/outside.py",
        "worker/booking.py",
        "worker/dispatch.py",
        "worker/mailing.py",
        "worker/pushing.py",
        "web/problems.py",
    }
    broad = set()
    for path in modules(PACKAGE):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None
                or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException"))
            ):
                broad.add(path.relative_to(PACKAGE).as_posix())
    assert broad <= allowed, f"{sorted(broad - allowed)} swallow every error; only the edges may"
