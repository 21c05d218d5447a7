"""Logging in to what clouds run, against fakes that check what the services document; never tried on the real ones."""

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from typing_extensions import override

from app.clock import SystemClock
from app.http.secrets import FileSecret, FixedSecret
from app.prometheus import (
    AccessDeniedError,
    CloudLogin,
    GoogleLogin,
    HttpConfig,
    ManagedIdentityLogin,
    OAuth2Login,
    SigV4Login,
    UnreachableError,
    open_client,
)
from tests.prometheus.samples import END
from tests.support.scripted_server import Reply, Request, Scripted

pytestmark = pytest.mark.anyio

ANSWER = b'{"status":"success","data":{"resultType":"scalar","result":[1767225600,"1"]}}'
NAMES = b'{"status":"success","data":["a b"]}'
JSON = {"Content-Type": "application/json"}
KEY, SECRET, SESSION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a-session"
DENIED = Reply(status=403, body=b'{"message":"denied"}', headers=JSON)


class Fake(Scripted):
    """Answers requests that *lets_in* accepts, and refuses others."""

    def __init__(self, lets_in: Callable[[Request], bool]) -> None:
        self.lets_in = lets_in
        super().__init__()

    @override
    def answer(self, request: Request) -> Reply:
        super().answer(request)
        if not self.lets_in(request):
            return DENIED
        return Reply(body=NAMES if "/label/" in request.path else ANSWER, headers=JSON)


class Tokens(Scripted):
    """A token endpoint: token-1, token-2, ... each for so many seconds."""

    def __init__(self, life_s: float | str = 3600) -> None:
        self.life_s = life_s
        self.refuses = False
        super().__init__()

    @override
    def answer(self, request: Request) -> Reply:
        super().answer(request)
        if self.refuses:
            return Reply(
                status=401, body=b'{"error":"invalid_client","error_description":"AADSTS7000215"}', headers=JSON
            )
        body = {"access_token": f"token-{len(self.requests)}", "token_type": "Bearer", "expires_in": self.life_s}
        return Reply(body=json.dumps(body).encode(), headers=JSON)


def is_signed(request: Request, *, session: str | None = None) -> bool:
    """Whether a request is signed as AWS documents it, by an implementation of our own.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    form = r"AWS4-HMAC-SHA256 Credential=(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})"
    found = re.fullmatch(form, request.headers.get("authorization", ""))
    if found is None or request.headers.get("x-amz-security-token") != session:
        return False
    credential, names, signature = found.groups()
    key, day, region, service, end = credential.split("/")
    if (key, region, service, end) != (KEY, "eu-central-1", "aps", "aws4_request") or "host" not in names.split(";"):
        return False
    url = urlsplit(request.path)
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parse_qsl(url.query))
    canonical = "\n".join(
        [
            "POST" if request.body else "GET",
            quote(url.path, safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{request.headers[name].strip()}" for name in names.split(";")),
            "",
            names,
            hashlib.sha256(request.body).hexdigest(),
        ]
    )
    at = request.headers["x-amz-date"]
    scope = f"{day}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signing = f"AWS4{SECRET}".encode()
    for part in (day, region, service, "aws4_request"):
        signing = hmac.digest(signing, part.encode(), "sha256")
    return at.startswith(day) and hmac.new(signing, text.encode(), "sha256").hexdigest() == signature


async def ask(url: str, login: CloudLogin, *, times: int = 1, names: bool = False, deadline: float = 20) -> None:
    async with open_client(HttpConfig(url=url, cloud=login), clock=SystemClock()) as client:
        for _ in range(times):
            await client.instant('sum(rate(a{b="c d"}[5m])) + 1', END, deadline=deadline)
        if names:
            await client.label_values("a", '{b="c d+e"}', END, END, deadline=20)


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine lets anybody in."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.mark.usefixtures("no_aws")
async def test_requests_are_signed_for_amazon() -> None:
    """Queries in bodies, and in addresses with spaces and plus signs."""
    with Fake(is_signed) as server:
        login = SigV4Login(region="eu-central-1", access_key=KEY, secret_key=FixedSecret(SECRET))
        await ask(f"{server.url}/workspaces/ws-1", login, names=True)
        assert [urlsplit(one.path).path for one in server.requests] == [
            "/workspaces/ws-1/api/v1/query",
            "/workspaces/ws-1/api/v1/label/a/values",
        ]
        other = SigV4Login(region="eu-central-1", access_key=KEY, secret_key=FixedSecret("another"))
        with pytest.raises(AccessDeniedError):
            await ask(server.url, other)


@pytest.mark.usefixtures("no_aws", "asked_once")
async def test_credentials_of_amazon_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any, a query says so."""
    login = SigV4Login(region="eu-central-1")
    with Fake(lambda request: is_signed(request, session=SESSION)) as server:
        with pytest.raises(AccessDeniedError, match="no AWS credentials"):
            await ask(server.url, login, deadline=60)
        assert server.requests == []
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION)
        await ask(server.url, login)


