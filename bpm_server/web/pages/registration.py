"""Puts the pages into an application: blueprints, templates, errors, headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request
from markupsafe import Markup

from bpm_server import __version__
from bpm_server.kernel import json
from bpm_server.web import access
from bpm_server.web.assets import Assets
from bpm_server.web.pages import (
    approval_acts,
    attachments,
    batch_operations,
    bulk,
    calendar_edits,
    calendar_feed,
    calendar_imports,
    case_operations,
    case_requests,
    catalogue,
    compression,
    decision_links,
    deep_links,
    devices,
    drafts,
    errors,
    files,
    finance_system,
    form_parts,
    form_values,
    formats,
    icons,
    inbox,
    inbox_filters,
    installing,
    instances,
    mail_log,
    migration,
    modification,
    notifications,
    office_calendars,
    people,
    preferences,
    printing,
    process_versions,
    public_forms,
    security,
    settings,
    signing_in,
    starting,
    substitutes,
    summaries,
    tasks,
    texts,
    webhooks,
    wording,
)
from bpm_server.web.pages.languages import LANGUAGES
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import visitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

NOUNS = (
    signing_in.pages,
    preferences.pages,
    settings.pages,
    devices.pages,
    installing.pages,
    notifications.pages,
    calendar_feed.pages,
    substitutes.pages,
    calendar_imports.pages,
    office_calendars.pages,
    calendar_edits.pages,
    inbox.pages,
    inbox_filters.pages,
    bulk.pages,
    tasks.pages,
    approval_acts.pages,
    attachments.pages,
    form_parts.pages,
    catalogue.pages,
    starting.pages,
    drafts.pages,
    public_forms.pages,
    instances.pages,
    printing.pages,
    batch_operations.pages,
    people.pages,
    case_operations.pages,
    case_requests.pages,
    modification.pages,
    migration.pages,
    process_versions.pages,
    webhooks.pages,
    mail_log.pages,
    deep_links.pages,
    decision_links.pages,
    finance_system.pages,
)
FILTERS = (
    "moment",
    "full_moment",
    "iso",
    "duration",
    "time_left",
    "exact_duration",
    "since",
    "number",
    "money",
    "count",
)
_IN_SCRIPT = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def register(app: Flask) -> None:
    """Adds the pages to an application; after the APIs, whose error replies they narrow."""
    files.register(app)
    for blueprint in NOUNS:
        app.register_blueprint(blueprint)
    _prepare_templates(app)
    errors.register(app)
    app.after_request(compression.compress)  # the last to be registered runs first
    app.after_request(security.protect)


def _prepare_templates(app: Flask) -> None:
    environment = app.jinja_env
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.add_extension("jinja2.ext.i18n")
    install: Any = environment
    install.install_gettext_callables(texts.template_gettext, texts.template_ngettext, newstyle=True)
    asset_url = _asset_url()
    environment.globals.update(
        asset_url=asset_url,
        app_url=files.app_url,
        nonce=security.nonce,
        visitor=visitor,
        icon=icons.icon,
        languages=LANGUAGES,
        version=__version__,
        navigation=navigation,
        administration=administration,
        unread_notifications=notifications.unread,
        sends_pushes=devices.are_offered,
        my_absence=substitutes.my_absence,
        script_words=script_words,
        script_modules=lambda: script_modules(asset_url),
        here=here,
        now=formats.now,
        tone=wording.outcome_tone,
        outcome_done=wording.outcome_done,
        job_state=wording.job_state,
        batch_kind=wording.batch_kind,
        batch_state=wording.batch_state,
        instance_state=wording.instance_state,
        incident_kind=wording.incident_kind,
        change_name=process_versions.change_name,
        is_table=form_values.is_table,
        has_own_parts=form_parts.has_own_parts,
    )
    for name in FILTERS:
        environment.filters[name] = getattr(formats, name)
    environment.filters["json_in_script"] = json_in_script
    environment.filters["shown"] = summaries.shown


def _asset_url() -> Callable[[str], str]:
    """Without built assets (somebody works on the server) pages come without styles instead of not at all."""
    assets = Assets.load()
    return assets.url if assets.files else lambda name: f"/static/vendor/{name}"


def json_in_script(value: Any) -> Markup:
    """JSON for ``<script type="application/json">``: nothing in it can end the element."""
    return Markup(json.dumps(value).translate(_IN_SCRIPT))  # noqa: S704


Way = tuple[str, str, str, str]
"""Place, address, icon, text."""


def navigation() -> list[Way]:
    """Where everybody goes."""
    ways = [
        ("inbox", "/", "inbox", _("Inbox")),
        ("start", "/start", "plus", _("Start")),
        ("instances", "/instances", "route", _("Cases")),
    ]
    finance = ("finance", "/demo/finance-system", "receipt", _("Finance"))
    return [*ways, finance] if access.server().settings.demo else ways


def administration() -> list[Way]:
    """Where this visitor looks after the server: a menu of their own, as a phone has no room for more."""
    who = visitor()
    ways = [
        (("people", people.HOME, "users", _("People")), who.may("ORGANISATION", "UPDATE")),
        (("batch-operations", batch_operations.HOME, "list-check", _("Batches")), who.may("BATCH", "READ")),
        (("webhooks", "/admin/webhooks", "webhook", _("Webhooks")), who.may("WEBHOOK", "READ")),
        (("mails", mail_log.HOME, "send", _("Mails")), mail_log.is_shown(who)),
    ]
    return [way for way, is_allowed in ways if is_allowed]


def script_words() -> dict[str, str]:
    """What scripts say."""
    return {
        **formats.due_words(),
        "offline": _("The server does not answer. Your draft is kept; try again."),
        "restored": _("Your draft was restored."),
        "discard": _("Discard"),
        "discardDraft": _("Discard the draft? What you have entered is lost."),
        "draftElsewhere": _("Another window has saved this draft."),
        "draftGone": _("This was sent or discarded in another window."),
        "draftUnkept": _("Not saved as a draft yet."),
        "keepThis": _("Keep what is here"),
        "loadOther": _("Load the other"),
        "undo": _("Undo"),
        "close": _("Close"),
        "uploading": _("Files are still being sent. Wait a moment, then try again."),
        "comment": _("A comment is needed."),
        "check": _("Please check what you have entered."),
        "selected": _("%(num)s selected"),
        "confirm": _("Are you sure?"),
        "findPeople": _("Name, department or user name"),
        "nobodyFound": _("Nobody found"),
        "remove": _("Remove %(name)s"),
        "brokenForm": _("The form cannot be shown."),
        "brokenDiagram": _("The diagram cannot be shown."),
    }


def script_modules(asset_url: Callable[[str], str]) -> dict[str, str]:
    """Where scripts find the modules that they load when they are needed."""
    return {
        "form": asset_url("form.js"),
        "people": files.app_url("app/people.js"),
        "year": files.app_url("app/year.js"),
        "attachments": files.app_url("app/attachments.js"),
        "diagram": files.app_url("app/diagram.js"),
        "form-parts": asset_url("form-parts.js"),
        "form-parts-style": files.app_url("app/form-parts.css"),
        "form-viewer": asset_url("form-viewer.js"),
        "bpmn-viewer": asset_url("bpmn-viewer.js"),
        "bpmn-viewer-style": asset_url("bpmn-viewer.css"),
    }


def here() -> str:
    """Where the visitor is, to come back to."""
    return request.full_path.rstrip("?") if request.method == "GET" else "/"
