"""Reads sections of the file: secrets, URLs and `http_config`; errors are added to the findings."""

from dataclasses import dataclass
from pathlib import Path

from app.http.secrets import FixedSecret, Secret
from app.integrations.config.http import HttpReader
from app.integrations.config.secret_loader import SecretLoader
from app.yamldoc.findings import FieldPath


@dataclass(frozen=True, slots=True)
class SectionReader:
    """What the section of each service is read with."""

    loader: SecretLoader
    http: HttpReader

    def url(self, url: str | None, file: Path | None, env: str | None, at: FieldPath) -> Secret | None:
        """The URL in one of its forms; None, and a finding, where it is not."""
        if url is not None and file is None and env is None:
            return FixedSecret(url)
        if url is not None:
            self.loader.add_finding((*at, "url"), "is given twice", "write one of url, url_file and url_env")
            return None
        return self.loader.secret(file, env, at, "url", plain=True)
