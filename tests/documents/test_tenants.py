"""Documents of tenants: whatever a folder names is the tenant's, and nothing in it reaches another tenant."""

from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from app.documents import Defaults, LoadResult, keeping_unsound, load_all_documents, load_paths
from app.documents.tenants import TENANT_LIMIT
from app.policy import policy_for_slo
from app.sli import Composite
from app.slo import SourceKind, Tenant

_DEFAULTS = Defaults(sources=dict.fromkeys(("default", "eu", "us"), SourceKind.PROMETHEUS))
_CHECKOUT = """
    service: checkout
    policy: {name: strict}
    slos:
      - {name: availability, objective: 99.9, window: 30d, sli: {total: requests_total, bad: errors_total}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the service, with those of two tenants in it that have the same document."""
    write(tmp_path, "shared.yaml", _CHECKOUT)
    for name in ("acme", "globex"):
        write(tmp_path, f"{name}/checkout.yaml", _CHECKOUT)
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(dedent(text))


def tenants(folder: Path, **given: object) -> list[Tenant]:
    two = [Tenant(name=name, documents=folder / name, sources=("default",)) for name in ("acme", "globex")]
    return [replace(two[0], **given), two[1]]  # type: ignore[arg-type]


def loaded(folder: Path, **given: object) -> LoadResult:
    return load_all_documents(folder, tenants(folder, **given), defaults=_DEFAULTS)


def test_equal_names_in_two_tenants_and_in_the_service_are_three_slos(folder: Path) -> None:
    found = loaded(folder)
    assert not found.errors
    assert {slo.id: (slo.service, slo.tenant, dict(slo.labels).get("tenant")) for slo in found.slos} == {
        "checkout-availability": ("checkout", "", None),
        "acme/checkout-availability": ("acme/checkout", "acme", "acme"),
        "globex/checkout-availability": ("globex/checkout", "globex", "globex"),
    }
    # The same SLI of the same source is counted once.
    assert len({slo.sli.key for slo in found.slos}) == 1
    assert len(found.files) == 3


def test_the_service_needs_no_documents_of_its_own_where_tenants_have_some(folder: Path) -> None:
    found = load_all_documents(folder / "missing", tenants(folder), defaults=_DEFAULTS)
    assert not found.errors
    assert {slo.tenant for slo in found.slos} == {"acme", "globex"}


def test_a_path_is_read_as_one_of_the_tenant_whose_folder_it_is_in(folder: Path) -> None:
    for path in (folder / "acme", folder / "acme" / "checkout.yaml"):
        (slo,) = load_paths([path], tenants(folder), defaults=_DEFAULTS).slos
        assert slo.id == "acme/checkout-availability"
    (slo,) = load_paths([folder / "shared.yaml"], tenants(folder), defaults=_DEFAULTS).slos
    assert slo.id == "checkout-availability"


def test_a_link_to_the_documents_of_another_tenant_is_refused(folder: Path) -> None:
    (folder / "acme" / "theirs.yaml").symlink_to(folder / "globex" / "checkout.yaml")
    found = loaded(folder)
    assert [error.file for error in found.errors] == [folder / "acme" / "theirs.yaml"]
    assert [slo.tenant for slo in found.slos] == ["", "acme", "globex"]


def test_a_composite_is_made_of_slos_of_its_tenant_only(folder: Path) -> None:
    composite = """
        service: shop
        slos:
          - {name: all, objective: 99, window: 30d, sli: {worst_of: [checkout-availability]}}
    """
    write(folder, "acme/shop.yaml", composite)
    (slo,) = (one for one in loaded(folder).slos if one.name == "all")
    assert isinstance(slo.sli, Composite)
    assert [part.slo for part in slo.sli.parts] == ["acme/checkout-availability"]

    write(folder, "acme/shop.yaml", composite.replace("[checkout-a", "[globex/checkout-a"))
    assert [error.code for error in loaded(folder).errors] == ["component"]


def test_a_policy_is_for_slos_of_its_tenant_only(folder: Path) -> None:
    write(folder, "acme/policies.yaml", "policies: [{name: everything}, {name: pay, match: {service: 'pay*'}}]")
    found = loaded(folder)
    for service, name in (
        ("acme/checkout", "acme/strict"),
        ("acme/other", "acme/everything"),
        ("globex/other", "default"),
        ("other", "default"),
        ("checkout", "strict"),
    ):
        policy = policy_for_slo(found.policies, slo=f"{service}-x", service=service, labels=())
        assert policy.name == name


@pytest.mark.parametrize(
    "spoofed",
    ["labels: {tenant: globex}", "by: [tenant]", "alerting: {labels: {tenant: globex}}"],
)
@pytest.mark.parametrize("file", ["acme/pay.yaml", "pay.yaml"])
def test_the_label_of_tenants_cannot_be_set_by_a_document(folder: Path, spoofed: str, file: str) -> None:
    text = f"""
        service: pay
        slos:
          - name: availability
            objective: 99
            window: 30d
            sli: {{total: requests_total, bad: errors_total}}
            {spoofed}
    """
    write(folder, file, text)
    (error,) = loaded(folder).errors
    assert error.file == folder / file
    # Without tenants the label is theirs.
    assert not load_all_documents(folder / file, (), defaults=_DEFAULTS).errors


