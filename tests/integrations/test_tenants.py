"""The section `tenants`: what it means, and what is said of mistakes."""

from pathlib import Path

import pytest

from app.integrations import LoadedConfig, load_config
from app.slo import Tenant

_SHARED = """
sources: [{name: eu, url: http://eu.example}]
receivers: [{name: chat, webhook: {url: http://hook.example}}]
tenants:
"""
_ACME = "  - {name: acme, documents: slos/acme, namespaces: [acme-shop]}\n"


def _load(tenants: str, folder: Path) -> LoadedConfig:
    (folder / "sloburn.yaml").write_text(_SHARED + tenants)
    return load_config(folder / "sloburn.yaml", environment={})


def test_what_a_tenant_says(tmp_path: Path) -> None:
    whole = """
  - name: globex
    documents: /slos/globex
    sources: [eu]
    namespaces: [globex-shop]
    receivers: [chat]
    groups: [team-globex]
    limits: {slos: 500, requests_per_minute: 600}
"""
    loaded = _load(_ACME + whole, tmp_path)
    assert not loaded.errors
    assert loaded.config.tenants == (
        Tenant(name="acme", documents=tmp_path / "slos/acme", namespaces=("acme-shop",), sources=("default",)),
        Tenant(
            name="globex",
            documents=Path("/slos/globex"),
            sources=("eu",),
            namespaces=("globex-shop",),
            receivers=("chat",),
            groups=("team-globex",),
            most_slos=500,
            requests_per_minute=600,
        ),
    )
    assert loaded.config.routing.tenants == {"acme": (), "globex": ("chat",)}


@pytest.mark.parametrize(
    ("tenant", "field"),
    [
        ("{name: acme, documents: other}", "tenants[1].name"),
        ("{name: a/b, documents: other}", "tenants[1].name"),
        ("{name: b}", "tenants[1].documents"),
        ("{name: b, namespaces: [b-shop, acme-shop]}", "tenants[1].namespaces[1]"),
        ("{name: b, documents: slos/acme/b}", "tenants[1].documents"),
        ("{name: b, documents: slos/b/../acme}", "tenants[1].documents"),
        ("{name: b, documents: slos}", "tenants[1].documents"),
        ("{name: b, documents: other, sources: [us]}", "tenants[1].sources[0]"),
        ("{name: b, documents: other, sources: []}", "tenants[1].sources"),
        ("{name: b, documents: other, receivers: [chat, pager]}", "tenants[1].receivers[1]"),
        ("{name: b, documents: other, limits: {slos: 0}}", "tenants[1].limits.slos"),
        ("{name: b, documents: other, headers: {}}", "tenants[1].headers"),
        ("{name: ACME, documents: other}", "tenants[1].name"),
    ],
)
def test_mistakes_are_named(tenant: str, field: str, tmp_path: Path) -> None:
    errors = _load(f"{_ACME}  - {tenant}\n", tmp_path).errors
    assert [error.field for error in errors] == [field]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ("", None),
        ("reports: [{name: r, period: month, receivers: [hers], labels: {tenant: b}}]", None),
        ("reports: [{name: r, period: month, receivers: [hers], labels: {tenant: acme}}]", "reports[0].receivers[0]"),
        ("reports: [{name: r, period: month, receivers: [all, hers]}]", "reports[0].receivers[1]"),
    ],
)
def test_nothing_of_one_tenant_is_sent_to_the_receiver_of_another(more: str, field: str | None, tmp_path: Path) -> None:
    for fallback, wrong in (("all", field), ("hers", "receivers[0].fallback")):
        text = f"""
receivers:
  - {{name: his, webhook: {{url: http://his.example}}, fallback: {fallback}}}
  - {{name: hers, webhook: {{url: http://hers.example}}}}
  - {{name: all, webhook: {{url: http://all.example}}}}
tenants:
  - {{name: a, documents: a, receivers: [his]}}
  - {{name: b, documents: b, receivers: [hers]}}
{more}
"""
        (tmp_path / "sloburn.yaml").write_text(text)
        errors = load_config(tmp_path / "sloburn.yaml", environment={}).errors
        assert {error.field for error in errors} == {each for each in (field, wrong) if each is not None}
