"""All tables: importing this module makes `metadata` whole."""

from app.store.alerts import alert, transition
from app.store.budgets import budget_record
from app.store.instances import instance
from app.store.ledger import ledger_chunk, ledger_row, ledger_state
from app.store.messages import messages
from app.store.outbox import outbox
from app.store.schema import metadata
from app.store.unanswered import unanswered_messages

__all__ = [
    "alert",
    "budget_record",
    "instance",
    "ledger_chunk",
    "ledger_row",
    "ledger_state",
    "messages",
    "metadata",
    "outbox",
    "transition",
    "unanswered_messages",
]
