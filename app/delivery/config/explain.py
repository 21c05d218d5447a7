"""Pydantic's errors in the words of people who write the file."""

import difflib
from collections.abc import Iterator

from pydantic import BaseModel, ValidationError

from app.delivery.config import model as config
from app.delivery.config.vault import Complaint
from app.yamldoc.findings import FieldPath
from app.yamldoc.scalars import REFUSED

_KEY = "[key]"
_MODELS: dict[tuple[str, ...], type[BaseModel]] = {
    (): config.ConfigModel,
    ("receivers",): config.ReceiverModel,
    ("receivers", "pagerduty"): config.PagerDutyModel,
    ("receivers", "slack"): config.SlackModel,
    ("receivers", "webhook"): config.WebhookModel,
    ("receivers", "email"): config.EmailModel,
    ("receivers", "alertmanager"): config.AlertmanagerModel,
    ("receivers", "templates"): config.TemplatesModel,
    ("routes",): config.RouteModel,
    ("routes", "match"): config.MatchModel,
    ("outgoing",): config.OutgoingModel,
    ("heartbeat",): config.HeartbeatModel,
    ("watchdog",): config.WatchdogModel,
}
for _service in ("pagerduty", "slack", "webhook", "alertmanager"):
    _MODELS |= {
        ("receivers", _service, "http_config"): config.HttpModel,
        ("receivers", _service, "http_config", "basic_auth"): config.BasicAuthModel,
        ("receivers", _service, "http_config", "authorization"): config.AuthorizationModel,
        ("receivers", _service, "http_config", "tls_config"): config.TlsModel,
    }
_MODELS[("heartbeat", "http_config")] = config.HttpModel
_SECRETS = frozenset({"routing_key", "webhook_url", "bot_token", "secret", "password", "credentials"})


def complaints_of(error: ValidationError) -> Iterator[Complaint]:
    """Every part of the error."""
    for detail in error.errors(include_url=False, include_input=False):
        path = tuple(step for step in detail["loc"] if step != _KEY)
        match detail["type"]:
            case kind if kind == REFUSED:
                yield Complaint(path, str(detail["ctx"]["problem"]), str(detail["ctx"]["remedy"]))
            case "missing":
                yield Complaint(path, "is missing", f"write {path[-1]}: and a value")
            case "extra_forbidden":
                yield _unknown_key(path)
            case "too_short":
                yield Complaint(path, "is empty", "write at least one item")
            case "tuple_type":
                yield Complaint(path, "must be a list", "write [one, two], or one item a line after `- `")
            case "model_type" | "model_attributes_type" | "dict_type":
                yield Complaint(path, "must be a mapping", "write key: value below it")
            case _:
                yield Complaint(path, detail["msg"], "see docs/receivers.md")


def _unknown_key(path: FieldPath) -> Complaint:
    name = str(path[-1])
    if name in _SECRETS:
        remedy = f"write {name}_file with the path of a file that holds it, or {name}_env with the name of a variable"
        return Complaint(path, "is a secret, which does not belong into this file", remedy)
    around = tuple(step for step in path[:-1] if isinstance(step, str))
    model = _MODELS.get(around)
    known = [field.alias or key for key, field in model.model_fields.items()] if model is not None else []
    close = difflib.get_close_matches(name.lower(), known, n=1)
    remedy = f"did you mean `{close[0]}`?" if close else f"write one of {', '.join(known)}, or remove it"
    return Complaint(path, "is not known here", remedy)
