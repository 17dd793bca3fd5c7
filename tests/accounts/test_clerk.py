"""Clerk's tokens, verified by a local key set over HTTP, and its webhooks in any order."""

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import SecretStr

from tastemaker.accounts import clerk
from tastemaker.accounts.api_keys import NotAuthenticated
from tastemaker.accounts.clerk import Clerk, ClerkUnavailable
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.settings import Settings, get_settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.inbox.queries import InboxId
from tastemaker.inbox.service import process
from tastemaker.journeys import clerk_webhooks
from tastemaker.journeys.account_deletion import erase_some_of
from tastemaker.journeys.clerk_webhooks import UnsignedMessage, verify
from tests.web.conftest import app_over, served

ISSUER, PARTY, SUBJECT = "https://clerk.example.com", "https://creators.example.com", "user_2abc"
SECRET = f"{clerk_webhooks.PREFIX}MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""Of the published vector."""

USERS = statement(
    "SELECT concat_ws(' ', user_id, email) AS said FROM users ORDER BY user_id", str, not_null="said"
)
BURIED = statement(
    "SELECT tenant_id FROM clerk_subjects WHERE deleted_at IS NOT NULL AND tenant_id IS NOT NULL",
    ExternalUserId,
)
INBOX = statement("SELECT id FROM inbox_messages WHERE processed_at IS NULL ORDER BY id", InboxId)


@dataclass
class KeySet:
    """An issuer with its keys; counts how often it is asked."""

    key: RSAPrivateKey = field(default_factory=lambda: generate_private_key(65537, 2048))
    kid: str = "first"
    asked: int = 0
    is_down: bool = False

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/jwks")
        async def jwks() -> JSONResponse:
            self.asked += 1
            known = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
            return JSONResponse({"keys": [{**known, "kid": self.kid}]}, 500 if self.is_down else 200)

        return app

    def token(
        self,
        *,
        algorithm: str = "RS256",
        key: Any = None,  # noqa: ANN401 - of any algorithm
        kid: str | None = None,
        **claims: Any,  # noqa: ANN401 - also what no token may say
    ) -> str:
        now = int(time.time())
        own = {"iss": ISSUER, "azp": PARTY, "sub": SUBJECT, "iat": now, "nbf": now, "exp": now + 60}
        said = {**own, **claims}
        wanted = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(wanted, key or self.key, algorithm=algorithm, headers={"kid": kid or self.kid})


@pytest.fixture(scope="module")
def keys() -> KeySet:
    return KeySet()


@pytest.fixture
async def trusted(keys: KeySet) -> AsyncIterator[Clerk]:
    keys.asked, keys.is_down = 0, False
    async with served(keys.app()) as url:
        yield Clerk(issuer=ISSUER, jwks_url=f"{url}/jwks", parties=frozenset({PARTY}))


async def test_a_token_is_verified_offline_and_makes_its_user_once(
    trusted: Clerk, keys: KeySet, database: Database, user: CurrentUser
) -> None:
    app = app_over(database)
    app.state.clerk = trusted
    async with served(app) as url, httpx.AsyncClient(base_url=url, timeout=30) as http:
        headers = {"Authorization": f"Bearer {keys.token()}"}
        answers = [await http.get("/api/v1/account", headers=headers) for _ in range(3)]
        assert [one.json()["user_id"] for one in answers] == [SUBJECT] * 3
        assert keys.asked == 1
        foreign = {"Authorization": f"Bearer {keys.token(azp='https://evil.example')}"}
        refused = await http.get("/api/v1/account", headers=foreign)
        assert refused.status_code == 401
        assert (await http.get("/api/v1/admin/users", headers=headers)).status_code == 404
        http.cookies.set("__session", keys.token())
        page = await http.get("/sign-in")
        assert (page.status_code, page.headers["location"]) == (303, "/onboarding")
    async with transaction(database, SYSTEM) as tx:
        await clerk.map_subject(tx, "user_admin", user.user_id)
    mapped = await clerk.user_of_token(database, trusted, keys.token(sub="user_admin"))
    assert mapped == "local", "the row of the first administrator keeps its id"


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 120},
        {"nbf": int(time.time()) + 120},
        {"iss": "https://evil.example"},
        {"azp": "https://evil.example"},
        {"azp": None},
        {"sub": None},
        {"exp": None},
        {"sub": "x" * 300},
        {"kid": "unknown"},
    ],
)
async def test_a_token_for_somebody_else_is_refused(
    trusted: Clerk, keys: KeySet, claims: dict[str, Any]
) -> None:
    with pytest.raises(NotAuthenticated):
        await trusted.subject_of(keys.token(**claims))


