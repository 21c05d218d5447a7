"""Rows of the ledger by the member that they are of."""

from app.store import Database
from app.store.ledger import add_rows, find_row_id


def test_a_row_is_found_by_its_sli_and_group(database: Database) -> None:
    wanted = [("a", ()), ("a", (("region", "eü"),)), ("a", (("region", "us"), ("zone", "1"))), ("b", ())]
    with database.begin() as transaction:
        ids = add_rows(transaction, wanted)
        assert [find_row_id(transaction, *one) for one in wanted] == ids
        assert find_row_id(transaction, "b", (("region", "eü"),)) is None
