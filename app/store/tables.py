"""All tables: importing this module makes `metadata` whole."""

from app.store.adjusted_shares import adjusted_share
from app.store.adjustments import adjustment, adjustment_audit
from app.store.alerts import alert, transition
from app.store.api_tokens import api_token
from app.store.audit import audit
from app.store.budgets import budget_record
from app.store.changes import change
from app.store.definitions import slo_definition
from app.store.deliveries import delivery
from app.store.gate import gate_decision, gate_exception
from app.store.incident_notes import incident_mark, incident_note, postmortem
from app.store.incidents import incident, incident_label
from app.store.instances import instance
from app.store.kubernetes import kubernetes_object, kubernetes_watch
from app.store.ledger import daily_total, evaluation, ledger_chunk, ledger_row
from app.store.messages import messages
from app.store.migrate import schema_support
from app.store.outbox import outbox
from app.store.policies import policy_change, policy_state
from app.store.remote_write import remote_write_part, remote_write_receiver
from app.store.report_deliveries import report_delivery
from app.store.schema import metadata
from app.store.shards import shard
from app.store.shown import shown_shard
from app.store.sli_states import sli_provisional, sli_state
from app.store.unanswered import unanswered_messages
from app.store.web_sessions import web_session

__all__ = [
    "adjusted_share",
    "adjustment",
    "adjustment_audit",
    "alert",
    "api_token",
    "audit",
    "budget_record",
    "change",
    "daily_total",
    "delivery",
    "evaluation",
    "gate_decision",
    "gate_exception",
    "incident",
    "incident_label",
    "incident_mark",
    "incident_note",
    "instance",
    "kubernetes_object",
    "kubernetes_watch",
    "ledger_chunk",
    "ledger_row",
    "messages",
    "metadata",
    "outbox",
    "policy_change",
    "policy_state",
    "postmortem",
    "remote_write_part",
    "remote_write_receiver",
    "report_delivery",
    "schema_support",
    "shard",
    "shown_shard",
    "sli_provisional",
    "sli_state",
    "slo_definition",
    "transition",
    "unanswered_messages",
    "web_session",
]
