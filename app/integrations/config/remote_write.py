"""The section `remote_write`: receivers of figures, as in Prometheus's configuration."""

from collections import Counter
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from app.integrations.config.fields import Duration, HttpModel, LabelName, Model, Text, Url, Whole, YesOrNo
from app.integrations.config.http import HttpReader
from app.integrations.config.secret_loader import SecretLoader
from app.remote_write import DEFAULT_HISTORY, DEFAULT_STEP, QueueOptions, RemoteWriteOptions
from app.yamldoc import scalars
from app.yamldoc.findings import FieldPath

# A year and a leap day: as far back as objectives are reported for.
_LONGEST_HISTORY = timedelta(days=366)
# Of one request; Prometheus sends 2,000 by default. More is a body of megabytes, made and compressed in memory.
_MOST_SAMPLES = 100_000


def _history(value: Any) -> timedelta:
    text = str(value)
    return timedelta(0) if text in {"0", "0s", "off"} else scalars.read_duration(value)


class QueueModel(Model):
    """How much is sent at once, and how long is waited after a failure."""

    max_samples_per_send: Whole = QueueOptions().max_samples_per_send
    min_backoff: Duration = QueueOptions().min_backoff
    max_backoff: Duration = QueueOptions().max_backoff


class RemoteWriteReceiverModel(Model):
    """One receiver."""

    url: Url
    labels: dict[LabelName, Text] = Field(default_factory=dict)
    live: YesOrNo = True
    history: Annotated[timedelta, PlainValidator(_history)] = DEFAULT_HISTORY
    step: Duration = DEFAULT_STEP
    remote_timeout: Duration = timedelta(seconds=30)
    queue_config: QueueModel = Field(default_factory=QueueModel)
    http_config: HttpModel | None = None


def resolve_remote_write(
    models: tuple[RemoteWriteReceiverModel, ...], *, http: HttpReader, loader: SecretLoader
) -> tuple[RemoteWriteOptions, ...]:
    """What the section says; what is wrong with it is noted in the *loader*."""
    found = []
    for number, model in enumerate(models):
        at: FieldPath = ("remote_write", number)
        _check(model, at, loader)
        found.append(
            RemoteWriteOptions(
                url=model.url,
                labels=tuple(sorted(model.labels.items())),
                live=model.live,
                history=model.history,
                step=model.step,
                timeout=model.remote_timeout,
                queue=QueueOptions(
                    max_samples_per_send=model.queue_config.max_samples_per_send,
                    min_backoff=model.queue_config.min_backoff,
                    max_backoff=model.queue_config.max_backoff,
                ),
                http=http.options(model.http_config, (*at, "http_config")),
            )
        )
    keys = Counter(options.key for options in found)
    for number, options in enumerate(found):
        if keys[options.key] > 1:
            problem = "another receiver has the same URL and labels"
            loader.add_finding(("remote_write", number, "labels"), problem, "write labels that tell their series apart")
    return tuple(found)


def _check(model: RemoteWriteReceiverModel, at: FieldPath, loader: SecretLoader) -> None:
    loader.check_durations({"step": (model.step, "1s", "1h"), "remote_timeout": (model.remote_timeout, "1s", "5m")}, at)
    if model.history > _LONGEST_HISTORY:
        loader.add_finding((*at, "history"), "is out of range", "write a duration up to 366d, or 0s for none")
    if not model.live and not model.history:
        loader.add_finding((*at, "live"), "leaves nothing to send", "write live: true, or a history")
    queue = model.queue_config
    if queue.max_samples_per_send > _MOST_SAMPLES:
        remedy = f"write a number up to {_MOST_SAMPLES}"
        loader.add_finding((*at, "queue_config", "max_samples_per_send"), "is out of range", remedy)
    if not timedelta(0) < queue.min_backoff <= queue.max_backoff <= timedelta(hours=1):
        remedy = "write min_backoff and a max_backoff from there to 1h"
        loader.add_finding((*at, "queue_config", "max_backoff"), "is out of range", remedy)
