"""Documents of every tool as native ones: the same SLOs, and what was changed said on the line that it concerns."""

from pathlib import Path

import pytest

from app.documents import Defaults, load_documents
from app.documents.conversion import convert_documents

_DOCUMENTS = Path(__file__).parents[1]
_SETS = {
    **{f"native {file.stem}": [file] for file in sorted((_DOCUMENTS / "fixtures").glob("*-good.*"))},
    **{
        # Together: objects refer to others in other files.
        tool: sorted(file for file in (_DOCUMENTS / tool / "fixtures").glob("*.yaml") if "bad" not in file.stem)
        for tool in ("sloth", "pyrra", "openslo", "nobl9")
    },
    "kinds": [Path(__file__).parent / "fixtures" / "kinds.yaml"],
    "config": [Path("config/slos")],
}


@pytest.mark.parametrize("paths", _SETS.values(), ids=_SETS)
def test_the_native_form_is_the_same_slos(paths: list[Path], tmp_path: Path) -> None:
    """With their ids, labels and alerts, so that routes go on working; and SLIs, so that history is kept."""
    before = load_documents(*paths)
    converted = convert_documents(*paths, defaults=Defaults())
    for i, file in enumerate(converted.files):
        (tmp_path / f"{i}.yaml").write_text(file.text)
    after = load_documents(tmp_path)
    assert after.errors == ()
    assert {slo.id: slo for slo in after.slos} == {slo.id: slo for slo in before.slos}
    assert converted.losses == ()
