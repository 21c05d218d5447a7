"""Documents in objects of Kubernetes: a broken one keeps its last good version, and holds up no other."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.documents import (
    DocumentLoader,
    DocumentObject,
    LoadResult,
    SettledObject,
    load_documents,
    settle_objects,
    sound_objects,
)

_AT = datetime(2026, 5, 4, tzinfo=UTC)
_SLO = "  - {{name: {name}, objective: {objective}, window: 30d, sli: {{total: a_total, bad: b_total}}}}\n"
_COMPOSITE = """\
service: all
slos:
  - name: both
    objective: 99
    window: 30d
    sli: {weighted: [{slo: shop-up, weight: 1}, {slo: shop-fast, weight: 1}]}
"""


def document(*names: str, service: str = "shop", objective: str = "99.9") -> str:
    return f"service: {service}\nslos:\n" + "".join(_SLO.format(name=name, objective=objective) for name in names)


def one(name: str, text: str | None, *, active: str | None = None, age: int = 0) -> DocumentObject:
    full = f"SloDocument shop/{name}"
    return DocumentObject(
        name=full,
        created_at=_AT - timedelta(hours=age),
        offered=None if text is None else {full: text},
        active=None if active is None else {full: active},
    )


def settled(*objects: DocumentObject, files: Path | None = None) -> Mapping[str, SettledObject]:
    found = settle_objects(objects, loading(*([] if files is None else [files])))
    return {name.removeprefix("SloDocument shop/"): became for name, became in found.items()}


def loading(*files: Path) -> DocumentLoader:
    return lambda objects: load_documents(*files, objects=objects)


def text_in_use(became: SettledObject) -> str | None:
    return None if became.active is None else "".join(became.active.values())


def test_a_broken_object_keeps_its_last_good_version_and_others_go_on() -> None:
    good, other, broken = document("up"), document("up", service="search"), document("up", objective="120")
    found = settled(one("a", broken, active=good), one("b", other))
    assert (text_in_use(found["a"]), text_in_use(found["b"])) == (good, other)
    (finding,) = found["a"].findings
    assert (str(finding.file), finding.line, finding.field) == ("SloDocument shop/a", 3, "slos[0].objective")
    assert (found["a"].slos, found["b"].slos, found["b"].findings) == (1, 1, ())


@pytest.mark.parametrize(("text", "loads"), [(document("up"), 1), (document("up", "fast"), 2), ("service: [", 2)])
def test_no_version_is_loaded_twice(text: str, loads: int) -> None:
    """Loading all documents of a large cluster takes seconds."""
    loaded: list[Mapping[Path, str]] = []

    def load(objects: Mapping[Path, str]) -> LoadResult:
        loaded.append(objects)
        return load_documents(objects=objects)

    settle_objects([one("a", text, active=document("up"))], load)
    assert len(loaded) == loads


@pytest.mark.parametrize("text", ["", "service: [", "kind: ConfigMap", "{{ template }}", "a\n" * 10])
def test_a_broken_object_that_was_never_good_is_refused_alone(text: str) -> None:
    found = settled(one("a", text), one("b", document("up")))
    assert found["a"].active is None
    assert found["a"].findings
    assert (found["b"].slos, found["b"].findings) == (1, ())


def test_of_two_objects_with_one_id_the_older_has_it_and_one_in_use_keeps_it() -> None:
    text = document("up")
    found = settled(one("a", text, age=1), one("b", text, age=2))
    assert (found["a"].slos, found["b"].slos) == (0, 1)
    assert "SloDocument shop/b:3" in found["a"].findings[0].problem
    # The older one is new here: what is in use is not evicted by it.
    found = settled(one("a", text, active=text, age=1), one("b", text, age=2))
    assert (found["a"].slos, found["b"].slos) == (1, 0)


def test_an_slo_that_moves_from_one_object_to_another_is_in_use_all_the_time() -> None:
    found = settled(
        one("a", document("fast"), active=document("up", "fast")), one("b", document("up"), active=None, age=5)
    )
    assert (found["a"].slos, found["b"].slos) == (1, 1)


@pytest.mark.parametrize("now", [None, document("fast")], ids=["deleted", "changed"])
def test_what_another_object_counts_from_is_not_removed(now: str | None) -> None:
    """The page of the composite goes on; the change is made once the composite no longer needs the SLO."""
    before, composite = document("up", "fast"), one("all", _COMPOSITE, active=_COMPOSITE)
    others = [one(f"o{i}", document("up", service=f"s{i}")) for i in range(5)]
    found = settled(one("a", now, active=before), composite, *others)
    assert (text_in_use(found["a"]), found["all"].slos, found["all"].findings) == (before, 1, ())
    assert "shop-up" in found["a"].findings[0].text
    assert all(found[f"o{i}"].slos == 1 for i in range(5))
    found = settled(one("a", now, active=before), replace(composite, offered=None))
    assert (text_in_use(found["a"]), text_in_use(found["all"])) == (now, None)


def test_files_come_first_and_their_errors_are_nobody_elses(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(document("up") + "nonsense: 1\n")
    found = settled(one("a", document("up")), one("b", document("up", service="b")), files=tmp_path)
    assert (found["a"].slos, found["b"].slos) == (1, 1)
    (tmp_path / "a.yaml").write_text(document("up"))
    found = settled(one("a", document("up")), one("b", document("up", service="b")), files=tmp_path)
    assert (found["a"].slos, found["b"].slos) == (0, 1)
    assert "a.yaml:3" in found["a"].findings[0].problem


def test_what_a_new_version_no_longer_takes_keeps_it_from_nothing() -> None:
    objects = [one("a", None, active=document("up", objective="120")), one("b", None, active=document("up"))]
    by_name = {found.name: found for found in sound_objects(objects, loading())}
    assert by_name["SloDocument shop/a"].active is None
    assert by_name["SloDocument shop/a"].findings
    assert by_name["SloDocument shop/b"].slos == 1


def test_the_native_document_of_an_object_is_read_at_its_lines(tmp_path: Path) -> None:
    """`sloburn check` reads the objects of a repository, too."""
    file = tmp_path / "slo.yaml"
    head = "apiVersion: sloburn.dev/v1alpha1\nkind: SloDocument\nmetadata: {name: checkout, namespace: shop}\nspec:\n"
    body = "".join(f"  {line}\n" for line in document("up").splitlines())
    file.write_text(head + body)
    loaded = load_documents(tmp_path)
    assert ([slo.id for slo in loaded.slos], loaded.errors) == (["shop-up"], ())
    assert loaded.places[loaded.slos[0].id].line == 7
    file.write_text(head + body.replace("99.9", "120"))
    (error,) = load_documents(tmp_path).errors
    assert (error.line, error.field) == (7, "slos[0].objective")
    for wrong in (head, head.replace("v1alpha1", "v9") + body, head.replace("SloDocument", "Slo") + body):
        file.write_text(wrong)
        assert len(load_documents(tmp_path).errors) == 1
