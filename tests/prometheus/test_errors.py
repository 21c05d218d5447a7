import httpx
import pytest

from app.prometheus import errors
from app.prometheus.errors import PrometheusError, Reason
from app.prometheus.ports import OUTCOMES, SUCCESS
from app.prometheus.status_errors import error_of_status
from app.prometheus.translate import translated, translated_errors

HTML = b"<html><body>502 Bad Gateway</body></html>"


def descendants(kind: type[Exception]) -> set[type[Exception]]:
    return {kind}.union(*(descendants(child) for child in kind.__subclasses__()))


def error_body(kind: str, words: str) -> bytes:
    return f'{{"status":"error","errorType":"{kind}","error":"{words}"}}'.encode()


def test_every_error_has_a_reason_of_its_own_and_stands_in_the_drawing() -> None:
    kinds = descendants(PrometheusError) - {PrometheusError}
    reasons = [kind.reason for kind in kinds if issubclass(kind, PrometheusError)]
    assert sorted(reasons) == sorted(Reason)
    assert {kind.__name__ for kind in kinds} <= set((errors.__doc__ or "").split())
    assert set(OUTCOMES) == {SUCCESS, *Reason}


def test_no_exception_of_httpx_is_unmapped() -> None:
    public = {kind for kind in vars(httpx).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert len(public) > 20
    for kind in public | {TimeoutError, OSError, ConnectionResetError, UnicodeError}:
        foreign = kind.__new__(kind)
        assert isinstance(translated(foreign, "http://host"), PrometheusError)


@pytest.mark.parametrize(
    ("foreign", "reason"),
    [
        (httpx.ConnectError("x"), Reason.UNREACHABLE),
        (httpx.ConnectTimeout("x"), Reason.UNREACHABLE),
        (httpx.ReadTimeout("x"), Reason.TIMEOUT),
        (httpx.ReadError("x"), Reason.UNREACHABLE),
        (httpx.RemoteProtocolError("x"), Reason.BAD_ANSWER),
        (httpx.LocalProtocolError("Illegal header value b'secret'"), Reason.MISCONFIGURED),
        (TimeoutError(), Reason.TIMEOUT),
    ],
)
def test_foreign_exceptions_leave_as_ours(foreign: Exception, reason: Reason) -> None:
    with pytest.raises(PrometheusError) as caught, translated_errors("http://host:9090"):
        raise foreign
    assert caught.value.reason is reason
    assert "http://host:9090" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_our_own_errors_pass_through() -> None:
    mine = errors.TooLargeError("x")
    with pytest.raises(errors.TooLargeError) as caught, translated_errors("http://host"):
        raise mine
    assert caught.value is mine


@pytest.mark.parametrize(
    ("status", "body", "reason", "retryable"),
    [
        (400, error_body("bad_data", "parse error"), Reason.BAD_QUERY, False),
        (422, error_body("execution", "many-to-many matching not allowed"), Reason.EXECUTION, False),
        (422, error_body("422", "cannot parse"), Reason.EXECUTION, False),
        (422, error_body("execution", "expanding series: context deadline exceeded"), Reason.TIMEOUT, True),
        (400, b"Client sent an HTTP request to an HTTPS server.", Reason.HTTP_STATUS, False),
        (401, HTML, Reason.ACCESS_DENIED, False),
        (403, b"", Reason.ACCESS_DENIED, False),
        (404, b"404 page not found", Reason.HTTP_STATUS, False),
        (301, b"", Reason.HTTP_STATUS, False),
        (408, b"", Reason.HTTP_STATUS, True),
        (429, b"", Reason.RATE_LIMITED, True),
        (500, error_body("internal", "oops"), Reason.HTTP_STATUS, True),
        (501, b"", Reason.HTTP_STATUS, False),
        (502, HTML, Reason.HTTP_STATUS, True),
        (503, error_body("timeout", "query timed out"), Reason.TIMEOUT, True),
        (503, b"Service Unavailable", Reason.HTTP_STATUS, True),
        (504, HTML, Reason.HTTP_STATUS, True),
        (599, b"", Reason.HTTP_STATUS, True),
        (204, b"", Reason.HTTP_STATUS, False),
    ],
)
def test_a_status_says_whether_asking_again_helps(status: int, body: bytes, reason: Reason, retryable: bool) -> None:
    error = error_of_status(status, body, query="up")
    assert (error.reason, error.retryable) == (reason, retryable)


def test_a_refused_query_is_quoted_and_cut() -> None:
    error = error_of_status(400, error_body("bad_data", "parse error"), query="sum(\n  up" + "x" * 1000)
    assert "parse error (query: sum( upxxx" in str(error)
    assert len(str(error)) < 400


def test_a_redirect_says_where_to() -> None:
    error = error_of_status(302, b"", location="https://login.example/")
    assert "redirects to https://login.example/" in str(error)


@pytest.mark.parametrize(
    ("query", "hinted"),
    [
        ('{"http.server.request.duration_bucket",le="1"}[30s]', True),
        ('http_requests_total{job="a","http.route"="/pay"}[30s]', True),
        ('sum by ("http.route") (up)', True),
        ('up{job="http.route",instance="{"}', False),
    ],
)
def test_quoted_names_are_explained_to_users_of_prometheus_2(query: str, hinted: bool) -> None:
    error = error_of_status(400, error_body("bad_data", "parse error: unexpected string"), query=query)
    assert ("Prometheus 3 and later" in str(error)) is hinted


def test_of_a_long_query_three_hundred_characters_are_shown() -> None:
    assert errors.excerpt("up\n" * 100) == "up " * 99 + "up"
    assert errors.excerpt("x" * 301) == "x" * 297 + "..."
