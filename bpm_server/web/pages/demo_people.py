"""The people of the demo company as the sign-in page introduces them: who does what with an order."""

from __future__ import annotations

from dataclasses import dataclass

from bpm_server.domain.demo import COMPANY
from bpm_server.web.pages.texts import gettext as _


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody to sign in as. ``duty``: what they do in the demo's order approval."""

    username: str
    name: str
    title: str
    duty: str


def demo_people() -> list[DemoPerson]:
    """The people in the order in which an order comes to them."""
    words = {
        "li.ming": (_("Sales manager"), _("Enters orders, and corrects those that come back.")),
        "wang.fang": (_("Head of technology"), _("Reviews technology, while purchasing reviews too.")),
        "liu.yang": (_("Engineer"), _("Shares the reviews of technology: the first to act decides.")),
        "zhao.qiang": (_("Head of purchasing"), _("Reviews cost and delivery date.")),
        "chen.jing": (_("Head of finance"), _("Checks what both agreed to; also looks after all cases.")),
        "zhou.wei": (_("General manager"), _("Decides about orders above 500,000.")),
    }
    return [DemoPerson(one.username, one.name, *words.get(one.username, (one.title, ""))) for one in COMPANY.people]
