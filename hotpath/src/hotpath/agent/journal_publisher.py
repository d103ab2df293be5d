"""From the router's journal into the ORDER_EVENTS stream: every event, in order, however long anything was down."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from hotpath.ipc.journal import JournalError, JournalReader
from hotpath.ipc.layouts import ORDER_EVENT_SIZE
from wire.messages import encode
from wire.publisher import StreamPublisher
from wire.records import order_event_from_record
from wire.subjects import ORDER_ROUTER, Subjects

BATCH = 256
IDLE_S = 0.005
ABSENT_S = 0.5


class JournalPublisher:
    """Tails the journal and remembers on disk how far the stream has acknowledged."""

    def __init__(self, journal: Path, mark: Path, publisher: StreamPublisher, host: str, environment: str) -> None:
        self._journal = journal
        self._mark = mark
        self._publisher = publisher
        self._host = host
        self._subjects = Subjects(environment)
        self._reader: JournalReader | None = None
        self._stored = self._read_mark()
        self.problem = "not started"

    @property
    def acknowledged(self) -> int:
        """Journal sequence up to which the stream has every event."""
        return self._publisher.state.acked_token

    @property
    def read(self) -> int:
        """Journal sequence up to which events were handed to the publisher."""
        return self._reader.next_sequence - 1 if self._reader is not None else self._stored

    def written(self) -> int:
        """Last sequence in the journal, as far as it can be read."""
        try:
            return self._reader.last_sequence() if self._reader is not None else self._stored
        except JournalError:
            return self._stored

    def _read_mark(self) -> int:
        try:
            return int(self._mark.read_text())
        except (FileNotFoundError, ValueError):  # a power failure can leave it empty: publishing again does no harm
            return 0

    def _store_mark(self) -> None:
        # a mark that is too old only means publishing again what the stream then drops as duplicates
        if self.acknowledged == self._stored:
            return
        temporary = self._mark.with_suffix(".tmp")
        temporary.write_text(str(self.acknowledged))
        os.replace(temporary, self._mark)
        self._stored = self.acknowledged

    async def run(self) -> None:
        """Until cancelled."""
        await self._publisher.start(self._stored)
        marks = asyncio.create_task(self._keep_mark())
        try:
            while True:
                try:
                    await self._tail()
                except JournalError as error:
                    self.problem = str(error)
                    self._reader = None
                    await asyncio.sleep(ABSENT_S)
        finally:
            marks.cancel()
            self._store_mark()

    async def _tail(self) -> None:
        if self._reader is None:
            self._reader = JournalReader(str(self._journal), ORDER_EVENT_SIZE, self._publisher.last_token + 1)
        self.problem = ""
        subject = self._subjects.order_event(self._host)
        while True:
            records = self._reader.read(BATCH)
            for sequence, record in records:
                event = order_event_from_record(
                    record, host=self._host, role=ORDER_ROUTER, environment=self._subjects.environment
                )
                await self._publisher.put(sequence, subject, encode(event), event.message_id)
            if self._reader.failure:
                raise JournalError(self._reader.failure)
            if not records:
                await asyncio.sleep(IDLE_S)

    async def _keep_mark(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            self._store_mark()
