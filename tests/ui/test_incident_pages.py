"""The pages of alerts and incidents: what they show, what they refuse, and that people's words are never markup."""

import html
import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from fastapi.testclient import TestClient

from app.alerting import AlertSilence, AlertSilences, Transition, TransitionKind
from app.alerting.ends import SLO_REMOVED
from app.policy import WrittenPostmortem
from app.service.adapters.api_adapters import StoredIncidents
from app.slo import AlertState, Severity
from app.store import StoreLockedError
from app.store.alerts import append_transitions
from app.store.incident_notes import MOST_NOTES, IncidentMark
from app.store.incidents import IncidentFilter
from app.ui.alerts.active import sections
from app.ui.incident.notes import rendered_note
from app.ui.views import moment
from tests.support.boards import HOSTILE, NOW, TOO_LITTLE, TOO_OLD, board, calm_board, empty_board, incident_board
from tests.support.incidents import KeptIncidents, burning, ended
from tests.support.sites import TOKEN, site

BEGAN = NOW - timedelta(days=2)
FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture
def kept() -> KeptIncidents:
    """One incident that is over, and the page that fires on `incident_board`."""
    kept = KeptIncidents()
    kept.clock.at = NOW
    over = burning(incident="0a0b", starts_at=BEGAN, severity=Severity.TICKET)
    kept.record(over)
    kept.record(ended(over, end=SLO_REMOVED))
    kept.deliver(over, "pager", at=BEGAN + timedelta(seconds=2))
    kept.deliver(over, "chat", at=BEGAN + timedelta(seconds=2), error="404 no_channel")
    (fires,) = incident_board().current.by_key.values()
    kept.record(fires)
    return kept


@pytest.fixture
def client(kept: KeptIncidents) -> TestClient:
    return TestClient(site(incident_board(), incidents=kept), follow_redirects=False)


def _marks(kept: KeptIncidents) -> dict[str, IncidentMark]:
    return {each.id: each.mark for each in kept.log.listed(IncidentFilter(), limit=9) if each.mark is not None}


def text_of(answer: httpx2.Response) -> str:
    """What a reader sees of a page: no markup, single spaces."""
    main = answer.text.partition("<main")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", main)).split())


def test_an_incident_that_goes_on_answers_what_who_was_paged_asks(client: TestClient) -> None:
    answer = client.get("/incidents/5f2d")
    assert answer.status_code == 200
    seen = text_of(answer)
    for words in (
        "checkout availability is burning its error budget at 20x",
        "2%: 2,000 of 100,000 events failed in the last 1h",
        "Budget left 40% gone in",
        "Spent by this 2.8%",
        'route="/pay" 82%, route="/refund" 11%',
    ):
        assert words in seen
    links = dict(
        re.findall(r'<a class="(?:button|contributors)" href="([^"]*)"[^>]*>(?:<svg.*?</svg>)?([^<]*)<', answer.text)
    )
    by_name = {html.unescape(name): html.unescape(address) for address, name in links.items()}
    assert by_name["Runbook"] == "https://runbooks/slo"
    assert by_name["Silence"].startswith("http://alertmanager.example:9093/#/silences/new?filter=%7Balertname")
    burned = urlsplit(by_name['route="/pay" 82%, route="/refund" 11%'])
    assert (burned.path, burned.fragment) == ("/slos/checkout-availability", "contributors")
    assert set(parse_qs(burned.query)) == {"from", "to"}