def test_a_document_outside_of_all_tenants_cannot_take_the_name_of_one(folder: Path) -> None:
    write(
        folder,
        "nobl9.yaml",
        """
        apiVersion: sloth.slok.dev/v1
        kind: PrometheusServiceLevel
        metadata: {name: x}
        spec:
          service: acme/checkout
          slos:
            - name: availability
              objective: 99
              sli: {events: {errorQuery: 'sum(rate(e[{{.window}}]))', totalQuery: 'sum(rate(t[{{.window}}]))'}}
              alerting: {name: A, pageAlert: {disable: true}, ticketAlert: {disable: true}}
        """,
    )
    assert any(error.file == folder / "nobl9.yaml" for error in loaded(folder).errors)


def test_a_tenant_is_counted_from_its_own_sources_only(folder: Path) -> None:
    found = {slo.tenant: slo.sli.source for slo in loaded(folder, sources=("eu",)).slos}
    assert found == {"": "default", "acme": "eu", "globex": "default"}
    # Of two it has to choose, and of those of others it cannot.
    assert [error.code for error in loaded(folder, sources=("eu", "us")).errors] == ["source"]
    write(folder, "acme/checkout.yaml", "source: us\n" + dedent(_CHECKOUT).lstrip())
    (error,) = loaded(folder, sources=("eu",)).errors
    assert "us" in error.problem
    assert "globex" not in error.printed


def test_too_many_slos_of_a_tenant_are_refused_with_folder_and_limit(folder: Path) -> None:
    second = dedent(_CHECKOUT).replace("service: checkout", "service: pay").replace("strict", "other")
    write(folder, "acme/pay.yaml", second)
    assert not loaded(folder, most_slos=2).errors
    (error,) = loaded(folder, most_slos=1).errors
    assert (error.code, error.file) == (TENANT_LIMIT, folder / "acme")
    assert "2 SLOs" in error.problem
    assert "may have 1" in error.problem


def test_objects_of_a_namespace_are_of_its_tenant(folder: Path) -> None:
    text = dedent(_CHECKOUT).replace("service: checkout", "service: pay").replace("strict", "other")
    objects = {Path(f"SloDocument {place}"): text for place in ("acme-shop/pay", "other/pay")}
    objects[Path("ConfigMap acme-shop/slos/search.yaml")] = text.replace("pay", "search").replace("other", "more")
    given = tenants(folder, namespaces=("acme-shop",), documents=None)
    found = load_all_documents(folder / "globex", given, defaults=_DEFAULTS, objects=objects)
    assert not found.errors
    assert {slo.id: slo.tenant for slo in found.slos} == {
        "pay-availability": "",
        "acme/pay-availability": "acme",
        "acme/search-availability": "acme",
        "globex/checkout-availability": "globex",
    }
    # Those that are broken keep no other from changing, as files do.
    broken = {
        file: text.replace("availability", "up").replace("99.9", "120" if "acme" in str(file) else "99")
        for file, text in objects.items()
    }
    after = load_all_documents(folder / "globex", given, defaults=_DEFAULTS, objects=broken)
    kept, unsound = keeping_unsound(after, found, given)
    assert not kept.errors
    assert {str(error.file) for error in unsound} == {str(file) for file in objects if "acme" in str(file)}
    assert {slo.id for slo in kept.slos if slo.tenant == "acme"} == {
        slo.id for slo in found.slos if slo.tenant == "acme"
    }
    assert "pay-up" in {slo.id for slo in kept.slos}


def test_a_folder_with_errors_stays_as_it_was_and_keeps_no_other_from_changing(folder: Path) -> None:
    active = loaded(folder)
    write(folder, "acme/checkout.yaml", "service: checkout\nslos: [{name: broken}]")
    write(folder, "globex/checkout.yaml", _CHECKOUT.replace("availability", "errors").replace("strict", "other"))
    write(folder, "shared.yaml", _CHECKOUT.replace("availability", "errors"))

    found, unsound = keeping_unsound(loaded(folder), active, tenants(folder))
    assert {slo.id for slo in found.slos} == {
        "acme/checkout-availability",
        "globex/checkout-errors",
        "checkout-errors",
    }
    assert {policy.name for policy in found.policies} == {"acme/strict", "globex/other", "strict"}
    assert {error.file for error in unsound} == {folder / "acme" / "checkout.yaml"}
    assert not found.errors
    # What cannot be counted any more cannot stay.
    moved = tenants(folder, sources=("eu",))
    found, unsound = keeping_unsound(load_all_documents(folder, moved, defaults=_DEFAULTS), active, moved)
    assert found.errors
    assert not unsound
