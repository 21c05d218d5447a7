"""What the documentation says of receivers is so."""

import re
from pathlib import Path

import pytest

from app.integrations import load_config
from app.integrations.config import model
from app.wording.template_values import NAMES
from app.wording.templates import _FILTERS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "receivers.md").read_text()
# `changes:` of the same file is explained with what it is for.
TEXTS = TEXT + "".join((ROOT / "docs" / page).read_text() for page in ("timeline.md", "sources.md", "tenants.md"))
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
VARIABLES = dict.fromkeys(re.findall(r"(?:_env|env): (\w+)", TEXT), "https://beat.example/x")


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_loads(example: str, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "pagerduty").write_text("0123456789abcdef0123456789abcdef")
    file = tmp_path / "sloburn.yaml"
    file.write_text(example)
    loaded = load_config(file, environment=VARIABLES)
    assert [str(error) for error in loaded.errors] == []
    assert loaded.config.names or loaded.config.remote_write


def test_the_file_that_is_shipped_loads_as_it_is_and_without_its_comment_signs(tmp_path: Path) -> None:
    shipped = ROOT / "config" / "sloburn.yaml"
    assert load_config(shipped, environment={}).errors == ()
    lines = shipped.read_text().splitlines()[3:]
    file = tmp_path / "sloburn.yaml"
    file.write_text("\n".join(line[2:] for line in lines).replace("/run/secrets", str(tmp_path)))
    (tmp_path / "pagerduty").write_text("key")
    loaded = load_config(file, environment={"SLACK_BOT_TOKEN": "x"})
    assert [str(error) for error in loaded.errors] == []
    assert loaded.config.names == ("oncall", "chat", "mail")


def test_every_key_is_documented() -> None:
    models = [value for name, value in vars(model).items() if name.endswith("Model") and not name.startswith("_")]
    keys = {field.alias or name for one in models for name, field in one.model_fields.items()}
    # The two forms of a secret are explained once, and the API of Slack is for tests.
    keys = {key.removesuffix("_env").removesuffix("_file") for key in keys} - {"api"}
    assert sorted(key for key in keys if not re.search(rf"\b{key}", TEXTS)) == []


def test_every_value_and_filter_of_templates_is_documented() -> None:
    filters = {*_FILTERS, "number", "percent"} - {"d"}
    assert sorted(name for name in NAMES | filters if f"`{name}`" not in TEXT) == []


def test_every_test_that_is_named_is_there() -> None:
    table = TEXT.partition("## Faults")[2]
    for cell in re.findall(r"^\| [NS]\d+ \|[^|]*\|([^|]*)\|$", table, re.MULTILINE):
        folder = Path()
        for name in re.findall(r"`([\w/.]+)`", cell):
            path = Path(name) if "/" in name else folder / name
            folder = path.parent
            assert (ROOT / path).is_file(), path
