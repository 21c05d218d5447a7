"""What a reload does with files that were written anew on a full disk: they are empty."""

from pathlib import Path

import pytest

from app.documents import load_documents
from app.integrations import DeliveryConfig, load_config
from app.service.emptied_files import emptied_config, emptied_documents

_DOCUMENT = """\
service: shop
slos:
  - {name: NAME, objective: 99.9, window: 30d, sli: {total: a_total, bad: 'a_total{code="500"}'}}
"""
_RECEIVERS = "receivers: [{name: hook, webhook: {url: http://127.0.0.1:9/}}]\n"


@pytest.mark.parametrize(
    ("after", "is_refused"),
    [("", True), ("# commented out\n", True), (_DOCUMENT.replace("NAME", "other"), False), (None, False)],
    ids=["empty", "comments", "another SLO", "removed"],
)
def test_a_file_whose_slos_are_active_is_not_emptied_by_a_reload(
    tmp_path: Path, after: str | None, *, is_refused: bool
) -> None:
    (tmp_path / "always-empty.yaml").touch()
    (tmp_path / "b.yaml").write_text(_DOCUMENT.replace("NAME", "stays"))
    file = tmp_path / "a.yaml"
    file.write_text(_DOCUMENT.replace("NAME", "goes"))
    active = load_documents(tmp_path)
    if after is None:
        file.unlink()
    else:
        file.write_text(after)
    found = load_documents(tmp_path)
    assert not found.errors
    assert [error.file for error in emptied_documents(active, found)] == ([file] if is_refused else [])


@pytest.mark.parametrize(
    ("after", "is_refused"),
    [("", True), ("# receivers:\n", True), ("receivers: []\n", False), (_RECEIVERS, False)],
    ids=["empty", "comments", "no receivers", "receivers"],
)
def test_receivers_are_not_dropped_since_their_file_is_empty(tmp_path: Path, after: str, *, is_refused: bool) -> None:
    file = tmp_path / "sloburn.yaml"
    file.write_text(_RECEIVERS)
    active = load_config(file, environment={}).config
    file.write_text(after)
    found = load_config(file, environment={}, alertmanager_urls=["http://127.0.0.1:9/"])
    assert not found.errors
    assert [error.file for error in emptied_config(active, found, file)] == ([file] if is_refused else [])
    assert emptied_config(DeliveryConfig().with_alertmanagers(["http://127.0.0.1:9/"]), found, file) == []
