"""Documents in objects of Kubernetes: one that is broken keeps its last good version, and no other waits for it.

Objects of many teams come and go by themselves, other than files of one folder, which are loaded as a whole.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.documents.load import NO_DOCUMENT, LoadResult
from app.yamldoc.findings import ErrorFinding, WarningFinding

DocumentLoader = Callable[[Mapping[Path, str]], LoadResult]
"""Loads all files, and documents of objects by what findings call them."""
Texts = Mapping[str, str]
"""The documents of an object by what findings call them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentObject:
    """An object with documents.

    Attributes:
        name: what people call it; texts are called so, or begin with it and a slash.
        created_at: when it was made: of two that want the same id, the older one has it.
        offered: its documents as they are now; None where the object was deleted.
        active: those that are in use; None where there are none yet.
    """

    name: str
    created_at: datetime
    offered: Texts | None
    active: Texts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledObject:
    """What becomes of an object: the documents that are to be in use, how many SLOs they have, and what is wrong."""

    name: str
    active: Texts | None
    slos: int
    findings: tuple[ErrorFinding, ...] = ()


def settle_objects(objects: Sequence[DocumentObject], load: DocumentLoader) -> Mapping[str, SettledObject]:
    """Which version of each object is used, beside the files that *load* reads, too: the offered one if it is sound.

    A change that makes another object or a file wrong is refused, too, such as an SLO that is removed and that a
    composite of another object counts from.
    """
    return _Settling(objects, load).settle()


def texts_of(objects: Sequence[DocumentObject]) -> Mapping[Path, str]:
    """The documents in use, in the order in which they are loaded."""
    in_use = [one for one in sorted(objects, key=_age) if one.active is not None]
    return {Path(file): text for one in in_use for file, text in (one.active or {}).items()}


def sound_objects(objects: Sequence[DocumentObject], load: DocumentLoader) -> Sequence[SettledObject]:
    """The objects whose documents in use are sound: after an update Sloburn may read documents more strictly."""
    settling = _Settling(objects, load)
    kept = settling.base
    refused: dict[str, tuple[ErrorFinding, ...]] = {}
    while True:
        found = settling.load(kept)
        wrong = {name: errors for name, errors in found.errors.items() if name in kept}
        if not wrong:
            break
        refused |= wrong
        kept = {name: texts for name, texts in kept.items() if name not in wrong}
    return [
        SettledObject(name=name, active=kept.get(name), slos=found.slos.get(name, 0), findings=refused.get(name, ()))
        for name in settling.base
    ]


@dataclass(frozen=True, slots=True)
class _Found:
    """The errors and numbers of SLOs of objects with the files, by object; those of files are under ``""``."""

    errors: Mapping[str, tuple[ErrorFinding, ...]]
    slos: Mapping[str, int]


class _Settling:
    def __init__(self, objects: Sequence[DocumentObject], load: DocumentLoader) -> None:
        self._objects = {one.name: one for one in objects}
        self._owners = {
            file: one.name for one in objects for texts in (one.offered, one.active) for file in texts or ()
        }
        self._load = load
        self._refused: dict[str, tuple[ErrorFinding, ...]] = {}

    @property
    def base(self) -> Mapping[str, Texts]:
        """What is in use."""
        return {name: one.active for name, one in self._objects.items() if one.active is not None}

    def settle(self) -> Mapping[str, SettledObject]:
        changes = [name for name, one in self._objects.items() if one.offered != one.active]
        base = self.base
        found = self.load(base)
        accepted, found = self._accept(base, found, changes, known=found.errors)
        # An object that was sound may be wrong since a file or the version of Sloburn has changed.
        findings = {**found.errors, **self._refused}
        return {
            name: SettledObject(
                name=name,
                active=accepted.get(name),
                slos=found.slos.get(name, 0),
                findings=findings.get(name, ()),
            )
            for name in self._objects
        }

    def load(self, objects: Mapping[str, Texts]) -> _Found:
        """What the files and these versions of objects come to."""
        # Those in use are first: of two SLOs with one id the other is refused.
        order = sorted(
            objects, key=lambda name: (objects[name] != self._objects[name].active, *_age(self._objects[name]))
        )
        texts = {Path(file): text for name in order for file, text in objects[name].items()}
        found = self._load(texts)
        # An empty file is a warning, since somebody may be about to fill it; an object is whole.
        empty = [_as_error(one) for one in found.warnings if one.code == NO_DOCUMENT and one.file in texts]
        errors: dict[str, list[ErrorFinding]] = {}
        for error in (*found.errors, *empty):
            errors.setdefault(self._owner(error.file), []).append(error)
        return _Found(
            errors={name: tuple(some) for name, some in errors.items()},
            slos=Counter(self._owner(place.file) for place in found.places.values()),
        )

    def _owner(self, file: Path) -> str:
        return self._owners.get(str(file), "")

    def _accept(
        self,
        base: Mapping[str, Texts],
        found: _Found,
        changes: Sequence[str],
        *,
        known: Mapping[str, tuple[ErrorFinding, ...]],
    ) -> tuple[Mapping[str, Texts], _Found]:
        """*base* with those of the *changes* that add no error to those *known*, and what that comes to.

        *found* is what *base* comes to: all documents are loaded for that, which takes the longest of all here.
        """
        while changes:
            candidate = self._changed(base, changes)
            tried = self.load(candidate)
            new = {name: errors for name, errors in tried.errors.items() if not set(errors) <= set(known.get(name, ()))}
            if not new:
                return candidate, tried
            blamed = [name for name in changes if name in new]
            if not blamed and len(changes) > 1:
                # Others are wrong because of some of them: half is tried, then the other half with what was accepted.
                half = len(changes) // 2
                base, found = self._accept(base, found, changes[:half], known=known)
                return self._accept(base, found, changes[half:], known=known)
            every = tuple(error for errors in new.values() for error in errors)
            self._refused |= {name: new.get(name, every) for name in blamed or changes}
            changes = [name for name in changes if name not in self._refused]
        return base, found

    def _changed(self, base: Mapping[str, Texts], changes: Sequence[str]) -> Mapping[str, Texts]:
        offered = {name: self._objects[name].offered for name in changes}
        return {name: texts for name, texts in {**base, **offered}.items() if texts is not None}


def _age(one: DocumentObject) -> tuple[datetime, str]:
    return one.created_at, one.name


def _as_error(warning: WarningFinding) -> ErrorFinding:
    return ErrorFinding(
        file=warning.file,
        line=warning.line,
        column=warning.column,
        field=warning.field,
        problem=warning.problem,
        remedy=warning.remedy,
        code=warning.code,
    )