def test_pages_say_that_an_alert_is_silenced_in_alertmanager_until_when_by_whom_and_why(kept: KeptIncidents) -> None:
    fires = incident_board()
    (page,) = fires.current.by_key.values()
    silence = AlertSilence(
        read_at=NOW, id="f2b0", until=NOW + timedelta(hours=1), created_by="ana", comment=f"Rolling back {HOSTILE}"
    )
    fires.set_silences(AlertSilences(by_key={page.key: silence}))
    client = TestClient(site(fires, incidents=kept))
    for path in ("/", "/alerts", f"/slos/{page.slo}", f"/incidents/{page.incident}"):
        answer = client.get(path)
        assert f"Silenced in Alertmanager until {moment(silence.until)} by ana: Rolling back" in text_of(answer), path
        assert 'href="http://alertmanager.example:9093/#/silences/f2b0"' in answer.text
        assert "<img" not in answer.text
    # Not "receivers are notified" alone above the alert, nor at all where there is no other.
    assert "Alertmanager notifies no one of 1 of them" in text_of(client.get("/alerts"))
    (firing,) = [one for one in sections(fires.current) if one.state is AlertState.FIRING]
    fires.publish([one for one in fires.snapshots if one.slo.service != "login"])
    (silenced,) = [one for one in sections(fires.current) if one.state is AlertState.FIRING]
    assert (firing.count, silenced.count) == (2, 1)
    assert "receivers are notified" not in silenced.meaning
    fires.set_silences(AlertSilences(by_key={page.key: AlertSilence(read_at=NOW)}))
    assert "Inhibited in Alertmanager by another alert" in text_of(client.get("/"))
    fires.set_silences(AlertSilences(unanswered=("",)))
    assert "Whether it is silenced is not known" in text_of(client.get(f"/incidents/{page.incident}"))


def test_a_card_of_the_overview_has_the_form_of_a_silence(client: TestClient) -> None:
    assert 'href="http://alertmanager.example:9093/#/silences/new?filter=' in client.get("/").text


def test_an_incident_of_an_slo_with_adjustments_says_that_it_counts_events_as_they_were(kept: KeptIncidents) -> None:
    (page,) = incident_board().current.by_key.values()
    burning = incident_board().current.find(page.slo)
    assert burning is not None
    said = "leave out adjusted time"
    for shown, is_said in ((burning, False), (replace(burning, counted=burning), True)):
        answer = TestClient(site(board([shown], [page]), incidents=kept)).get(f"/incidents/{page.incident}")
        assert (said in text_of(answer)) is is_said


def test_an_incident_that_is_over_has_its_cost_its_times_and_who_was_notified(client: TestClient) -> None:
    seen = text_of(client.get("/incidents/0a0b"))
    for words in (
        "2,400 events failed",
        "2.8% of the error budget for 30d",
        ", 5m later",
        "after 20m: the SLO was removed",
        "The ticket fires (1h/5m)",
        "pager was notified that the alert fires",
        "chat ticket firing given up 404 no_channel (2 attempts)",
        "# checkout availability burned its error budget",
    ):
        assert words in seen
    assert "Silence" not in seen


def test_an_incident_whose_page_has_resolved_is_over_though_its_ticket_is_muted(
    kept: KeptIncidents, client: TestClient
) -> None:
    (page,) = incident_board().current.by_key.values()
    kept.record(replace(page, incident="0c0d"))
    over = ended(replace(page, incident="0c0d"))
    kept.record(over)
    fired = Transition(
        slo=page.slo, severity=Severity.TICKET, kind=TransitionKind.FIRED, at=NOW - timedelta(minutes=4),
        incident="0c0d", tier="1d/2h",
    )  # fmt: skip
    with kept.database.begin() as tx:
        append_transitions(tx, [fired])
    answer = client.get("/incidents/0c0d")
    assert '<article class="told page over">' in answer.text
    assert "checkout availability burned its error budget The ticket still" in " ".join(text_of(answer).split())
    assert "gone in" not in text_of(answer)


def test_an_incident_that_goes_on_by_its_ticket_is_shown_as_that_ticket(kept: KeptIncidents) -> None:
    page = burning(incident="0c0d", starts_at=BEGAN)
    ticket = burning(incident="0c0d", starts_at=BEGAN, severity=Severity.TICKET)
    kept.record(page)
    kept.record(ended(page), still=(ticket,))
    board = calm_board()
    board.set_notifications({ticket.key: ticket})
    answer = TestClient(site(board, incidents=kept)).get("/incidents/0c0d")
    assert '<article class="told ticket">' in answer.text
    assert "is burning its error budget" in text_of(answer)
    assert "no longer" not in text_of(answer)


