"""The first format with revisions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
# The oldest code that works on these tables.
works_with = "0001"


def upgrade() -> None:
    """Make all tables."""
    _make_replicas()
    _make_ledger()
    _make_days()
    _make_remote_write()
    _make_alerts()
    _make_outbox()
    _make_incidents()
    _make_notes()
    _make_changes()
    _make_adjustments()
    _make_policies()
    _make_gate()
    _make_access()
    _make_kubernetes()
    op.create_table(
        "messages",
        sa.Column("receiver", sa.String, nullable=False),
        sa.Column("alert_key", sa.String, nullable=False),
        sa.Column("incident", sa.String, nullable=False),
        sa.Column("handle", sa.String, nullable=False),
        sa.Column("sent_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("receiver", "alert_key", name="pk_messages"),
    )
    op.create_index("messages_by_handle", "messages", ["receiver", "handle"])
    op.create_table(
        "unanswered_messages",
        sa.Column("receiver", sa.String, nullable=False),
        sa.Column("handle", sa.String, nullable=False),
        sa.Column("alert", sa.String, nullable=False),
        sa.Column("incident", sa.String, nullable=False),
        sa.Column("sent_at", sa.Float(53), nullable=False),
        sa.Column("resolved", sa.JSON),
        sa.PrimaryKeyConstraint("receiver", "handle", "alert", "incident", name="pk_unanswered_messages"),
    )
    op.create_table(
        "budget_record",
        sa.Column("slo", sa.String, nullable=False),
        sa.Column("at_s", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("remaining", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("slo", "at_s", name="pk_budget_record"),
    )
    op.create_index("budget_record_by_time", "budget_record", ["at_s"])


def _make_kubernetes() -> None:
    op.create_table(
        "kubernetes_object",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("active", sa.String),
        sa.Column("findings", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_kubernetes_object"),
    )
    op.create_table(
        "kubernetes_watch",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("problems", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_kubernetes_watch"),
    )


def _make_replicas() -> None:
    op.create_table(
        "schema_support",
        sa.Column("revision", sa.String, nullable=False),
        sa.Column("works_with", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("revision", name="pk_schema_support"),
    )
    op.create_table(
        "instance",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("expires_at_s", sa.Float(53)),
        sa.Column("revision", sa.String),
        sa.Column("evaluates_until_s", sa.Float(53)),
        sa.Column("yields_until_s", sa.Float(53)),
        sa.PrimaryKeyConstraint("id", name="pk_instance"),
    )
    op.create_table(
        "shard",
        sa.Column("shard", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("owner", sa.String),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("expires_at_s", sa.Float(53), nullable=False),
        sa.Column("stepped_at", sa.Float(53)),
        sa.PrimaryKeyConstraint("shard", name="pk_shard"),
    )
    op.create_table(
        "shown_shard",
        sa.Column("shard", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("shard", name="pk_shown_shard"),
    )


def _make_ledger() -> None:
    op.create_table(
        "ledger_row",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("sli", sa.String, nullable=False),
        # PostgreSQL cannot compare values of the type json, as the unique constraint does.
        sa.Column("group", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_row"),
        sa.UniqueConstraint("sli", "group", name="uq_ledger_row_sli_group"),
    )
    op.create_table(
        "ledger_chunk",
        sa.Column("row_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("width_s", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("chunk", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("cells", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("row_id", "width_s", "chunk", name="pk_ledger_chunk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sli_state",
        sa.Column("sli", sa.String, nullable=False),
        sa.Column("format", sa.Integer, nullable=False),
        sa.Column("interval_s", sa.Integer, nullable=False),
        sa.Column("settled_s", sa.Float(53), nullable=False),
        sa.Column("complete_from_s", sa.Float(53), nullable=False),
        sa.Column("wanted_from_s", sa.Float(53), nullable=False),
        sa.Column("members", sa.LargeBinary, nullable=False),
        sa.Column("counters", sa.LargeBinary, nullable=False),
        sa.Column("dips", sa.LargeBinary, nullable=False),
        sa.Column("first_sightings", sa.LargeBinary, nullable=False),
        sa.Column("first_values", sa.LargeBinary, nullable=False),
        sa.Column("new_series", sa.LargeBinary, nullable=False),
        sa.Column("history_cells", sa.LargeBinary, nullable=False),
        sa.Column("checksum", sa.BigInteger, nullable=False),
        sa.Column("used_at_s", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("sli", name="pk_sli_state"),
    )
    op.create_table(
        "sli_provisional",
        sa.Column("sli", sa.String, nullable=False),
        sa.Column("counted_s", sa.Float(53), nullable=False),
        sa.Column("members", sa.LargeBinary, nullable=False),
        sa.Column("counters", sa.LargeBinary, nullable=False),
        sa.Column("cells", sa.LargeBinary, nullable=False),
        sa.Column("settled_cells", sa.LargeBinary, nullable=False),
        sa.Column("checksum", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sli", name="pk_sli_provisional"),
    )
    op.create_table(
        "evaluation",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("stepped_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_evaluation"),
    )


def _make_days() -> None:
    op.create_table(
        "daily_total",
        sa.Column("row_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("start_s", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("length_s", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("total", sa.Float, nullable=False),
        sa.Column("bad", sa.Float, nullable=False),
        sa.Column("measured_s", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("row_id", "start_s", "length_s", name="pk_daily_total"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "adjusted_share",
        sa.Column("row_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("start_s", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("end_s", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("overlay", sa.BigInteger, nullable=False, autoincrement=False),
        *(sa.Column(name, sa.Float(53), nullable=False) for name in ("total", "bad", "total_share", "bad_share")),
        sa.PrimaryKeyConstraint("row_id", "start_s", "end_s", "overlay", name="pk_adjusted_share"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "slo_definition",
        sa.Column("slo", sa.String, nullable=False),
        sa.Column("since_s", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("until_s", sa.Integer),
        sa.Column("sli", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("objective", sa.Float(53), nullable=False),
        sa.Column("contract", sa.Float(53)),
        sa.Column("penalty_free", sa.Float(53)),
        sa.Column("timezone", sa.String, nullable=False),
        sa.Column("labels", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("slo", "since_s", name="pk_slo_definition"),
    )


def _make_remote_write() -> None:
    op.create_table(
        "remote_write_part",
        sa.Column("receiver", sa.String, nullable=False),
        sa.Column("slo", sa.String, nullable=False),
        sa.Column("until_s", sa.Float(53), nullable=False),
        sa.Column("sli", sa.String, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("sent_s", sa.Float(53), nullable=False),
        sa.Column("is_gap", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("receiver", "slo", "until_s", name="pk_remote_write_part"),
    )
    op.create_table(
        "remote_write_receiver",
        sa.Column("receiver", sa.String, nullable=False),
        sa.Column("live_s", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("receiver", name="pk_remote_write_receiver"),
    )


def _make_alerts() -> None:
    op.create_table(
        "alert",
        sa.Column("slo", sa.String, nullable=False),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("cause", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("since", sa.Float(53)),
        sa.Column("tier", sa.String),
        sa.Column("incident", sa.String),
        sa.Column("quiet_since", sa.Float(53)),
        sa.Column("frozen", sa.String),
        sa.Column("frozen_cause", sa.String),
        sa.Column("muted", sa.Boolean, nullable=False),
        sa.Column("announced", sa.Boolean, nullable=False),
        sa.Column("resolved_at", sa.Float(53)),
        sa.Column("silent_since", sa.Float(53)),
        sa.Column("fired_by", sa.JSON),
        sa.Column("end_code", sa.String),
        sa.Column("end_reason", sa.String),
        sa.Column("waiting", sa.JSON),
        sa.Column("notification", sa.JSON),
        sa.PrimaryKeyConstraint("slo", "severity", "cause", name="pk_alert"),
    )
    op.create_table(
        "transition",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("slo", sa.String, nullable=False),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("cause", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("incident", sa.String),
        sa.Column("tier", sa.String),
        sa.Column("reason", sa.String),
        sa.Column("end_code", sa.String),
        sa.Column("notify", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_transition"),
    )
    op.create_index("transition_by_slo", "transition", ["slo", "at"])
    op.create_index("transition_by_time", "transition", ["at"])
    op.create_index("transition_by_incident", "transition", ["incident"])


def _make_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("receiver", sa.String, nullable=False),
        sa.Column("alert_key", sa.String, nullable=False),
        sa.Column("idempotency_key", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("instance", sa.String, nullable=False),
        sa.Column("incident", sa.String, nullable=False),
        sa.Column("starts_at", sa.Float(53), nullable=False),
        sa.Column("notification", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Float(53), nullable=False),
        sa.Column("leased_until", sa.Float(53)),
        sa.Column("leased_by", sa.String),
        sa.Column("ended_at", sa.Float(53)),
        sa.Column("last_error", sa.String),
        sa.Column("failing_since", sa.Float(53)),
        sa.Column("fallback_notified_at", sa.Float(53)),
        sa.Column("traceparent", sa.String),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("receiver", "idempotency_key", name="uq_outbox_receiver_idempotency_key"),
    )
    op.create_index("outbox_by_receiver", "outbox", ["receiver", "state", "alert_key", "id"])
    op.create_index("outbox_by_incident", "outbox", ["incident", "instance"])
    op.create_index("outbox_by_state", "outbox", ["state", "created_at"])
    op.create_index("outbox_by_time", "outbox", ["receiver", "created_at"])
    op.create_index("outbox_by_end", "outbox", ["receiver", "state", "ended_at"])


def _make_incidents() -> None:
    op.create_table(
        "incident",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("slo", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("started_at", sa.Float(53), nullable=False),
        sa.Column("ended_at", sa.Float(53)),
        sa.Column("bad_events", sa.Float),
        sa.Column("spent", sa.Float),
        sa.Column("first_bad_at", sa.Float(53)),
        sa.Column("last_bad_at", sa.Float(53)),
        sa.Column("notification", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incident"),
    )
    op.create_index("incident_by_time", "incident", ["started_at", "id"])
    op.create_index("incident_by_slo", "incident", ["slo", "started_at"])
    op.create_index("incident_by_end", "incident", ["ended_at"])
    op.create_table(
        "incident_label",
        sa.Column("incident", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("value", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("incident", "name", name="pk_incident_label"),
    )
    op.create_index("incident_label_by_value", "incident_label", ["name", "value"])


def _make_notes() -> None:
    op.create_table(
        "incident_mark",
        sa.Column("incident", sa.String, nullable=False),
        sa.Column("mark", sa.String, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("incident", name="pk_incident_mark"),
    )
    op.create_table(
        "incident_note",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("incident", sa.String, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("author", sa.String),
        sa.Column("text", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incident_note"),
    )
    op.create_index("incident_note_by_incident", "incident_note", ["incident", "id"])
    op.create_table(
        "report_delivery",
        sa.Column("report", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("receiver", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("due_at", sa.Float(53), nullable=False),
        sa.Column("ended_at", sa.Float(53)),
        sa.Column("last_error", sa.String),
        sa.PrimaryKeyConstraint("report", "period", "receiver", name="pk_report_delivery"),
    )
    op.create_index("report_delivery_by_state", "report_delivery", ["state", "due_at"])
    op.create_table(
        "postmortem",
        sa.Column("incident", sa.String, nullable=False),
        sa.Column("written_at", sa.Float(53), nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("url", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("incident", name="pk_postmortem"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("incident", sa.String, nullable=False),
        sa.Column("receiver", sa.String, nullable=False),
        sa.Column("alert_key", sa.String, nullable=False),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("due_at", sa.Float(53), nullable=False),
        sa.Column("failing_since", sa.Float(53)),
        sa.Column("fallback_notified_at", sa.Float(53)),
        sa.Column("ended_at", sa.Float(53)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_error", sa.String),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
    )
    op.create_index("delivery_by_incident", "delivery", ["incident"])
    op.create_index("delivery_by_end", "delivery", ["receiver", "state", "ended_at"])


def _make_changes() -> None:
    op.create_table(
        "change",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("started_at", sa.Float(53), nullable=False),
        sa.Column("finished_at", sa.Float(53)),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("previous_version", sa.String, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("url", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("labels", sa.String, nullable=False),
        sa.Column("noted_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_change"),
    )
    op.create_index("change_by_noting", "change", ["noted_at"])
    op.create_index("change_by_start", "change", ["started_at", "id"])
    op.create_index("change_by_service", "change", ["service", "started_at"])


def _make_adjustments() -> None:
    op.create_table(
        "adjustment",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("effect", sa.String, nullable=False),
        sa.Column("category", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("start", sa.String, nullable=False),
        sa.Column("duration_s", sa.Float(53), nullable=False),
        sa.Column("timezone", sa.String, nullable=False),
        sa.Column("rrule", sa.String, nullable=False),
        sa.Column("exdates", sa.String, nullable=False),
        sa.Column("selector", sa.String, nullable=False),
        sa.Column("mute_alerts", sa.Integer, nullable=False),
        sa.Column("uid", sa.String, nullable=False),
        sa.Column("events", sa.String, nullable=False),
        sa.Column("shares", sa.String, nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("updated_at", sa.Float(53), nullable=False),
        sa.Column("withdrawn_at", sa.Float(53)),
        sa.PrimaryKeyConstraint("id", name="pk_adjustment"),
    )
    op.create_table(
        "adjustment_audit",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("adjustment", sa.String, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("document", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_adjustment_audit"),
    )
    op.create_index("adjustment_audit_by_adjustment", "adjustment_audit", ["adjustment", "id"])


def _make_policies() -> None:
    op.create_table(
        "policy_state",
        sa.Column("slo", sa.String, nullable=False),
        sa.Column("policy", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("since", sa.Float(53), nullable=False),
        sa.Column("remaining", sa.Float(53), nullable=False),
        sa.Column("ticket", sa.JSON),
        sa.Column("page", sa.JSON),
        sa.PrimaryKeyConstraint("slo", name="pk_policy_state"),
    )
    op.create_table(
        "policy_change",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("slo", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("policy", sa.String, nullable=False),
        sa.Column("before", sa.String),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("remaining", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_policy_change"),
    )
    op.create_index("policy_change_by_slo", "policy_change", ["slo", "id"])
    op.create_index("policy_change_by_time", "policy_change", ["at"])


def _make_gate() -> None:
    op.create_table(
        "gate_exception",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("starts_at", sa.Float(53), nullable=False),
        sa.Column("ends_at", sa.Float(53), nullable=False),
        sa.Column("scope", sa.JSON, nullable=False),
        sa.Column("break_glass", sa.Boolean, nullable=False),
        sa.Column("ended_at", sa.Float(53)),
        sa.Column("ended_by", sa.String),
        sa.Column("notification", sa.JSON),
        sa.PrimaryKeyConstraint("id", name="pk_gate_exception"),
    )
    op.create_index("gate_exception_by_end", "gate_exception", ["ends_at"])
    op.create_table(
        "gate_decision",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("caller", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("change", sa.String, nullable=False),
        sa.Column("decision", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("policy", sa.String),
        sa.Column("exception", sa.String),
        sa.Column("figures", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_gate_decision"),
        sa.UniqueConstraint("id", name="uq_gate_decision_id"),
    )
    op.create_index("gate_decision_by_time", "gate_decision", ["at"])
    op.create_index("gate_decision_by_service", "gate_decision", ["service", "number"])


def _make_access() -> None:
    op.create_table(
        "api_token",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("hint", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("services", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("expires_at", sa.Float(53)),
        sa.Column("last_used_at", sa.Float(53)),
        sa.Column("revoked_at", sa.Float(53)),
        sa.Column("tenant", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_api_token"),
        sa.UniqueConstraint("digest", name="uq_api_token_digest"),
    )
    op.create_table(
        "web_session",
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("token_digest", sa.String, nullable=False),
        sa.Column("proof", sa.String, nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("expires_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_web_session"),
    )
    op.create_index("web_session_by_creation", "web_session", ["created_at"])
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("actor_kind", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("target", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sa.Column("before", sa.JSON),
        sa.Column("after", sa.JSON),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )
    op.create_index("audit_by_outcome", "audit", ["outcome", "number"])
