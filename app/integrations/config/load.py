"""The file to its meaning, with everything that is wrong with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from app.integrations.config.model import FileModel
from app.integrations.config.resolve import DeliveryConfig, resolve_config
from app.integrations.config.secret_loader import SecretLoader
from app.integrations.config.structure import CONFIG
from app.yamldoc.document import Document
from app.yamldoc.explain import explain
from app.yamldoc.findings import ErrorFinding, Findings
from app.yamldoc.read import add_errors, read_file


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """The content of the file, usable only where *errors* is empty; *empty* if there is none in the file."""

    config: DeliveryConfig
    errors: tuple[ErrorFinding, ...] = ()
    empty: bool = False


def load_config(
    file: Path | None,
    *,
    environment: Mapping[str, str],
    alertmanager_urls: Sequence[str] = (),
    starting: bool = False,
) -> LoadedConfig:
    """Read the file; without one there are only the Alertmanagers of the setting. Never raises for its content.

    A service that is *starting* does so although a file with a secret blocks.
    """
    nothing = DeliveryConfig().with_alertmanagers(alertmanager_urls)
    if file is None:
        return LoadedConfig(config=nothing)
    findings = Findings()
    document = _document(file, findings)
    if document is None:
        return LoadedConfig(config=nothing, errors=findings.errors, empty=not findings.errors)
    try:
        model = FileModel.model_validate(document.root)
    except ValidationError as error:
        add_errors(explain(error, CONFIG, document), document, findings)
        return LoadedConfig(config=nothing, errors=findings.errors)
    loader = SecretLoader(environment=environment, folder=file.parent, starting=starting)
    config, found = resolve_config(model, loader=loader, alertmanager_urls=alertmanager_urls)
    add_errors(found, document, findings)
    return LoadedConfig(config=config, errors=findings.errors)


def _document(file: Path, findings: Findings) -> Document | None:
    """The one document of the file; None if it is empty or cannot be read."""
    found = read_file(file, findings, keys="receivers: and a list").documents
    if len(found) > 1:
        findings.error(found[1].place(()), "the file has more than one document", "write one only")
    return found[0] if found else None
