"""What the models of all kinds of SLIs in a native document share."""

from abc import abstractmethod
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

from app.slo import Sli
from app.yamldoc.findings import FieldFinding


class DocumentPart(BaseModel):
    """A mapping in a document; unknown keys are errors, and docstrings are what editors show."""

    # Validators are built when a document is read: most commands read few of all models, and it takes 0.3 s.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, use_attribute_docstrings=True)


class SliModel(DocumentPart):
    """One kind of SLI."""

    @abstractmethod
    def sli(self, by: tuple[str, ...]) -> Sli:
        """What is counted."""

    @abstractmethod
    def findings(self, by: tuple[str, ...]) -> Iterator[FieldFinding]:
        """What makes it unusable by itself, or in the groups of these labels."""

    def warnings(self) -> Iterator[FieldFinding]:
        """What loads, and is probably not meant: nothing."""
        yield from ()