def test_an_incident_has_those_before_it_with_what_was_noted_then(client: TestClient, kept: KeptIncidents) -> None:
    assert "Earlier incidents" not in text_of(client.get("/incidents/0a0b"))
    kept.log.add_note("0a0b", "Rolled back **payments** 2.4.1", author="ada")
    written = WrittenPostmortem(written_at=NOW, author="ada", url="https://wiki/0a0b")
    kept.log.set_postmortem("0a0b", written)
    kept.log.set_mark("0a0b", IncidentMark.USEFUL)
    answer = client.get("/incidents/5f2d")
    section = answer.text.partition('id="earlier-title"')[2].partition("</section>")[0]
    for words in (
        'href="/incidents/0a0b"',
        "<strong>payments</strong> 2.4.1",
        "ada",
        'href="https://wiki/0a0b"',
        "useful",
    ):
        assert words in section
    # While it goes on, what helped before is ahead of what a review needs.
    assert answer.text.index("earlier-title") < answer.text.index("cost-title")


def test_what_changed_before_the_errors_is_part_of_the_answer(kept: KeptIncidents) -> None:
    board = incident_board()
    told = {key: replace(one, recent_change="deployed just before: v <2>") for key, one in board.current.by_key.items()}
    board.publish(board.snapshots, told)
    client = TestClient(site(board, incidents=kept))
    link = '<a href="/events?service=checkout">deployed just before: v &lt;2&gt;</a>'
    assert [
        page for page in ("/incidents/5f2d", "/slos/checkout-availability") if link not in client.get(page).text
    ] == []


def test_whether_errors_go_on_is_part_of_the_answer(client: TestClient, kept: KeptIncidents) -> None:
    pages = ("/incidents/5f2d", "/slos/checkout-availability", "/", "/alerts")
    assert not [page for page in pages if "in 5m" in text_of(client.get(page)).partition("36x in the last 5m")[0]]
    burning = incident_board()
    snapshot = next(one for one in burning.snapshots if one.slo.service == "checkout")
    over = tuple(
        view._replace(burn_rate=0.0, bad=0.0) if view.window == FIVE_MINUTES else view for view in snapshot.windows
    )
    burning.publish([replace(snapshot, windows=over)], burning.current.by_key)
    client = TestClient(site(burning, incidents=kept))
    assert [page for page in pages if "no errors in 5m" not in text_of(client.get(page))] == []


def test_an_incident_that_nobody_knows_is_a_page_of_its_own(client: TestClient) -> None:
    answer = client.get("/incidents/nope")
    assert (answer.status_code, "No such incident" in answer.text) == (404, True)


def test_an_incident_of_a_time_without_a_database_is_shown_while_it_lasts() -> None:
    seen = text_of(TestClient(site(incident_board())).get("/incidents/5f2d"))
    assert "is burning its error budget at 20x" in seen
    assert "Nothing is stored yet" in seen


def test_every_alert_that_is_not_inactive_is_listed_with_why(client: TestClient) -> None:
    answer = client.get("/alerts")
    seen = text_of(answer)
    for words in (
        "firing 2",
        "muted 1",
        "muted by the page (now by 1d/2h)",
        "suppressed 1",
        TOO_LITTLE,
        "frozen 2",
        TOO_OLD,
    ):
        assert words in seen
    assert 'href="/incidents/5f2d"' in answer.text
    assert "No alert is active, and all of them can be judged" in TestClient(site(calm_board())).get("/alerts").text
    assert "Nothing has been evaluated yet" in TestClient(site(empty_board())).get("/alerts").text
    assert "pager after 2s" in text_of(answer)
    assert "chat given up" in text_of(answer)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["5f2d", "0a0b"]),
        ("?state=active", ["5f2d"]),
        ("?severity=ticket", ["0a0b"]),
        ("?mark=none&service=checkout", ["5f2d", "0a0b"]),
        ("?mark=useful", []),
        ("?slo=nope", []),
        ("?label=team%3Dpayments", ["5f2d", "0a0b"]),
        ("?to={began:%Y-%m-%d}", ["0a0b"]),
        ("?from={now:%Y-%m-%d}&state=resolved", []),
        # What is not understood is left out: a page is no API.
        ("?severity=loud&state=odd&from=yesterday&to=9999-01-01&label=x&before=a b&nope=1", ["5f2d", "0a0b"]),
        ("?before={now_s} 0", ["5f2d", "0a0b"]),
        ("?before={began_s} f", ["0a0b"]),
        ("?before={began_s} 0", []),
    ],
)
def test_the_history_is_filtered_by_the_address(client: TestClient, query: str, found: list[str]) -> None:
    given = {"began": BEGAN, "now": NOW, "began_s": BEGAN.timestamp(), "now_s": NOW.timestamp()}
    answer = client.get(f"/alerts{query.format(**given)}")
    history = answer.text.partition('id="history"')[2]
    assert re.findall(r'href="/incidents/(\w+)"', history) == found
    assert ("No incident matches" in history) == (not found)


