"""What one entry of `remote_write:` says, and how far its receiver has got."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from urllib.parse import urlsplit

from app.http.request_options import HttpOptions
from app.metrics.labels import Label

DEFAULT_HISTORY = timedelta(days=30)
# Prometheus shows a sample for five minutes: with a wider step graphs would have gaps.
DEFAULT_STEP = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOptions:
    """How much is sent at once, and how long is waited after a failure."""

    max_samples_per_send: int = 10_000
    min_backoff: timedelta = timedelta(seconds=1)
    max_backoff: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteWriteStatus:
    """How far a receiver has got: *parts_pending* parts of the past of its *slos* are still to be sent."""

    receiver: str
    live_until: datetime | None
    slos: int
    parts_pending: int
    samples_sent: int
    samples_dropped: int
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteWriteOptions:
    """Where figures are sent, and which.

    Attributes:
        url: of the receiver.
        labels: added to each series that has no label of the name.
        live: whether the figures of each evaluation are sent.
        history: how much of the past is sent once; none if it is zero.
        step: how far the samples of the past are apart.
        timeout: of one request.
        queue: how much is sent at once.
        http: how to log in, and which way requests go.
    """

    url: str
    labels: tuple[Label, ...] = ()
    live: bool = True
    history: timedelta = DEFAULT_HISTORY
    step: timedelta = DEFAULT_STEP
    timeout: timedelta = timedelta(seconds=30)
    queue: QueueOptions = field(default_factory=QueueOptions)
    http: HttpOptions = field(default_factory=HttpOptions)

    @property
    def name(self) -> str:
        """The receiver as it is shown: its host, and its port if it is written."""
        return urlsplit(self.url).netloc

    @property
    def key(self) -> str:
        """The identity of the series there: other labels are other series, whose history is not there yet."""
        text = "\n".join((self.url, *(f"{name}={value}" for name, value in sorted(self.labels))))
        return blake2b(text.encode(), digest_size=16).hexdigest()
