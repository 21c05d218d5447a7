"""JSON Web Tokens of an identity provider: what is signed, current and for this service is accepted, nothing else."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.testclient import TestClient

from app.access import EVERYBODY, AccessRules, AccessScope, ForwardRules
from app.http.client import CheckedClient, ClientOptions
from app.service.json_web_tokens import JwksTokens
from app.settings import SettingsError, load_settings
from app.slo import Tenant
from tests.support.api import Served
from tests.support.scripted_server import Reply, Scripted
from tests.support.snapshots import a_snapshot

ISSUER, AUDIENCE = "https://login.example.org", "sloburn"
KEY, OTHER_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
ROLES = {EVERYBODY: frozenset({AccessScope.READ}), "sre": frozenset({AccessScope.RELOAD})}


def key_set(**keys: ec.EllipticCurvePrivateKey) -> Reply:
    published = [
        {**jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": name, "use": "sig"}
        for name, key in keys.items()
    ]
    return Reply(body=json.dumps({"keys": published}).encode())


def claims(**changed: Any) -> dict[str, Any]:
    """Claims of somebody; without those that are None."""
    now = int(time.time())
    usual = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 300, "email": "ada@example.org", "sub": "4711"}
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


def signed(key: ec.EllipticCurvePrivateKey = KEY, kid: str | None = "one", **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm="ES256", headers=None if kid is None else {"kid": kid})


def forged(algorithm: str, secret: bytes) -> str:
    """A token that is signed, if at all, with what everybody knows."""
    header, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": algorithm, "kid": "one", "typ": "JWT"}, claims(groups=["sre"]))
    )
    mac = hmac.new(secret, header + b"." + body, hashlib.sha256).digest() if secret else b"x"
    return b".".join((header, body, base64.urlsafe_b64encode(mac).rstrip(b"="))).decode()


class Time:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def tokens_of(server: Scripted, now: Time | None = None) -> JwksTokens:
    http = CheckedClient(ClientOptions(deadline=timedelta(seconds=60)))
    return JwksTokens(f"{server.url}/keys", issuer=ISSUER, audience=AUDIENCE, http=http, monotonic=now or Time())


def checked(texts: Sequence[str]) -> list[Mapping[str, Any] | str]:
    """What becomes of tokens, with one key that is published."""

    async def check() -> list[Mapping[str, Any] | str]:
        tokens = tokens_of(server)
        return [await tokens.claims(text) for text in texts]

    with Scripted(otherwise=key_set(one=KEY)) as server:
        return asyncio.run(check())


def test_only_what_the_provider_has_signed_for_this_service_and_now_is_accepted() -> None:
    now = int(time.time())
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    good = [signed(), signed(kid=None), signed(aud=["other", AUDIENCE]), signed(exp=now - 10)]
    bad = [
        signed(OTHER_KEY),
        signed(kid="two"),
        signed(iss="https://evil.example.org"),
        signed(aud="another service"),
        signed(exp=now - 60),
        signed(nbf=now + 3_600),
        signed(exp=None),
        signed(aud=None),
        signed(iss=None),
        forged("none", b""),
        forged("HS256", public),
        forged("ES256", public),
        signed()[:-4] + "AAAA",
        "eyJhbGciOiJub25lIn0.e30.",
        "eyJ.eyJ.x",
    ]
    found = checked([*good, *bad])
    assert [one["email"] for one in found[: len(good)] if isinstance(one, Mapping)] == ["ada@example.org"] * len(good)
    assert [one for one in found[len(good) :] if not isinstance(one, str)] == []


def test_keys_are_read_for_one_that_is_new_and_not_for_each_that_is_made_up() -> None:
    async def check() -> None:
        now = Time()
        tokens = tokens_of(server, now)
        assert isinstance(await tokens.claims(signed()), Mapping)
        for number in range(20):
            assert isinstance(await tokens.claims(signed(kid=f"made up {number}")), str)
        assert len(server.requests) == 1
        server.otherwise = key_set(one=KEY, two=OTHER_KEY)
        now.seconds += 31
        assert isinstance(await tokens.claims(signed(OTHER_KEY, "two")), Mapping)
        # Withdrawn, and seen some minutes later without anybody having to wait.
        server.otherwise = key_set(two=OTHER_KEY)
        now.seconds += 601
        assert isinstance(await tokens.claims(signed()), Mapping)
        assert tokens._reading is not None
        await tokens._reading
        assert isinstance(await tokens.claims(signed()), str)
        assert len(server.requests) == 3

    with Scripted(otherwise=key_set(one=KEY)) as server:
        asyncio.run(check())


def test_while_the_provider_is_away_its_keys_are_kept_for_a_day() -> None:
    async def check() -> None:
        now = Time()
        tokens = tokens_of(server, now)
        assert isinstance(await tokens.claims(signed()), Mapping)
        for away in (Reply(status=500), Reply(body=b"<html>"), Reply(body=b"[]"), Reply(body=b'{"keys": []}')):
            server.otherwise = away
            now.seconds += 3_600
            assert isinstance(await tokens.claims(signed()), Mapping)
        now.seconds += 86_400
        assert isinstance(await tokens.claims(signed()), str)

    with Scripted(otherwise=key_set(one=KEY)) as server:
        asyncio.run(check())


@contextmanager
def asking(*tenants: Tenant) -> Iterator[TestClient]:
    """A client of an application that accepts tokens of a provider."""
    with Scripted(otherwise=key_set(one=KEY)) as server:
        served = Served.with_snapshots(a_snapshot())
        served.rules = AccessRules(anonymous=frozenset(), forward=ForwardRules(roles=ROLES))
        served.signed = tokens_of(server)
        served.tenants = list(tenants)
        with TestClient(served.app()) as client:
            yield client


def test_groups_have_the_scopes_and_tenants_that_they_have_by_a_proxy(tmp_path: Path) -> None:
    def status(token: str, method: str = "GET", path: str = "/api/v1/slos", **more: str) -> int:
        return client.request(method, path, headers={"Authorization": f"Bearer {token}", **more}).status_code

    same = {"Sec-Fetch-Site": "same-origin"}
    with asking() as client:
        assert status(signed()) == 200
        assert status(signed(email=None)) == 200
        assert status(signed(email=None, sub=None)) == status(signed(email=["ada"], sub=None)) == 401
        assert status(signed(OTHER_KEY)) == status(signed(exp=1)) == 401
        # A proxy adds it to whatever a browser sends: a change must come from a page of this service.
        for groups, changes in ((["sre"], 200), ("sre", 200), (["developers"], 403), ({"sre": 1}, 403), (None, 403)):
            assert status(signed(groups=groups), "POST", "/-/reload", **same) == changes
        assert status(signed(groups=["sre"]), "POST", "/-/reload") == 403
        assert "eyJ" not in client.get("/api/v1/slos", headers={"Authorization": f"Bearer {signed(exp=1)}"}).text
    acme = Tenant(name="acme", documents=tmp_path, sources=("default",), groups=("team-acme",))
    with asking(acme) as client:
        one = "/api/v1/slos/checkout-availability"
        assert status(signed(groups=["team-acme"]), path=one) == status(signed(), path=one) == 404
        assert status(signed(groups=["sre", "team-acme"]), "POST", "/-/reload", **same) == 403


def test_an_audience_and_an_issuer_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token for another service of the same provider must not open this one."""
    given = {"JWKS_URL": "https://login.example.org/keys", "ISSUER": ISSUER, "AUDIENCE": AUDIENCE}
    for left_out in given:
        for name, value in given.items():
            monkeypatch.setenv(f"SLOBURN_JWT_{name}", "" if name == left_out else value)
        with pytest.raises(SettingsError, match=f"SLOBURN_JWT_{left_out}"):
            load_settings()