def test_a_filter_that_means_nothing_is_said_to_be_ignored(client: TestClient) -> None:
    odd = ("severity=pgae", "state=gone", "mark=x", "kind=zzz", "label=team", "from=yesterday")
    answer = client.get(f"/alerts?service=checkout&{'&'.join(odd)}")
    seen = text_of(answer)
    assert [text for text in odd if f"{text} is not a filter of this page; it is ignored" in seen] == list(odd)
    # Links keep what means something.
    assert 'href="/alerts?view=transitions&amp;service=checkout#history"' in answer.text


@pytest.mark.parametrize("query", ["kind=zzz", "kind=fired", "view=transitions&state=active", "severity=pgae"])
def test_what_filters_nothing_of_what_is_listed_is_no_filter(client: TestClient, query: str) -> None:
    assert ">Clear</a>" not in client.get(f"/alerts?{query}").text


def test_a_form_that_chooses_nothing_leads_to_a_short_address(client: TestClient) -> None:
    answer = client.get("/alerts?service=&severity=page&mark=&from=")
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts?severity=page#history")


def test_the_history_has_pages(kept: KeptIncidents) -> None:
    for number in range(60):
        old = burning(incident=f"{number:04x}", starts_at=BEGAN - timedelta(days=number))
        kept.record(old, ended(old))
    client = TestClient(site(incident_board(), incidents=kept))
    for address, row, count in (
        ("/alerts", r'<a href="/incidents/(\w+)">', 62),
        ("/alerts?view=transitions", r"<td>(The [^<]*)</td>", 123),
    ):
        seen: list[str] = []
        following: str | None = address
        while following is not None:
            text = client.get(following).text.partition('id="history"')[2]
            seen += re.findall(row, text)
            older = re.search(r'rel="next" href="([^"#]*)#history"', text)
            following = html.unescape(older.group(1)) if older else None
        assert (address, len(seen)) == (address, count)


def test_every_transition_is_listed_by_what_happened(client: TestClient) -> None:
    assert "The ticket is resolved: the SLO was removed" in text_of(client.get("/alerts?view=transitions"))
    fired = text_of(client.get("/alerts?view=transitions&kind=fired"))
    assert "fires (1h/5m)" in fired
    assert "is resolved" not in fired.partition("History")[2]


