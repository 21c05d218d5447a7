"""Names of events that stay when their sentences change: what queries over logs and alerts on them go by.

The sentence of an event is written where it happens; a test compares. An event whose sentence is made of values gives
its name itself, as `event_name`.
"""

from collections.abc import Mapping, MutableMapping
from typing import Any, Final

_BY_AREA: Final[Mapping[str, Mapping[str, str]]] = {
    "delivery": {
        "notified": "notified",
        "given_up": "notification given up",
        "failed": "notification failed",
        "held": "notification held",
        "task_crashed": "delivery task crashed; restarting",
        "fallback_notified": "page not accepted; its fallback is notified",
        "template_failed": "template failed; default text is used",
        "heartbeat_failed": "the heartbeat failed",
        "resolved_at_former_receiver": "alerts resolved at a receiver that is no longer notified of them",
        "receiver_unknown": "a notification waited for a receiver that is no longer configured",
        "open_at_unknown_receivers": "alerts stay open at receivers that are no longer configured",
        "unresolved_at_unknown_receiver": (
            "a receiver that is no longer configured was not notified that its alerts are resolved"
        ),
        "unknown_receivers_postponed": "what waits for receivers that are gone is seen to at the next start",
        "no_receivers": "no Alertmanager and no receiver is set: alerts are shown, and no notification is sent",
        "reports_wait": "reports wait for the database",
        "yielded": "no receiver can be reached from here; another replica delivers",
    },
    "evaluation": {
        "selector_matches_nothing": "a selector matches nothing",
        "bad_never_matched": "no series has matched bad so far: normal for a service without errors",
        "forecast_failed": "an SLO cannot be forecast",
        "not_judged": "an SLO cannot be judged; its alerts stay as they are",
        "resumed_after_pause": (
            "nothing was evaluated for a while; receivers are notified once fresh data confirms the alerts"
        ),
        "fenced": "nothing of this evaluation is kept",
        "cut_short": "an evaluation was cut short; its events are counted after the next start",
        "slots_missed": "slots without an evaluation of their own; later ones count their events",
    },
    "clock": {
        "was_ahead": "the clock was ahead, and slots of the future were evaluated; going on",
        "leapt_ahead": "the clock has leapt ahead of Prometheus's; no slot is evaluated until they agree",
        "set_back": "the clock was set back; waiting until it has caught up",
        "skewed": "clock skew with Prometheus exceeds 30 s",
    },
    "store": {
        "recovered": "what was kept in memory is written; the database is sound",
        "write_failed": "cannot write; results are kept in memory until it works again",
        "gate_write_failed": "policy states and gate decisions cannot be written; they are written later",
        "ledger_unreadable": "the ledger cannot be read again",
        "adjusted_days_not_kept": "what adjustments take from days could not be kept",
        "lease_not_deleted": "the row of this process was not deleted",
        "lease_not_renewed": "the row of this process was not renewed",
    },
    "gate": {
        "break_glass": "break-glass exception added",
        "policy_state_began": "error budget policy states began",
        "policy_state_changed": "error budget policy state changed",
    },
    "files": {
        "secret_readable": "secret file can be read again",
        "secret_unreadable": "secret file cannot be read; the last value is used",
        "secret_blocks": "secret file blocks; it is read again for every message",
        "tls_reloaded": "TLS files were read again",
        "tls_unreadable": "TLS files cannot be read; those read before are used",
    },
    "query": {
        "start_times_unknown": "start times are not known; counters are judged by their samples",
        "metric_type_refused": "an SLI is refused: its metric is of another type",
        "metric_type_accepted": "an SLI is not refused any more",
        "partial": "data is missing from answers; alerts may fire and do not resolve",
        "whole_again": "answers are whole again; what was counted from partial data is counted again",
        "some_failing": "some queries are failing",
        "recovered": "query recovered",
        "group_too_large": "a group has more members than are evaluated; the others are refused",
        "group_fits": "no member of a group is refused any more",
        "rejected": "a query is rejected",
        "samples_invalid": "samples are negative, infinite or beyond 64 bits and are not counted",
        "source_crashed": "a source cannot be asked",
    },
    "history": {
        "unreadable": "history cannot be read now",
        "left_out": "older time cannot be read and is left out for now",
        "left_out_counted": "what could not be read is counted now",
        "left_out_for_good": "what could not be read for hours stays a hole",
        "complete": "history is complete",
        "whole_again": "history is whole again and is counted again",
        "copies_counted_again": "copies of series are counted again as one",
        "reading": "reading history",
        "retention_short": (
            "Prometheus keeps less than the windows of some SLOs; their first budgets cover what it has, "
            "later ones the whole window"
        ),
    },
    "remote_write": {
        "recovered": "remote write works again",
        "failed": "remote write fails and is tried again",
        "samples_dropped": "remote write: samples are refused and dropped",
        "old_samples_refused": "remote write: old samples are refused",
        "waits_for_store": "remote write waits for the database",
        "progress_not_written": "the progress of remote write is written later",
    },
    "documents": {
        "not_reloaded": "documents and receivers were not reloaded; the old ones stay active",
        "tenant_not_reloaded": "documents of a tenant were not reloaded; its old ones stay active",
        "error": "error in documents or receivers",
        "reloaded": "documents and receivers reloaded",
    },
    "kubernetes": {
        "object_unreadable": "an object of Kubernetes cannot be read",
        "object_refused": "an object of Kubernetes is refused",
        "object_not_used": "an object of Kubernetes is not used",
        "namespaces_unwatched": "namespaces of tenants are not watched: see SLOBURN_KUBERNETES_KINDS",
        "objects_changed": "objects of Kubernetes have changed",
        "watched_again": "objects of Kubernetes are watched again",
        "not_watched": "objects of Kubernetes are not watched; what was read stays active",
        "waits_for_store": "objects of Kubernetes wait for the database",
        "not_read_again": "objects of Kubernetes are those that were read last",
    },
    "changes": {
        "too_many_versions": "so many versions are new at once that none is taken for a deploy",
        "deploy_found": "deploy found",
        "not_looked_for": "changes cannot be looked for",
    },
    "replica": {
        "leases_run_out": "the shards are free for other replicas only once their leases end",
        "shards_given_back": "shards given back",
        "shards_lost": "other replicas have taken shards of this one",
        "shards_taken": "shards taken",
        "shards_not_loaded": "shards cannot be loaded, and no replica evaluates them",
        "leases_unreachable": "the leases of the replicas cannot be read or written",
        "leases_reachable": "the leases of the replicas can be read and written again",
        "left_unknown": "what other replicas have left to this one is not known",
        "board_unreadable": "what another replica shows cannot be read",
    },
    "access": {
        "identity_header_ignored": "a header of who asks is ignored: its sender is not in a network of the proxy",
        "reload_not_audited": "a reload is not in the audit",
        "audit_overrun": "refused requests came faster than the audit is written; it lacks some",
        "audit_waits": "the audit waits for the database",
        "audit_not_written": "refused requests are not in the audit yet: the database cannot be written",
        "session_not_read": "a session was not read; it is accepted if it was known before",
        "session_not_written": "a session was not written; it lasts as long as the database is away",
        "token_use_not_noted": "the use of a token was not noted",
        "jwt_keys_unreadable": "keys of the identity provider cannot be read",
        "tokens_unreadable": "API tokens cannot be read; those known before are accepted",
    },
    "service": {
        "engine_stopped": "the engine has stopped",
        "connections_closed": "connections closed: their clients send or read too slowly, or there were too many",
        "traces_off": "traces are not exported",
        "stopped": "stopped",
        "serving": "serving",
        "stopped_during_start": "stopped during the start",
        "stopped_unfinished": "stopped; work that was under way is done after the next start",
        "assets_missing": "the libraries of the pages are missing: run scripts/assets; charts and live updates are off",
    },
}
EVENT_NAMES: Final[Mapping[str, str]] = {
    sentence: f"{area}.{name}" for area, names in _BY_AREA.items() for name, sentence in names.items()
}
"""The name of each event by its sentence."""


def add_event_name(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the name of an event that has one; lines of libraries have the name of their logger instead."""
    if "event_name" not in event:
        name = EVENT_NAMES.get(str(event.get("event")))
        if name is not None:
            event["event_name"] = name
    return event


def leave_out_event_name(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """People read the sentence."""
    event.pop("event_name", None)
    return event
