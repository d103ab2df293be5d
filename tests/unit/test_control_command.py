"""`kill`, `rearm`, `mode` and `limits` over a real bus, to an agent's command handler of its own."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from nats_cluster import BINARY, ENVIRONMENT, HOST, Cluster, password

from cli import control
from cli.main import build_parser
from cli.paths import Layout
from cli.platform import PlatformError
from cli.pulumi import Stack
from hotpath.agent.commands import CommandHandler
from hotpath.agent.control import Control
from hotpath.config import Limits
from hotpath.ipc.segment import remove_segments
from hotpath.process import RoleLog
from wire.client import BusClient, Message
from wire.commands import CommandGate
from wire.messages import encode
from wire.subjects import Subjects

LIMITS = Limits(
    max_order_quantity=100,
    max_notional=10**9,
    max_position=500,
    collar_bps=500,
    max_messages_per_second=50,
    max_open_orders=4,
)


class Agent:
    """The command side of an agent, and a router that follows the control block, without their processes."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.prefix = f"test-control-{uuid.uuid4().hex[:12]}"
        self.epoch: int | None = 7
        self.deaf_router = False
        (folder / "password").write_text(password("operator") + "\n")
        self.control = Control(folder / "control.json", LIMITS, self.prefix)
        gate = CommandGate(host=HOST, environment=ENVIRONMENT)
        self.handler = CommandHandler(gate, self.control, lambda: self.epoch, folder / "KILL", RoleLog("agent"))
        self._web = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._web.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self._stop = threading.Event()
        self._listening = threading.Event()
        self._bus = threading.Thread(target=lambda: asyncio.run(self._serve(cluster)))
        self.target = control.Target(
            environment=ENVIRONMENT,
            host=HOST,
            servers=cluster.urls,
            password_file=folder / "password",
            agent_url=f"http://127.0.0.1:{self._web.server_address[1]}",
            kill_file=folder / "KILL",
        )

    def _handler(agent) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = json.dumps(agent.status()).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def status(self) -> dict[str, Any]:
        state = self.control.state
        killed = state.killed and not self.deaf_router
        gate = {"name": "not_killed", "ok": not killed, "reason": "latched" if killed else ""}
        limits = {name: getattr(state.limits, name) for name in control.LIMIT_OPTIONS}
        router = {"epoch": self.epoch or 6, "alive": self.epoch is not None, "gates": [gate]}
        return {"control": {"limits": limits}, "roles": {"order-router": router}}

    def listen(self) -> None:
        self._bus.start()
        assert self._listening.wait(10)

    async def _serve(self, cluster: Cluster) -> None:
        bus = BusClient(cluster.settings("agent"))

        async def answer(message: Message) -> None:
            await bus.publish(message.reply, encode(self.handler.handle(message.data)))

        bus.start()
        await bus.subscribe(Subjects(ENVIRONMENT).commands_for(HOST), answer)
        await bus.wait_connected(10)
        self._listening.set()
        while not self._stop.is_set():
            await asyncio.sleep(0.02)
        await bus.close()

    def close(self) -> None:
        self._stop.set()
        if self._bus.is_alive():
            self._bus.join()
        self._web.shutdown()
        self._web.server_close()
        self.control.close()
        remove_segments(self.prefix)

    def run(self, *words: str) -> int:
        """As from the command line."""
        args = build_parser().parse_args([*words, "--reason", "a test", "--by", "tester"])
        issue = getattr(control, f"issue_{args.command}")
        return int(issue(self.target, args))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if BINARY is None:
        pytest.skip("nats-server is not installed")
    cluster = Cluster(tmp_path_factory.mktemp("nats"), size=1)
    cluster.start()  # alone it has no quorum for JetStream, which commands do not need
    try:
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def agent(tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    monkeypatch.setattr(control, "EFFECT_S", 0.3)
    agent = Agent(tmp_path, cluster)
    yield agent
    agent.close()


def test_kill_and_rearm(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    agent.listen()
    assert agent.run("kill") == 0
    assert agent.control.state.killed
    assert "accepted by the agent of h1: control version 2, router epoch 7" in capsys.readouterr().out
    agent.target.kill_file.touch()
    with pytest.raises(PlatformError, match=r"refused by the agent of h1: NOT_APPLICABLE: .*KILL exists"):
        agent.run("rearm")
    agent.target.kill_file.unlink()
    assert agent.run("rearm") == 0
    assert not agent.control.state.killed
    assert "re-armed" in capsys.readouterr().out


def test_a_kill_needs_no_router_but_the_rest_does(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    agent.listen()
    agent.epoch = None
    for words in (["rearm"], ["mode", "halted"], ["limits", "--max-position", "1"]):
        with pytest.raises(PlatformError, match="no order router runs"):
            agent.run(*words)
    assert agent.run("kill") == 0
    assert agent.control.state.killed
    assert "the next one starts killed" in capsys.readouterr().out


def test_a_router_that_does_not_follow_is_an_error(agent: Agent) -> None:
    agent.listen()
    agent.deaf_router = True
    with pytest.raises(PlatformError, match=r"does not show the kill .* touch .*KILL"):
        agent.run("kill")


def test_mode_and_limits(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    agent.listen()
    assert agent.run("mode", "reducing") == 0
    assert agent.control.state.mode == 1
    assert agent.run("limits", "--max-position", "0", "--max-notional", "2500.5", "--collar-percent", "1.25") == 0
    limits = agent.control.state.limits
    assert (limits.max_position, limits.max_notional, limits.collar_bps) == (0, 25_005_000, 125)
    assert (limits.max_order_quantity, limits.max_open_orders) == (100, 4)  # not named: as before
    assert "max_position 0 (was 500)" in capsys.readouterr().out
    for words, text in (([], "at least one limit"), (["--max-open-orders", "0"], "max_open_orders")):
        with pytest.raises(PlatformError, match=f"not sent: .*{text}"):
            agent.run("limits", *words)


def test_no_answer_is_an_error_that_names_the_way_out(agent: Agent) -> None:
    with pytest.raises(PlatformError, match=r"no answer, .*nobody answers.*touch .*KILL"):
        agent.run("kill")
    agent.target.password_file.unlink()
    with pytest.raises(PlatformError, match="is the stack up"):
        agent.run("kill")


@pytest.mark.parametrize("command", ["kill", "rearm", "mode", "limits"])
def test_a_reason_is_required(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [command, *(["halted"] if command == "mode" else [])]
    with pytest.raises(SystemExit):
        build_parser().parse_args(words)
    assert "--reason" in capsys.readouterr().err


def test_an_empty_reason_is_refused(agent: Agent) -> None:
    args = build_parser().parse_args(["kill", "--reason", ""])
    with pytest.raises(PlatformError, match=r"not sent: .*reason"):
        control.issue_kill(agent.target, args)


def test_where_commands_go_is_told_by_the_settings_applied_last(tmp_path: Path) -> None:
    settings = "config:\n  ironlane:environment: local\n  ironlane:ports:\n    base: {}\n"
    (tmp_path / "Pulumi.local.yaml").write_text(settings.format(18000))
    stack = Stack("local", tmp_path / "Pulumi.local.yaml", Layout(tmp_path))
    assert control.target_of(stack).agent_url == "http://127.0.0.1:18006"
    stack.run_dir.mkdir(parents=True)
    stack.rendered_file.write_text(settings.format(19000))
    target = control.target_of(stack)
    assert target.servers == tuple(f"nats://127.0.0.1:{port}" for port in (19010, 19011, 19012))
    assert (target.agent_url, target.host) == ("http://127.0.0.1:19006", "local")
    assert target.password_file == stack.run_dir / "secrets" / "nats-operator"
