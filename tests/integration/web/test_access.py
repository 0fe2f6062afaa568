from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import SYSTEM
from bpm_server.services import identities, tokens, users
from bpm_server.web import access
from tests.support.rest import PASSWORD, Rest, add_person, application

if TYPE_CHECKING:
    from tests.support.product import Product


def test_a_request_without_credentials_is_told_so(nobody: Rest) -> None:
    answer = nobody.get("/v2/topology")
    assert (answer.status, answer["title"], answer["detail"]) == (
        401,
        "Unauthorized",
        "Expected credentials, but found none",
    )
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["", "   "])
def test_an_empty_header_is_no_credentials(nobody: Rest, header: str) -> None:
    assert (
        nobody.get("/v2/topology", headers={"Authorization": header})["detail"]
        == "Expected credentials, but found none"
    )


@pytest.mark.parametrize("header", ["Bearer unknown", "Basic !!", "Basic bm9jb2xvbg==", "Digest x", "Bearer"])
def test_wrong_credentials_are_refused(nobody: Rest, header: str) -> None:
    assert nobody.get("/v2/topology", headers={"Authorization": header}).status == 401


def test_password_and_token_are_known(bpm: Product, nobody: Rest) -> None:
    token = add_person(bpm, "ann", roles=("staff",))
    assert nobody.basic("ann").get("/v2/authentication/me")["username"] == "ann"
    assert nobody.as_(token).get("/v2/authentication/me")["roles"] == ["staff"]
    assert nobody.basic("ann", "wrong").get("/v2/authentication/me").status == 401


def test_rights_change_at_once(bpm: Product, rest: Rest, nobody: Rest) -> None:
    ann = nobody.as_(add_person(bpm, "ann"))
    assert ann.post("/v2/signals/broadcast", {"signalName": "x"}).status == 403
    rest.put("/v2/roles/operator/users/ann")
    assert ann.post("/v2/signals/broadcast", {"signalName": "x"}).status == 200
    rest.delete("/v2/users/ann")
    assert ann.get("/v2/topology").status == 401


def test_a_revoked_token_is_refused(bpm: Product, nobody: Rest) -> None:
    ann = nobody.as_(add_person(bpm, "ann"))
    key = ann.get("/api/tokens")["items"][0]["key"]
    assert ann.delete(f"/api/tokens/{key}").status == 204
    assert ann.get("/api/tokens").status == 401


def test_an_expired_token_is_refused(bpm: Product, nobody: Rest) -> None:
    add_person(bpm, "ann")
    ann = nobody.as_(tokens.create_token(bpm.server, SYSTEM, "ann", "short", days=1))
    assert ann.get("/v2/topology").status == 200
    with bpm.server.database.write() as connection:
        connection.exec_driver_sql("UPDATE api_token SET expires_at = '2020-01-01T00:00:00.000000Z'")
        connection.exec_driver_sql("UPDATE server_state SET identity_version = identity_version + 1")
        connection.commit()
    assert ann.get("/v2/topology").status == 401


def test_connections_that_the_database_ended_are_replaced(bpm: Product, nobody: Rest) -> None:
    ann = nobody.as_(add_person(bpm, "ann"))
    assert ann.get("/v2/topology").status == 200
    engine = bpm.server.database.engine
    if bpm.server.database.is_sqlite:
        engine.dispose()
        assert ann.get("/v2/topology").status == 200
        return
    other = sa.create_engine(engine.url, poolclass=sa.NullPool)
    with other.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    answers = [ann.get("/v2/topology").status for _ in range(3)]
    assert answers[0] in (200, 503)
    assert answers[1:] == [200, 200]


def test_guessing_is_slowed_down(bpm: Product, nobody: Rest) -> None:
    add_person(bpm, "ann")
    answers = [nobody.basic("ann", f"wrong {n}").get("/v2/topology") for n in range(identities.FAILURES + 1)]
    assert [answer.status for answer in answers] == [401] * identities.FAILURES + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert nobody.basic("ann").get("/v2/topology").status == 429


def test_an_old_password_is_refused_at_once(bpm: Product, nobody: Rest) -> None:
    add_person(bpm, "ann")
    assert nobody.basic("ann").get("/v2/topology").status == 200
    users.set_password(bpm.server, SYSTEM, "ann", "another one, longer")
    assert nobody.basic("ann").get("/v2/topology").status == 401


class TestBrowser:
    """A session's cookie counts; changes need the session's token as well."""

    @pytest.fixture
    def cookie(self, bpm: Product, nobody: Rest) -> str:
        add_person(bpm, "ann", roles=("admin",))
        return identities.sign_in(bpm.server, "ann", PASSWORD)

    def test_reading_needs_the_cookie_only(self, nobody: Rest, cookie: str) -> None:
        answer = nobody.get("/v2/authentication/me", headers={"Cookie": f"{access.SESSION_COOKIE}={cookie}"})
        assert answer["username"] == "ann"

    def test_changing_needs_the_token(self, bpm: Product, nobody: Rest, cookie: str) -> None:
        headers = {"Cookie": f"{access.SESSION_COOKIE}={cookie}"}
        refused = nobody.post("/v2/signals/broadcast", {"signalName": "x"}, headers=headers)
        assert (refused.status, refused["code"]) == (403, "forbidden")
        session = identities.signed_in(bpm.server, cookie)
        assert session is not None
        headers[access.CSRF_HEADER] = session.csrf_token
        assert nobody.post("/v2/signals/broadcast", {"signalName": "x"}, headers=headers).status == 200

    def test_a_session_that_ended_is_nobody(self, bpm: Product, nobody: Rest, cookie: str) -> None:
        identities.sign_out(bpm.server, cookie)
        headers = {"Cookie": f"{access.SESSION_COOKIE}={cookie}"}
        assert nobody.get("/v2/authentication/me", headers=headers).status == 401


class TestAnonymous:
    """On a designer's own machine ``/v2`` may be open; people and our own API never are."""

    @pytest.fixture
    def open_door(self, bpm: Product) -> Rest:
        return application(bpm, anonymous_v2=True)[1]

    def test_process_work_is_allowed(self, open_door: Rest) -> None:
        assert open_door.get("/v2/topology").status == 200
        assert open_door.post("/v2/user-tasks/search", {}).status == 200

    @pytest.mark.parametrize("path", ["/v2/users/search", "/v2/roles/search", "/v2/authorizations/search"])
    def test_people_are_not_shown(self, open_door: Rest, path: str) -> None:
        answer = open_door.post(path, {})
        assert answer.status == 403 or answer["items"] == []

    def test_people_are_not_changed(self, open_door: Rest) -> None:
        body = {"username": "eve", "password": "long enough"}
        assert open_door.post("/v2/users", body).status == 403
        assert open_door.post("/v2/setup/user", body).status == 403

    @pytest.mark.parametrize(
        "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
    )
    def test_pages_of_other_sites_are_nobody(self, open_door: Rest, headers: dict[str, str]) -> None:
        assert open_door.get("/v2/topology", headers=headers).status == 401
        assert open_door.post("/v2/signals/broadcast", {"signalName": "x"}, headers=headers).status == 401

    def test_our_own_api_stays_closed(self, open_door: Rest) -> None:
        assert open_door.get("/api/webhook-endpoints").status == 401