async def test_a_forged_token_is_refused_and_asks_for_keys_once(trusted: Clerk, keys: KeySet) -> None:
    good = keys.token()
    head, body, signature = good.split(".")
    other = KeySet()
    public = jwt.algorithms.RSAAlgorithm.to_jwk(keys.key.public_key()).encode()
    confused = base64.urlsafe_b64encode(
        json.dumps({"alg": "HS256", "typ": "JWT", "kid": keys.kid}).encode()
    ).decode()
    mac = hmac.new(public, f"{confused}.{body}".encode(), sha256).digest()
    unsigned = jwt.encode({"sub": SUBJECT}, "", algorithm="none", headers={"kid": keys.kid})
    forged = [
        unsigned,
        f"{confused}.{body}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}",
        other.token(kid=keys.kid),
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{base64.urlsafe_b64encode(b'{}').decode().rstrip('=')}.{signature}",
        "", "x", "a.b.c", "." * 9000, "é",
        *(keys.token(kid=f"made-up-{number}") for number in range(20)),
    ]  # fmt: skip
    for token in forged:
        with pytest.raises(NotAuthenticated):
            await trusted.subject_of(token)
    assert keys.asked == 1
    keys.is_down = True
    trusted.fetched_at = -1e9
    assert await trusted.subject_of(good) == SUBJECT, "known keys stay good while Clerk is away"
    empty = Clerk(issuer=ISSUER, jwks_url=trusted.jwks_url, parties=frozenset({PARTY}))
    with pytest.raises(ClerkUnavailable):
        await empty.subject_of(good)


def test_the_published_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = 1614265330
    monkeypatch.setattr(clerk_webhooks, "utc_now", lambda: datetime.fromtimestamp(sent, UTC))
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": str(sent),
        "webhook-signature": "v1,bm9ldHUjKzFob2VudXRob2VodWUzMjRvdWVvdW9ldQo= "
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    settings = Settings(clerk_webhook_secret=SecretStr(SECRET))
    assert verify(settings, headers, b'{"test": 2432232314}') == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    for wrong in (
        {"webhook-timestamp": str(sent + 1)},
        {"webhook-id": "msg_other"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook-timestamp": "x"},
    ):
        with pytest.raises(UnsignedMessage):
            verify(settings, {**headers, **wrong}, b'{"test": 2432232314}')
    for refused in (b'{"test":2432232314}', b""):
        with pytest.raises(UnsignedMessage):
            verify(settings, headers, refused)
    for none in ("whsec_", "", ",", "whsec_c2hvcnQ=", "not base64!"):
        with pytest.raises(UnsignedMessage):
            verify(Settings(clerk_webhook_secret=SecretStr(none)), headers, b'{"test": 2432232314}')
    monkeypatch.setattr(clerk_webhooks, "utc_now", lambda: datetime.fromtimestamp(sent + 301, UTC))
    with pytest.raises(UnsignedMessage):
        verify(settings, headers, b'{"test": 2432232314}')


def message(kind: str, version: int, email: str = "robin@example.com") -> bytes:
    data: dict[str, Any] = {"id": SUBJECT, "deleted": True}
    if kind != "user.deleted":
        addresses = [("a", "old@example.com"), ("b", email)]
        data = {
            "id": SUBJECT,
            "first_name": "Robin",
            "last_name": None,
            "primary_email_address_id": "b",
            "email_addresses": [{"id": one, "email_address": address} for one, address in addresses],
            "updated_at": version,
        }
    return json.dumps({"type": kind, "data": data, "timestamp": version}).encode()


def signed(body: bytes, message_id: str, *, at: float | None = None) -> dict[str, str]:
    sent = str(int(at or time.time()))
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{sent}.".encode() + body, sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"svix-id": message_id, "svix-timestamp": sent, "svix-signature": signature}


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("created updated", ["user_2abc new@example.com"]),
        ("updated created", ["user_2abc new@example.com"]),
        ("created updated deleted", []),
        ("deleted created updated", []),
        ("created deleted updated", []),
    ],
)
async def test_webhooks_in_any_order_and_twice(
    database: Database, user: CurrentUser, monkeypatch: pytest.MonkeyPatch, order: str, expected: list[str]
) -> None:
    monkeypatch.setattr(get_settings(), "clerk_webhook_secret", SecretStr(SECRET))
    bodies = {
        "created": message("user.created", 1),
        "updated": message("user.updated", 2, "new@example.com"),
        "deleted": message("user.deleted", 3),
    }
    async with served(app_over(database)) as url, httpx.AsyncClient(base_url=url, timeout=30) as http:
        for kind in order.split():
            for _ in range(2):
                headers = signed(bodies[kind], f"msg_{kind}")
                kept = await http.post("/webhooks/clerk", content=bodies[kind], headers=headers)
                assert kept.status_code == 204
        old = signed(bodies["created"], "msg_old", at=time.time() - 400)
        late = await http.post("/webhooks/clerk", content=bodies["created"], headers=old)
        assert late.status_code == 400
    async with transaction(database, SYSTEM) as tx:
        waiting = await tx.many(INBOX)
    assert len(waiting) == len(order.split())
    for one in waiting:
        await process(database, one, clerk_webhooks.apply)
    while await _erase(database):
        pass
    async with transaction(database, SYSTEM) as tx:
        assert [said for said in await tx.many(USERS) if not said.startswith("local")] == expected
    assert user.user_id == "local"


async def _erase(database: Database) -> bool:
    async with transaction(database, SYSTEM) as tx:
        buried = await tx.many(BURIED)
    return bool(buried) and await erase_some_of(database, buried[0])
