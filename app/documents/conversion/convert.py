"""Converts documents, reads the result again, and says what differs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.documents.conversion.comments import Said, Sources
from app.documents.conversion.differences import differences
from app.documents.conversion.parts import SloPart
from app.documents.conversion.quantiles import share_within_threshold
from app.documents.conversion.targets import WRITERS, Entry, Target, TargetWriter
from app.documents.dialect import Defaults, PlacedSlo
from app.documents.load import DocumentSet, read_documents, read_texts
from app.sli import NotExpressibleError
from app.slo import Slo, SloId, format_percent
from app.yamldoc.findings import ErrorFinding, LossFinding, WarningFinding
from app.yamldoc.writing import Written, yaml_text

LEFT_OUT, CHANGED = "left_out", "changed"
"""Codes of an SLO that the target cannot say, and of a part of one that it cannot."""
_UNREADABLE = "is read as another SLO", "write it by hand"
_KEEP = "go on with the original where that matters"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedFile:
    """A file in its new form, with the SLOs that it has."""

    source: Path
    text: str
    slos: tuple[Slo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """The files that have SLOs; *errors* and *warnings* are of what was read.

    *losses* are what the target cannot say: it is in the comments, too. *without_slos* are the other files without
    errors, such as one that has only a catalogue of windows.
    """

    files: tuple[ConvertedFile, ...]
    without_slos: tuple[Path, ...]
    errors: tuple[ErrorFinding, ...]
    warnings: tuple[WarningFinding, ...]
    losses: tuple[LossFinding, ...]


def convert_documents(
    *paths: Path, defaults: Defaults, target: Target = Target.NATIVE, as_written: bool = False
) -> Conversion:
    """The SLOs of all documents at *paths* in another form; never raises for what is in them.

    Unless *as_written*, a quantile that is compared with a threshold becomes the share of requests within it.
    """
    found = read_documents(*paths, defaults=defaults)
    said = Said()
    if not as_written:
        found = replace(found, placed=tuple(_with_share(placed, said) for placed in found.placed))
    job = _Job(found=found, writer=WRITERS[target], said=said)
    job.write()
    known = {placed.place.file for placed in found.placed} | {error.file for error in found.findings.errors}
    return Conversion(
        files=tuple(job.files()),
        without_slos=tuple(file for file in found.files if file not in known),
        errors=found.findings.errors,
        warnings=found.ignored.others(found.findings.warnings),
        losses=tuple(job.losses),
    )


@dataclass(slots=True, kw_only=True)
class _Job:
    found: DocumentSet
    writer: TargetWriter
    said: Said
    losses: list[LossFinding] = field(default_factory=list)
    nodes: dict[SloId, Mapping[str, Written]] = field(default_factory=dict)
    # By SLO without a node: the one in whose node it is.
    hosts: dict[SloId, SloId] = field(default_factory=dict)
    dialects: dict[Path, dict[str, None]] = field(default_factory=dict)

    def write(self) -> None:
        """Write every SLO that can be, and say what cannot."""
        for document, dialect in self.found.documents:
            if dialect is not None:
                self.dialects.setdefault(document.file, {})[dialect.name] = None
                if "policy" in document.root and dialect.name == "native":
                    self.said.files[document.file].append("not converted: policy; copy it, or keep the document")
        for error in self.found.findings.errors:
            self.said.files[error.file].append(f"not converted: {error.text} (line {error.line})")
        slos = {placed.slo.id: placed.slo for placed in self.found.placed}
        self.hosts |= self.writer.hosts(slos)
        for hosted in (False, True):
            # Those that are written within others last, if these cannot be.
            for placed in self.found.placed:
                host = self.hosts.get(placed.slo.id)
                if (host is not None) is hosted and host not in self.nodes:
                    self._write(placed, slos)
        again = self._leave_out_what_is_not_read()
        sources = Sources(self.found)
        sources.add_warnings(self.said, repeated=Sources(again).codes())
        for placed in self._written():
            self._comment(placed, sources)

    def files(self) -> Iterable[ConvertedFile]:
        """The files, in the order in which they were read."""
        for file, placed in self._by_file().items():
            yield ConvertedFile(source=file, text=self._text(file, placed), slos=tuple(one.slo for one in placed))

    def _write(self, placed: PlacedSlo, slos: Mapping[SloId, Slo]) -> None:
        self.hosts.pop(placed.slo.id, None)
        try:
            self.nodes[placed.slo.id] = self.writer.node(placed.slo, slos)
        except NotExpressibleError as error:
            self._leave_out(placed, error.reason, error.remedy)

    def _comment(self, placed: PlacedSlo, sources: Sources) -> None:
        dialect = sources.dialect(placed)
        sources.add_queries(placed, self.nodes[self._host(placed)], self.said)
        if not dialect.has_windows:
            text = f"documents of {dialect.name} have no window: this is SLOBURN_DEFAULT_WINDOW"
            self.said.of_slo(placed.slo.id, SloPart.WINDOW, text)

    def _leave_out_what_is_not_read(self) -> DocumentSet:
        """What is written as it is read, once all of it can be; what is not as it was meant is said."""
        while True:
            again = read_texts({file: self._text(file, placed) for file, placed in self._by_file().items()})
            slos = {placed.slo.id: placed.slo for placed in again.placed}
            missing = [placed for placed in self._written() if placed.slo.id not in slos]
            for placed in missing:
                alone = read_texts({placed.place.file: self._text(placed.place.file, [placed])})
                errors = [(one.problem, one.remedy) for one in (*alone.findings.errors, *again.findings.errors)]
                self._leave_out(placed, *next(iter(errors), _UNREADABLE))
                self.nodes.pop(placed.slo.id, None)
                self.hosts.pop(placed.slo.id, None)
            if not missing:
                break
        for placed in self._written():
            for part, what in differences(placed.slo, slos[placed.slo.id]):
                self._lose(placed, part, f"{what} is not the same: {self.writer.why_lost(what)}")
        return again

    def _host(self, placed: PlacedSlo) -> SloId:
        """The SLO in whose node an SLO is written."""
        return self.hosts.get(placed.slo.id, placed.slo.id)

    def _written(self) -> list[PlacedSlo]:
        return [placed for placed in self.found.placed if self._host(placed) in self.nodes]

    def _by_file(self) -> dict[Path, list[PlacedSlo]]:
        files: dict[Path, list[PlacedSlo]] = {}
        for placed in self._written():
            files.setdefault(placed.place.file, []).append(placed)
        return files

    def _text(self, file: Path, slos: Sequence[PlacedSlo]) -> str:
        entries = [
            Entry(slo=one.slo, node=self.nodes[one.slo.id], comments=self.said.slos.get(one.slo.id, {}))
            for one in slos
            if one.slo.id in self.nodes
        ]
        dialects = ", ".join(self.dialects[file])
        head = [f"Converted by `sloburn convert` from {file} ({dialects}).", *self.said.files.get(file, ())]
        return yaml_text(self.writer.documents(entries, head))

    def _leave_out(self, placed: PlacedSlo, reason: str, remedy: str) -> None:
        self.said.files[placed.place.file].append(f"left out: {placed.slo.id}: {reason}; {remedy}")
        self.losses.append(_loss(placed, f"is left out: {reason}", remedy, LEFT_OUT))

    def _lose(self, placed: PlacedSlo, part: SloPart | None, text: str) -> None:
        self.said.of_slo(placed.slo.id, part, text)
        self.losses.append(_loss(placed, text, _KEEP, CHANGED))


def _with_share(placed: PlacedSlo, said: Said) -> PlacedSlo:
    """The SLO, with a share of requests in the place of a quantile that is compared."""
    changed, slo = share_within_threshold(placed.slo), placed.slo
    if changed is None:
        return placed
    text = (
        f"the quantile that is compared with a threshold is written as the share of requests within it: exact, and "
        f"each request counts once. The threshold must be a bucket of the histogram; `sloburn check --live` lists "
        f"them. As it was written (--as-written): good in {format_percent(slo.objective)} of all evaluations"
    )
    said.of_slo(slo.id, SloPart.SLI, text)
    return replace(placed, slo=changed)


def _loss(placed: PlacedSlo, problem: str, remedy: str, code: str) -> LossFinding:
    place = placed.place
    return LossFinding(
        file=place.file,
        line=place.line,
        column=place.column,
        field="",
        problem=problem,
        remedy=remedy,
        code=code,
        subject=placed.slo.id,
    )