@pytest.mark.parametrize(
    ("path", "form", "refusal"),
    [
        ("/incidents/0a0b/mark", {"mark": "useful"}, (401, "Enter a token, or sign in")),
        ("/incidents/0a0b/mark", {"mark": "useful", "token": "x"}, (401, "The token is wrong")),
        ("/incidents/0a0b/notes", {"text": "typed", "token": "x"}, (401, "The token is wrong")),
        ("/incidents/0a0b/notes", {"text": " ", "token": TOKEN}, (422, "The note is empty")),
        ("/incidents/0a0b/notes", {"text": "x" * 10_001, "token": TOKEN}, (422, "A note may have 10,000 characters")),
        ("/alerts/mark", {"mark": "useful 0a0b", "token": "x"}, (401, "The token is wrong")),
        ("/alerts/mark", {"mark": "usefull 0a0b", "token": TOKEN}, (422, "is none of useful, noise")),
        ("/incidents/0a0b/mark", {"mark": "usefull", "token": TOKEN}, (422, "is none of useful, noise")),
    ],
)
def test_a_form_that_is_refused_says_why_and_keeps_what_was_typed(
    client: TestClient, kept: KeptIncidents, path: str, form: dict[str, str], refusal: tuple[int, str]
) -> None:
    answer = client.post(path, data=form)
    status, says = refusal
    assert (answer.status_code, says in answer.text) == (status, True)
    assert "typed" not in form.get("text", "") or ">typed</textarea>" in answer.text
    # The page refreshes itself from this address.
    assert client.get(path).headers["location"].partition("#")[0] == path.rpartition("/")[0]
    record = kept.log.find("0a0b")
    assert record is not None
    assert (record.incident.mark, record.notes) == (None, ())


@pytest.mark.parametrize(
    ("path", "write", "form"),
    [
        ("/incidents/0a0b/notes", "add_note", {"text": "typed at night"}),
        ("/incidents/0a0b/postmortem", "set_postmortem", {"url": "https://typed.example/1"}),
        ("/incidents/0a0b/mark", "set_mark", {"mark": "noise"}),
        ("/alerts/mark", "set_mark", {"mark": "noise 0a0b"}),
    ],
)
def test_a_form_keeps_what_was_typed_while_the_database_cannot_be_written(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, path: str, write: str, form: dict[str, str]
) -> None:
    def locked(*_: object, **__: object) -> None:
        raise StoreLockedError

    monkeypatch.setattr(StoredIncidents, write, locked)
    answer = client.post(path, data={**form, "token": TOKEN})
    assert answer.status_code == 503
    assert "the database cannot be written now" in text_of(answer)
    assert all(typed in answer.text for typed in form.values() if "typed" in typed)


def test_people_mark_incidents_and_add_notes_with_the_token(client: TestClient, kept: KeptIncidents) -> None:
    marked = client.post("/alerts/mark?severity=ticket", data={"mark": "useful 0a0b", "token": TOKEN})
    assert (marked.status_code, marked.headers["location"]) == (303, "/alerts?severity=ticket#history")
    assert _marks(kept) == {"0a0b": IncidentMark.USEFUL}
    assert client.post("/incidents/0a0b/mark", data={"mark": "noise", "token": TOKEN}).status_code == 303
    assert _marks(kept) == {"0a0b": IncidentMark.NOISE}
    assert client.post("/incidents/0a0b/mark", data={"mark": "", "token": TOKEN}).status_code == 303
    assert _marks(kept) == {}
    noted = client.post("/incidents/0a0b/notes", data={"text": "**v42**", "author": "ada", "token": TOKEN})
    assert (noted.status_code, noted.headers["location"]) == (303, "/incidents/0a0b#notes")
    assert "<strong>v42</strong>" in client.get("/incidents/0a0b").text
    for _ in range(MOST_NOTES - 1):
        kept.log.add_note("0a0b", "more", author=None)
    assert client.post("/incidents/0a0b/notes", data={"text": "x", "token": TOKEN}).status_code == 409


def test_without_a_token_nothing_can_be_changed(kept: KeptIncidents) -> None:
    app = site(incident_board(), incidents=kept, token=None)
    assert TestClient(app).post("/incidents/0a0b/mark", data={"mark": "useful", "token": ""}).status_code == 403
    for path in ("/incidents/0a0b", "/alerts"):
        assert 'name="token"' not in TestClient(app).get(path).text
    assert "<code>sloburn token create</code>" in TestClient(app).get("/incidents/0a0b").text


@pytest.mark.parametrize("content", [b"\xff=1", b"&".join(b"a=1" for _ in range(100)), b"{}"])
def test_a_body_that_is_no_form_changes_nothing(client: TestClient, content: bytes) -> None:
    assert client.post("/incidents/0a0b/notes", content=content).status_code == 401