@pytest.mark.usefixtures("no_aws")
async def test_a_role_of_amazon_is_assumed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its external id; its credentials sign all requests until they expire."""
    answer = (
        '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
        f"<AccessKeyId>{KEY}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
        f"<SessionToken>{SESSION}</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
    sts_reply = Reply(body=answer.encode(), headers={"Content-Type": "text/xml"})
    with Scripted(otherwise=sts_reply) as sts, Fake(lambda one: is_signed(one, session=SESSION)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        login = SigV4Login(
            region="eu-central-1",
            access_key="AKIDOTHER",
            secret_key=FixedSecret("other"),
            role_arn="arn:aws:iam::1:role/reader",
            external_id="x-7",
        )
        await ask(server.url, login, times=3)
        (request,) = sts.requests
        form = parse_qs(request.body.decode())
        assert (form["RoleArn"], form["ExternalId"]) == (["arn:aws:iam::1:role/reader"], ["x-7"])


def _bears(*tokens: str) -> Callable[[Request], bool]:
    return lambda request: request.headers.get("authorization") in {f"Bearer {one}" for one in tokens}


async def test_a_token_of_entra_is_asked_for_once(tmp_path: Path) -> None:
    """By the secret of an application, or by the token of a workload, which is read from its file."""
    (tmp_path / "token").write_text("of-the-pod\n")
    secret = {"client_secret": FixedSecret("s3cret")}
    for keys in (secret, {"assertion": FileSecret(tmp_path / "token")}):
        with Tokens() as tokens, Fake(_bears("token-1")) as server:
            scope = "https://prometheus.monitor.azure.com/.default"
            login = OAuth2Login(token_url=f"{tokens.url}/t/oauth2/v2.0/token", client_id="c", scope=scope, **keys)
            await ask(server.url, login, times=3)
            (request,) = tokens.requests
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        wanted = {"grant_type": "client_credentials", "client_id": "c", "scope": scope}
        if keys is secret:
            assert form == {**wanted, "client_secret": "s3cret"}
        else:
            kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            assert form == {**wanted, "client_assertion_type": kind, "client_assertion": "of-the-pod"}


@pytest.mark.usefixtures("asked_once")
async def test_a_token_is_renewed_before_it_expires_and_outlives_a_failure() -> None:
    """One of no life is asked for each time; the one that there is serves while the endpoint refuses."""
    with Tokens(life_s=0) as tokens, Fake(_bears("token-1", "token-2")) as server:
        login = OAuth2Login(token_url=tokens.url, client_id="c", client_secret=FixedSecret("s"))
        await ask(server.url, login, times=2)
        assert len(tokens.requests) == 2
        tokens.refuses = True
        with pytest.raises(AccessDeniedError, match="AADSTS7000215"):
            await ask(server.url, login, deadline=60)
    closed = OAuth2Login(token_url=tokens.url, client_id="c", client_secret=FixedSecret("s"))
    with pytest.raises(UnreachableError, match="no token from"):
        await ask(server.url, closed, deadline=60)


async def test_the_identity_of_a_machine_of_azure() -> None:
    """Its metadata service writes how long a token lives as a text."""
    with Tokens(life_s="3599") as tokens, Fake(_bears("token-1")) as server:
        login = ManagedIdentityLogin(resource="https://prometheus.monitor.azure.com", client_id="id", url=tokens.url)
        await ask(server.url, login, times=2)
        (request,) = tokens.requests
    assert request.headers["metadata"] == "true"
    assert parse_qs(urlsplit(request.path).query) == {
        "api-version": ["2018-02-01"],
        "resource": ["https://prometheus.monitor.azure.com"],
        "client_id": ["id"],
    }


async def test_a_service_account_of_google_signs_for_its_token(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with Tokens() as tokens, Fake(_bears("token-1")) as server:
        account = {
            "type": "service_account",
            "client_email": "reader@project.iam.gserviceaccount.com",
            "private_key": pem.decode(),
            "token_uri": tokens.url,
        }
        (tmp_path / "key.json").write_text(json.dumps(account))
        await ask(server.url, GoogleLogin(credentials_file=tmp_path / "key.json"), times=2)
        (request,) = tokens.requests
    (assertion,) = parse_qs(request.body.decode())["assertion"]
    head, claims, signature = assertion.split(".")
    key.public_key().verify(_decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    said = json.loads(_decoded(claims))
    assert said["scope"] == "https://www.googleapis.com/auth/monitoring.read"
    assert said["iss"] == account["client_email"]


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
