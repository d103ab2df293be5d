"""`hotpath run agent`: the hot path's voice and ear, on housekeeping cores, never on the order path."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hotpath import config
from hotpath.agent.commands import ROLE, CommandHandler
from hotpath.agent.control import Control, ControlError
from hotpath.agent.journal_publisher import JournalPublisher
from hotpath.agent.observer import Observer
from hotpath.agent.telemetry import Telemetry
from hotpath.agent.view import AgentView
from hotpath.ipc.status import RoleState, StatusWriter
from hotpath.process import RoleLog, StopSignal
from hotpath.service_manager import LoopReport, ServiceManager
from wire.client import BusClient, BusError, BusSettings, Message
from wire.commands import CommandGate
from wire.messages import encode
from wire.publisher import StreamPublisher
from wire.streams import ORDER_EVENTS
from wire.subjects import Subjects

if TYPE_CHECKING:
    import uvicorn

BEAT_S = 0.2
MAX_BACKLOG = 100_000  # events not yet in the stream: more means that the record is falling behind
GATES = ("bus", "journal", "control", "instrument")
COUNTERS = (
    "events_read", "events_acknowledged", "publish_rewinds", "publish_timeouts",
    "bus_connects", "bus_disconnects", "commands_accepted", "commands_refused", "telemetry_published",
)  # fmt: skip


def _password(nats: config.Nats) -> str:
    try:
        return Path(nats.password_file).read_text("ascii").strip()
    except OSError as error:
        raise config.ConfigError(f"nats.password_file: {nats.password_file}: {error.strerror}") from error


class Agent:
    """Wires the parts together and keeps the status block."""

    def __init__(self, settings: config.AgentConfig, log: RoleLog) -> None:
        runtime = settings.runtime
        data = Path(runtime.data_dir)
        data.mkdir(parents=True, exist_ok=True)
        self._settings = settings
        self._log = log
        self._observer = Observer(runtime.shm_prefix, settings.roles, settings.instrument.symbol)
        self._control = Control(data / "control.json", settings.limits, runtime.shm_prefix)
        self._bus = BusClient(
            BusSettings(
                servers=tuple(settings.nats.servers), user=settings.nats.user, password=_password(settings.nats),
                name=f"agent-{runtime.host}",
            )
        )  # fmt: skip
        publisher = StreamPublisher(self._bus, stream=ORDER_EVENTS, window=settings.publish_window)
        self._publisher_state = publisher.state
        self._journal = JournalPublisher(
            Path(settings.journal_dir), data / "published", publisher, runtime.host, runtime.environment
        )
        gate = CommandGate(host=runtime.host, environment=runtime.environment)
        self._commands = CommandHandler(gate, self._control, self._observer.router_epoch, runtime.kill_file, log)
        self._telemetry = Telemetry(
            self._observer, self._bus, runtime.host, runtime.environment, settings.instrument.symbol
        )
        self._http: uvicorn.Server | None = None
        self._status = StatusWriter(runtime.shm_prefix, ROLE, gates=GATES, counters=COUNTERS)
        self._status.enter(RoleState.STARTING)

    def gates(self) -> list[dict[str, Any]]:
        """The agent's own conditions."""
        backlog = self._journal.written() - self._journal.acknowledged
        stranger = self._observer.instrument_problem()
        behind = f"{backlog} events are not in the stream yet" if backlog > MAX_BACKLOG else ""
        return [
            {
                "name": "bus",
                "ok": self._bus.connected,
                "reason": "" if self._bus.connected else self._bus.state.last_error,
            },
            {"name": "journal", "ok": not (self._journal.problem or behind), "reason": self._journal.problem or behind},
            {"name": "control", "ok": True, "reason": ""},
            {"name": "instrument", "ok": not stranger, "reason": stranger},
        ]

    def figures(self) -> dict[str, int]:
        """Counters for the status block."""
        return {
            "events_read": self._journal.read,
            "events_acknowledged": self._journal.acknowledged,
            "publish_rewinds": self._publisher_state.rewinds,
            "publish_timeouts": self._publisher_state.timeouts,
            "bus_connects": self._bus.state.counters.connects,
            "bus_disconnects": self._bus.state.counters.disconnects,
            "commands_accepted": self._commands.gate.accepted,
            "commands_refused": sum(self._commands.gate.refused.values()),
            "telemetry_published": self._telemetry.published,
        }

    def view(self) -> AgentView:
        """The agent's part of /metrics."""
        figures = self.figures()
        journal = {"read": figures.pop("events_read"), "acknowledged": figures.pop("events_acknowledged")}
        return AgentView(
            gates=self.gates(),
            events=figures,
            journal={"written": self._journal.written(), **journal},
            control=self._control.state,
        )

    def about(self) -> dict[str, Any]:
        """The agent's part of /status."""
        state = self._control.state
        return {
            "host": self._settings.runtime.host,
            "environment": self._settings.runtime.environment,
            "symbol": self._settings.instrument.symbol,
            "control": msgspec.to_builtins(state),
            "journal": {"written": self._journal.written(), "acknowledged": self._journal.acknowledged},
            "publisher": {"rewinds": self._publisher_state.rewinds, "last_error": self._publisher_state.last_error},
        }

    async def _on_command(self, message: Message) -> None:
        reply = self._commands.handle(message.data)
        if message.reply:
            await self._bus.publish(message.reply, encode(reply))

    async def run(self, stop: StopSignal) -> None:
        """Until the stop signal."""
        runtime = self._settings.runtime
        self._bus.start()
        await self._bus.subscribe(Subjects(runtime.environment).commands_for(runtime.host), self._on_command)
        pages = asyncio.create_task(self._serve_http(), name="http")
        tasks = [
            asyncio.create_task(self._journal.run(), name="journal"),
            asyncio.create_task(self._telemetry.run(), name="telemetry"),
            pages,
        ]
        self._status.enter(RoleState.ACTIVE)
        # its own event loop is the loop to watch: a callback that blocks it stops the beats
        report = LoopReport(ServiceManager.from_environment(os.environ), [self._status])
        try:
            while not stop:
                self._keep_status()
                report.tick(started=self._http is not None and self._http.started)
                await asyncio.sleep(BEAT_S)
                for task in tasks:
                    if task.done():
                        raise RuntimeError(f"{task.get_name()} ended: {task.exception() or 'without a reason'}")
        finally:
            self._status.enter(RoleState.DRAINING)
            report.stopping()
            for task in tasks:
                if task is pages and self._http is not None:
                    self._http.should_exit = True  # it ends by itself, with its connections
                else:
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._bus.close()
            self._control.close()
            self._status.close()

    async def _serve_http(self) -> None:
        # a third of the agent's start is the import of these libraries: orders and commands do not wait for them
        self._http = await asyncio.to_thread(self._http_server)
        await self._http.serve()

    def _http_server(self) -> uvicorn.Server:
        from hotpath.agent import http, metrics

        exposition = metrics.exposition(self._observer, self.view)
        app = http.build(self._observer, self.gates, self.about, exposition)
        return http.server(app, self._settings.http.host, self._settings.http.port)

    def _keep_status(self) -> None:
        for gate in self.gates():
            self._status.gate(gate["name"], gate["ok"], gate["reason"][:95])
        for name, value in self.figures().items():
            self._status.count(name, value)
        self._status.beat()
        self._control.beat()


def run(config_path: str) -> int:
    """Run until SIGTERM. Raises ConfigError; 0 after a clean stop, 1 when a part of it failed."""
    settings = config.load(config_path, config.AgentConfig)
    log = RoleLog(ROLE)
    stop = StopSignal()
    began = time.monotonic()
    try:
        asyncio.run(Agent(settings, log).run(stop))
    except ControlError as error:
        raise config.ConfigError(str(error)) from error
    except (RuntimeError, OSError, BusError) as error:
        log.error("stopped", reason=error)
        return 1
    except SystemExit as error:  # uvicorn's way of saying that the port is taken
        log.error("stopped", reason=f"port {settings.http.port} cannot be bound", code=error.code)
        return 1
    log.info("stopped", signal=stop.name, uptime_s=round(time.monotonic() - began))
    return 0
