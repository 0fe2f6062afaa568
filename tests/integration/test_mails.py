"""Mails of what people are told, through a real mail server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.cli.mailing import mailer_of
from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.states import MailState
from bpm_server.kernel import json
from bpm_server.kernel.errors import Forbidden, WrongState
from bpm_server.services import mails, notifications, people, preferences, users
from bpm_server.services.identities import actor_by_name
from bpm_server.store.tables.mails import mail
from bpm_server.store.tables.notifications import notification
from tests.support.approvals import Desk, one_node, person, starter
from tests.support.bpmn_builder import Process
from tests.support.mailbox import Mailbox, body, mailbox
from tests.support.product import ADMIN
from tests.support.rest import add_person, application
from tests.support.statements import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpm_server.worker.mailing import Mailer
    from tests.support.product import Product

LONG_AGO = sa.text("update mail set leased_until = '2020-01-01T00:00:00.000000Z'")


@dataclass
class Office:
    """People with addresses, and the mail server of their company."""

    bpm: Product
    box: Mailbox
    desk: Desk
    mailer: Mailer

    def post(self) -> None:
        """Sends what is due."""
        while self.mailer.round():
            pass

    def ask(self, signers: str = "ann", **variables: Any) -> int:
        """An approval waits for these people; returns its task."""
        instance, _ = self.desk.start(one_node("all", signers), **variables)
        return self.bpm.task("sign", instance=instance).key

    def choose(self, name: str, **changes: Any) -> None:
        preferences.change_settings(self.bpm.server, person(name), changes)  # type: ignore[arg-type]

    def states(self) -> list[tuple[str, str, int]]:
        """Whose mails there are, how each stands, and after how many tries."""
        found = self.bpm.rows(sa.select(mail.c.username, mail.c.state, mail.c.attempts).order_by(mail.c.key))
        return [tuple(row) for row in found]

    def reason(self) -> str:
        found: str = self.bpm.scalars(sa.select(mail.c.reason).order_by(mail.c.key.desc()))[0]
        return found

    def change(self, statement: Any) -> None:
        with self.bpm.server.database.write() as connection:
            connection.execute(statement)
            connection.commit()


@pytest.fixture
def office(bpm: Product) -> Iterator[Office]:
    with mailbox() as box:
        product, _ = application(
            bpm, smtp_url=box.url, mail_from="审批 <bpm@example.com>", public_url="https://bpm.example.com"
        )
        for name in ("ann", "bob", "eve"):
            add_person(product, name, roles=("staff",))
            users.update_user(product.server, SYSTEM, name, name=name.title(), email=f"{name}@example.com")
            preferences.change_settings(product.server, person(name), {"language": "en"})
        mailer = mailer_of(product.server)
        assert mailer is not None
        yield Office(product, box, Desk(product), mailer)


# --- what a mail says -------------------------------------------------------------------------------------


def test_a_turn_is_mailed_at_once_with_links_that_decide(office: Office) -> None:
    key = office.ask()
    office.post()
    [mail] = office.box.mails
    assert office.box.receivers == ["ann@example.com"]
    assert (mail["To"], mail["From"], mail["Auto-Submitted"]) == (
        "Ann <ann@example.com>", "审批 <bpm@example.com>", "auto-generated",
    )  # fmt: skip
    assert mail["List-Unsubscribe"] == "<https://bpm.example.com/settings>"
    assert mail["Subject"].startswith("Your approval is needed: ")
    for kind in ("plain", "html"):
        links = re.findall(r"https://bpm\.example\.com(/decide/[^\s\"?]+)\?outcome=(\w+)", body(mail, kind))
        assert [outcome for _, outcome in links] == ["approved", "rejected"]
        assert f"https://bpm.example.com/tasks/{key}" in body(mail, kind)
    _, nobody = application(office.bpm)
    path = links[0][0]
    form = {"content_type": "application/x-www-form-urlencoded"}
    assert nobody.get(path).status == 200
    assert office.desk.acts(key) == []
    assert nobody.post(path, data={"outcome": "approved"}, **form).status == 200
    assert office.desk.acts(key) == [("ann", "approve")]
    assert nobody.post(path, data={"outcome": "approved"}, **form).status == 404
    office.post()
    assert office.states() == [("ann", "sent", 1), ("eve", "sent", 1)]
    assert office.box.subjects()[1].startswith("Ann approved your request: ")


def test_it_is_in_the_language_of_its_receiver(office: Office) -> None:
    office.choose("ann", language="zh-CN")
    office.ask("ann, bob")
    office.post()
    assert sorted(subject.partition(":")[0].partition("：")[0] for subject in office.box.subjects()) == [
        "Your approval is needed", "轮到您审批",
    ]  # fmt: skip


SECRETS = {"summary": "name, salary, phone", "field.salary": "hide", "field.phone": "mask"}


def test_nothing_is_in_it_that_the_task_hides_or_masks(office: Office) -> None:
    p = Process()
    values = "".join(f'<zeebe:property name="{name}" value="{word}"/>' for name, word in SECRETS.items())
    more = '<zeebe:property name="approval.mode" value="all"/><zeebe:property name="approval.signers" value="ann"/>'
    p.path(p.start(), p.user("sign", extra=f"<zeebe:properties>{values}{more}</zeebe:properties>"), p.end())
    drawn = f"<bpmn:extensionElements><zeebe:properties>{values}</zeebe:properties></bpmn:extensionElements>"
    xml = p.xml().replace(b"<bpmn:startEvent", f"{drawn}<bpmn:startEvent".encode(), 1)
    office.desk.start(xml, name="Laptop", salary=54321, phone="13800138000")
    office.post()
    [mail] = office.box.mails
    for kind in ("plain", "html"):
        assert "Laptop" in body(mail, kind)
        assert "54321" not in body(mail, kind)
        assert "54,321" not in body(mail, kind)
        assert "13800138000" not in body(mail, kind)
    assert "54,321" not in mail["Subject"]


def test_names_and_values_make_no_headers_and_no_markup(office: Office) -> None:
    users.update_user(office.bpm.server, SYSTEM, "ann", name='Ann "A", <x@y.z>\r\nBcc: spy@example.com')
    p = Process()
    p.path(p.start(), p.user("t", extra='<zeebe:assignmentDefinition assignee="ann"/>'), p.end())
    office.bpm.deploy(p.xml().replace(b'id="t"', b'id="t" name="Sign&#10;Bcc: spy@example.com &lt;b&gt;"', 1))
    office.bpm.start(actor=starter("eve"))
    office.post()
    [mail] = office.box.mails
    assert office.box.receivers == ["ann@example.com"]
    assert (mail["Bcc"], mail["To"].addresses[0].addr_spec) == (None, "ann@example.com")
    assert "<b>" not in body(mail, "html")
    assert "\n" not in mail["Subject"]


def test_an_address_with_a_header_in_it_is_given_up(office: Office) -> None:
    users.update_user(office.bpm.server, SYSTEM, "ann", email="ann@example.com\r\nBcc: spy@example.com")
    office.ask()
    office.post()
    assert office.box.mails == []
    assert office.states() == [("ann", "failed", 1)]
    assert "example.com" not in office.reason()


# --- whom and when ----------------------------------------------------------------------------------------


def test_the_daily_mail_comes_once_at_the_hour_of_its_receiver_s_time_zone(office: Office) -> None:
    office.choose("ann", time_zone="Asia/Shanghai", mail_hour=9, mails={"turn": "daily", "assigned": "daily"})
    for _ in range(3):
        office.ask()
    office.post()
    assert office.box.mails == []
    office.bpm.clock.advance(minutes=59)  # 2026-01-01 08:59 in Shanghai
    office.post()
    assert office.box.mails == []
    office.bpm.clock.advance(minutes=1)
    office.post()
    assert office.box.subjects() == ["3 notifications for you"]
    text = office.box.texts()[0]
    assert text.count("Your approval is needed (08:00)") == 3
    assert "/decide/" not in text
    office.ask()
    office.post()
    office.bpm.clock.advance(hours=24)
    office.post()
    assert office.box.subjects()[1:] == ["1 notification for you"]


def test_the_daily_mail_leaves_out_what_was_read_and_done(office: Office) -> None:
    office.choose("ann", mails={"turn": "daily"})
    done, read, left = office.ask(), office.ask(), office.ask()
    office.post()
    office.desk.vote("ann", key=done)
    told = office.bpm.scalars(sa.select(notification.c.key).where(notification.c.task_key == read))
    notifications.mark_notifications_read(office.bpm.server, person("ann"), told)
    office.bpm.clock.advance(hours=24)
    office.post()
    [text] = [
        text for text, to in zip(office.box.texts(), office.box.receivers, strict=True) if to == "ann@example.com"
    ]
    assert [f"/tasks/{key}" in text for key in (done, read, left)] == [False, False, True]


def test_never_is_never_and_a_later_no_counts_for_what_waits(office: Office) -> None:
    office.choose("ann", mails={"turn": "never"})
    office.choose("bob", mails={"turn": "daily"})
    office.ask("ann, bob")
    office.post()
    office.choose("bob", mails={"turn": "never"})
    office.bpm.clock.advance(hours=48)
    office.post()
    assert office.states() == []
    assert office.bpm.scalars(sa.select(notification.c.key).where(notification.c.mail_at.is_not(None))) == []


def test_people_who_left_or_have_no_address_get_none(office: Office) -> None:
    office.ask("ann, bob")
    people.set_activity(office.bpm.server, ADMIN, "ann", active=False)
    office.change(sa.text("update \"user\" set email_sealed = null where username = 'bob'"))
    office.post()
    assert office.box.mails == []
    assert office.states() == [("bob", "dropped", 1)]


def test_somebody_who_leaves_while_a_mail_waits_gets_none(office: Office) -> None:
    office.ask()
    assert mails.make_mails(office.bpm.server) == 1
    people.set_activity(office.bpm.server, ADMIN, "ann", active=False)
    office.post()
    assert office.box.mails == []
    assert office.states() == [("ann", "dropped", 1)]


def test_whoever_decides_before_the_mail_goes_out_gets_none(office: Office) -> None:
    key = office.ask("ann, bob")
    office.desk.vote("ann", "rejected", key=key)
    office.post()
    assert [state for name, state, _ in office.states() if name in ("ann", "bob")] == ["dropped", "dropped"]


def test_whoever_has_signed_before_the_mail_goes_out_gets_none_though_others_are_still_asked(office: Office) -> None:
    key = office.ask("ann, bob")
    office.desk.vote("ann", key=key)
    office.post()
    assert [(name, state) for name, state, _ in office.states() if name in ("ann", "bob")] == [
        ("ann", "dropped"),
        ("bob", "sent"),
    ]


def test_without_a_mail_server_nothing_waits_for_one(bpm: Product) -> None:
    add_person(bpm, "ann")
    Desk(bpm).start(one_node("all", "ann"))
    assert bpm.scalars(sa.select(notification.c.mail_at)) == [None]
    assert mailer_of(bpm.server) is None


# --- when it does not work --------------------------------------------------------------------------------


def test_a_temporary_no_is_tried_again_later_with_the_same_id(office: Office) -> None:
    office.box.refuses.append(("DATA", "451 4.3.0 busy"))
    office.ask()
    office.post()
    assert office.states() == [("ann", "waiting", 1)]
    assert "451" in office.reason()
    office.post()
    assert office.states() == [("ann", "waiting", 1)]
    office.bpm.clock.advance(minutes=1)
    office.post()
    assert office.states() == [("ann", "sent", 2)]
    key = office.bpm.scalars(sa.select(mail.c.key))[0]
    assert office.box.mails[0]["Message-ID"] == f"<mail-{key}@example.com>"


def test_a_permanent_no_is_given_up_at_once_and_can_be_repeated_by_an_administrator(office: Office) -> None:
    office.box.refuses.append(("RCPT", "550 5.1.1 <Ann@example.com>: no such person"))
    office.ask("ann, bob")
    office.post()
    assert sorted(state for _, state, _ in office.states()) == ["failed", "sent"]
    [key] = office.bpm.scalars(sa.select(mail.c.key).where(mail.c.state == MailState.FAILED))
    [sent] = office.bpm.scalars(sa.select(mail.c.key).where(mail.c.state == MailState.SENT))
    [reason] = office.bpm.scalars(sa.select(mail.c.reason).where(mail.c.key == key))
    assert reason == "the mail server refused it: 550 5.1.1 <...>: no such person"
    with pytest.raises(Forbidden):
        mails.retry_mail(office.bpm.server, actor_by_name(office.bpm.server, "bob"), key)
    with pytest.raises(WrongState):
        mails.retry_mail(office.bpm.server, ADMIN, sent)
    mails.retry_mail(office.bpm.server, ADMIN, key)
    office.post()
    assert sorted(state for _, state, _ in office.states()) == ["sent", "sent"]


def test_a_refused_sender_is_no_fault_of_the_mail(office: Office) -> None:
    office.box.refuses.append(("MAIL", "553 not you"))
    office.ask()
    office.post()
    assert office.states() == [("ann", "waiting", 1)]


def test_a_server_that_is_away_costs_one_try_each_and_in_the_end_it_is_given_up(office: Office) -> None:
    office.ask("ann, bob")
    gone = office.bpm.with_settings(smtp_url="smtp://127.0.0.1:1")
    mailer = mailer_of(gone.server)
    assert mailer is not None
    tries = 0
    while any(state == "waiting" for _, state, _ in office.states()) or not tries:
        assert mailer.round()
        tries += 1
        assert {attempts for _, _, attempts in office.states()} == {tries}
        office.bpm.clock.advance(hours=24)
    assert {state for _, state, _ in office.states()} == {"failed"}
    assert tries == 8


def test_one_that_hangs_up_between_two_mails_delays_neither(office: Office) -> None:
    office.box.refuses.append(("DATA", "421 closing"))
    office.ask("ann, bob")
    office.post()
    assert sorted((state, attempts) for _, state, attempts in office.states()) == [("sent", 1), ("waiting", 1)]


def test_a_crash_between_sending_and_booking_sends_it_again_with_the_same_id(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    office.ask()
    with monkeypatch.context() as broken:
        broken.setattr(mails, "book_mail", crash)
        with pytest.raises(KeyboardInterrupt):
            office.post()
    assert len(office.box.mails) == 1
    office.post()
    assert len(office.box.mails) == 1, "the lease of the one that crashed still holds"
    office.change(LONG_AGO)
    office.post()
    assert office.states() == [("ann", "sent", 1)]
    first, second = office.box.mails
    assert first["Message-ID"] == second["Message-ID"]


def test_a_result_that_comes_after_the_lease_changes_nothing_unless_it_was_sent(office: Office) -> None:
    office.ask()
    mails.make_mails(office.bpm.server)
    [late] = mails.take_mails(office.bpm.server, 10)
    office.change(LONG_AGO)
    [now] = mails.take_mails(office.bpm.server, 10)
    mails.book_mail(office.bpm.server, late, mails.Posted(MailState.FAILED, "late"))
    assert office.states() == [("ann", "waiting", 0)]
    mails.book_mail(office.bpm.server, late, mails.Posted(MailState.SENT))
    mails.book_mail(office.bpm.server, now, mails.Posted(MailState.FAILED, "twice"))
    assert office.states() == [("ann", "sent", 1)]


def test_a_mail_that_cannot_be_written_spoils_no_other(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.ask("ann, bob")
    write = office.mailer._write
    monkeypatch.setattr(office.mailer, "_write", lambda one: write(one) if one.username == "bob" else 1 / 0)
    office.post()
    assert sorted(office.states()) == [("ann", "waiting", 1), ("bob", "sent", 1)]


def test_making_mails_takes_as_many_statements_for_many_as_for_few(office: Office) -> None:
    for _ in range(2):
        office.ask()
    with counted(office.bpm.server.database) as few:
        mails.make_mails(office.bpm.server)
    for _ in range(20):
        office.ask()
    with counted(office.bpm.server.database) as many:
        mails.make_mails(office.bpm.server)
    assert len(many) == len(few)
    assert json.loads(office.bpm.scalars(sa.select(mail.c.notifications))[0])
