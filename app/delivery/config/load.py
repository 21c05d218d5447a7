"""The file to its meaning, with everything that is wrong with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from app.delivery.config.explain import complaints_of
from app.delivery.config.meaning import DeliveryConfig, meaning_of
from app.delivery.config.model import ConfigModel
from app.delivery.config.vault import Complaint, Vault
from app.yamldoc.document import Document
from app.yamldoc.files import read_text
from app.yamldoc.findings import ErrorFinding, Findings, Place
from app.yamldoc.scalars import kind
from app.yamldoc.tree import Position, SyntaxProblemError, Table, read_trees


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """What the file says, usable only where *errors* is empty."""

    config: DeliveryConfig
    errors: tuple[ErrorFinding, ...] = ()


def load_config(
    file: Path | None, *, environment: Mapping[str, str], alertmanager_urls: Sequence[str] = ()
) -> LoadedConfig:
    """Read the file; without one there is nobody but the Alertmanagers of the setting. Never raises for its content."""
    nothing = DeliveryConfig().with_alertmanagers(alertmanager_urls)
    if file is None:
        return LoadedConfig(config=nothing)
    findings = Findings()
    document = _document(file, findings)
    if document is None:
        return LoadedConfig(config=nothing, errors=findings.errors)
    try:
        model = ConfigModel.model_validate(document.root)
    except ValidationError as error:
        _report(complaints_of(error), document, findings)
        return LoadedConfig(config=nothing, errors=findings.errors)
    vault = Vault(environment=environment, folder=file.parent)
    config, complaints = meaning_of(model, vault=vault, alertmanager_urls=alertmanager_urls)
    _report(complaints, document, findings)
    return LoadedConfig(config=config, errors=findings.errors)


def _document(file: Path, findings: Findings) -> Document | None:
    """The one document of the file; None if it is empty or cannot be read."""
    try:
        text = read_text(file, findings)
    except OSError as error:
        findings.error(Place(file=file), f"cannot be read: {error.strerror}", "write the path of a file")
        return None
    if text is None:
        return None

    def report(position: Position, problem: str, remedy: str) -> None:
        line, column = position
        findings.error(Place(file=file, line=line, column=column), problem, remedy)

    found: list[Document] = []
    try:
        for position, root in read_trees(text, report):
            if not isinstance(root, Table):
                report(position, f"the file must be a mapping, not {kind(root)}", "write receivers: and a list")
            elif found:
                report(position, "the file has more than one document", "write one only")
            else:
                found.append(Document(file=file, root=root, at=position))
    except SyntaxProblemError as error:
        report(error.position, error.problem, error.remedy)
    return found[0] if found else None


def _report(complaints: Iterable[Complaint], document: Document, findings: Findings) -> None:
    for complaint in complaints:
        is_key = complaint.problem == "is not known here"
        findings.error(
            document.place(complaint.path, key=is_key), complaint.problem, complaint.remedy, field=complaint.path
        )
