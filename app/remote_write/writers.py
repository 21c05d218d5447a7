"""The writers of all receivers, from their start until others replace them or the service stops."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from app.clock import Clock
from app.delivery.restarting import restarting
from app.http.addresses import AddressPolicy
from app.http.client import CheckedClient
from app.http.client_options import ClientOptions
from app.remote_write.client import WriteClient
from app.remote_write.options import RemoteWriteOptions, RemoteWriteStatus
from app.remote_write.writer import EvaluatedSlot, RemoteWriteInstruments, RemoteWriter
from app.store import Database

# After an error in the writer itself, which is a bug: at once it would fail again, and fill the log.
_PAUSE = timedelta(seconds=10)


class RemoteWriters:
    """One writer for each receiver; all methods belong into one event loop."""

    def __init__(
        self,
        receivers: Sequence[RemoteWriteOptions],
        *,
        policy: AddressPolicy,
        ca_file: Path | None,
        database: Database,
        clock: Clock,
        instruments: RemoteWriteInstruments,
    ) -> None:
        self.receivers = tuple(receivers)
        self._writers = [
            RemoteWriter(
                options,
                WriteClient(
                    options.url,
                    CheckedClient(
                        ClientOptions(policy=policy, deadline=options.timeout, ca_file=ca_file, http=options.http)
                    ),
                ),
                database=database,
                clock=clock,
                instruments=instruments,
            )
            for options in self.receivers
        ]
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._stopping = asyncio.Event()

    @property
    def older(self) -> timedelta:
        """How much more history than windows need is to be kept, for the budgets of the past."""
        return max((options.history for options in self.receivers), default=timedelta(0))

    @property
    def statuses(self) -> Sequence[RemoteWriteStatus]:
        """How far each receiver has got."""
        return [writer.status for writer in self._writers]

    def start(self) -> None:
        """Begin to send."""
        self._tasks = tuple(
            asyncio.create_task(restarting("remote write", writer.run, stopping=self._stopping, pause=_PAUSE))
            for writer in self._writers
        )

    def evaluation_ended(self, slot: EvaluatedSlot) -> None:
        """Leave a note of the newest evaluation."""
        for writer in self._writers:
            writer.evaluation_ended(slot)

    async def stop(self) -> None:
        """Stop sending; what is under way is sent again after the next start."""
        self._stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            await writer.aclose()
