"""No request of a test ends because the machine is busy."""

import httpx
import httpx2

from testbed.waiting import PATIENCE_S


def test_clients_without_a_timeout_of_their_own_are_patient() -> None:
    patient = dict.fromkeys(("connect", "read", "write", "pool"), PATIENCE_S)
    with httpx.Client() as client, httpx2.Client() as other:
        assert client.timeout.as_dict() == patient
        assert other.timeout.as_dict() == patient
