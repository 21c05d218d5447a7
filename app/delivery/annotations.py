"""Everything that is said of an alert and may change during its life: our words, those of documents and receivers."""

import math
from collections.abc import Iterator

import structlog

from app.alerting import Notice
from app.delivery.figures import figures
from app.delivery.message import description, summary
from app.delivery.templates import TemplateProblemError, Templates, is_template, render

_log = structlog.get_logger(__name__)
_OURS: Templates = Templates()


def annotations(notice: Notice, templates: Templates = _OURS) -> dict[str, str]:
    """The annotations of an alert.

    A document's annotations replace our words, and a receiver's templates those; nobody replaces the figures. Where a
    template fails the words before it stay, and the annotation `template_error` says so.
    """
    said = {"summary": summary(notice), "description": description(notice)}
    problems: list[str] = []
    own = {
        name: text for name, text in (("summary", templates.summary), ("description", templates.description)) if text
    }
    for name, text in (*notice.annotations, *own.items()):
        if not is_template(text):
            said[name] = text
            continue
        try:
            said[name] = render(text, {**figures(notice), **_words(said)})
        except TemplateProblemError as error:
            problems.append(f"{name}: {error}")
            said.setdefault(name, text)
            _log.warning("a template failed", slo=notice.slo, annotation=name, error=str(error))
    return {**said, **dict(_figures(notice)), **({"template_error": "; ".join(problems)} if problems else {})}


def _words(said: dict[str, str]) -> dict[str, str]:
    return {name: said[name] for name in ("summary", "description")}


def _figures(notice: Notice) -> Iterator[tuple[str, str]]:
    texts = {
        "tier": notice.tier,
        "burn_rate_long": _figure(notice.burn_rate_long),
        "burn_rate_short": _figure(notice.burn_rate_short),
        "budget_remaining": _figure(notice.budget_remaining),
        "culprits": notice.culprits,
        "data": "stale" if notice.stale is not None else "",
    }
    return ((name, text) for name, text in texts.items() if text)


def _figure(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"