def test_what_people_and_documents_write_is_never_markup(kept: KeptIncidents) -> None:
    told = replace(
        burning(HOSTILE[:60], incident="bad0", starts_at=BEGAN),
        name=HOSTILE,
        top_contributors=HOSTILE,
        slo_description=HOSTILE,
        labels=((HOSTILE, HOSTILE),),
    )
    kept.record(told)
    kept.deliver(told, "<b>pager", at=BEGAN, error=HOSTILE)
    kept.log.add_note("bad0", HOSTILE, author=HOSTILE)
    client = TestClient(site(board([]), incidents=kept))
    for path in ("/incidents/bad0", "/alerts", "/alerts?view=transitions", "/alerts?service=%3Cimg%20src%3Dx%3E"):
        text = client.get(path).text
        assert "<img" not in text
        assert "<b>pager" not in text


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("# A\n###### B", "<h4>A</h4>\n<h6>B</h6>\n"),
        ("[x](https://a.example)", '<p><a href="https://a.example" rel="noreferrer nofollow">x</a></p>\n'),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
        (
            "![x](https://a.example/)",
            '<p>!<a href="https://a.example/" rel="noreferrer nofollow">x</a></p>\n',
        ),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
        ("a <b onclick=x>b</b>", "<p>a &lt;b onclick=x&gt;b&lt;/b&gt;</p>\n"),
    ],
)
def test_a_note_is_markdown_without_markup_of_its_own(text: str, rendered: str) -> None:
    assert str(rendered_note(text)) == rendered


def test_a_postmortem_is_noted_as_written_and_not_with_the_token(client: TestClient, kept: KeptIncidents) -> None:
    form = {"url": "https://wiki.example/42", "author": "ada", "written": "yes", "token": TOKEN}
    client.post("/incidents/5f2d/postmortem", data=form)
    record = kept.log.find("5f2d")
    assert record is not None
    assert record.postmortem is not None
    assert (record.postmortem.url, record.postmortem.author) == ("https://wiki.example/42", "ada")
    assert '<a href="https://wiki.example/42" rel="noreferrer">' in client.get("/incidents/5f2d").text
    client.post("/incidents/5f2d/postmortem", data={"written": "no", "token": TOKEN})
    record = kept.log.find("5f2d")
    assert record is not None
    assert record.postmortem is None


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"token": "wrong"}, 401), ({"url": "javascript:alert(1)"}, 422), ({"author": "a" * 101}, 422)],
)
def test_a_postmortem_that_cannot_be_is_refused_and_stays_typed(
    client: TestClient, kept: KeptIncidents, changed: dict[str, str], status: int
) -> None:
    form = {"url": "https://wiki.example/42", "author": "ada", "written": "yes", "token": TOKEN} | changed
    answer = client.post("/incidents/5f2d/postmortem", data=form)
    assert answer.status_code == status
    assert f'value="{form["url"]}"' in answer.text
    record = kept.log.find("5f2d")
    assert record is not None
    assert record.postmortem is None


@pytest.mark.parametrize(("ago", "named"), [(timedelta(hours=3), True), (timedelta(days=2), False)])
def test_the_page_of_an_slo_names_the_incident_of_the_last_day_with_its_cost(ago: timedelta, named: bool) -> None:
    kept = KeptIncidents()
    kept.clock.at = NOW
    over = burning(incident="0a0b", starts_at=NOW - ago - timedelta(minutes=40))
    kept.record(over)
    kept.record(ended(over, end=SLO_REMOVED))
    answer = TestClient(site(calm_board(), incidents=kept)).get(f"/slos/{over.slo}")
    assert answer.status_code == 200
    assert ('class="last-incident"' in answer.text, 'href="/incidents/0a0b"' in answer.text) == (named, named)
    assert ("it spent 2.8% of the error budget" in answer.text) is named


def test_a_heading_counts_one_alert_and_many(client: TestClient) -> None:
    headings = re.findall(r"<h2 id=\"\w+-title\">.*?</span>\s*(\d+) (alerts?)\b", client.get("/alerts").text)
    assert headings
    assert all((count == "1") == (word == "alert") for count, word in headings)
