"""The cloud's bus for real: three servers with TLS from the very documents of the stack, a leaf node, real clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from components.bus import permissions, server_config, stream_classes
from components.bus.change_program import ChangeError
from components.bus.nats_config import Limits
from tests.support.bus_machines import BINARY, ENVIRONMENT, HOST, Machines
from wire import messages, streams
from wire.client import BusClient, BusError, Message, NotConnectedError, connected
from wire.consumer import ConsumerLostError, PullConsumer
from wire.declare import declare
from wire.publisher import StreamPublisher
from wire.subjects import Subjects

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BINARY is None, reason="nats-server is not installed")]
TREE = Subjects(ENVIRONMENT)
LIMITS = streams.BusLimits(
    order_events=streams.StreamLimits(max_bytes=256 << 20),
    telemetry=streams.StreamLimits(max_bytes=16 << 20, max_age_s=3600),
)
BEFORE = Limits()
AFTER = Limits(max_subscriptions=8192)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    made = Machines(tmp_path_factory.mktemp("bus"))
    try:
        made.up(BEFORE)
        made.apply("leaf", made.leaf_document())
        yield made
    finally:
        made.stop()


async def declared(machines: Machines) -> list[str]:
    async with connected(machines.settings(server_config.DECLARER), timeout=20) as bus:
        return await declare(bus, ENVIRONMENT, LIMITS)


def payload(sequence: int) -> bytes:
    return messages.encode(
        messages.OrderEventMessage(
            host=HOST,
            role="order-router",
            environment=ENVIRONMENT,
            epoch=1,
            sequence=sequence,
            wall_ns=sequence,
            kind=messages.OrderEventKind.NEW_SENT,
        )
    )


async def denied(bus: BusClient, subject: str) -> bool:
    bus.state.last_error = ""
    await bus.publish(subject, b"x")
    await bus.flush()
    await asyncio.sleep(0.05)
    return "permissions violation" in bus.state.last_error.lower()


async def test_streams_and_buckets_are_made_once_and_stay(machines: Machines) -> None:
    names = await declared(machines)
    assert set(names) == stream_classes.STREAM_CLASSES.keys()
    assert await declared(machines) == names
    async with connected(machines.settings("operator"), timeout=20) as operator:
        for name, kind in stream_classes.STREAM_CLASSES.items():
            info = await streams.api_request(operator, f"STREAM.INFO.{name}")
            assert info["config"]["storage"] == stream_classes.STORAGE[kind]
            members = {info["cluster"]["leader"], *(each["name"] for each in info["cluster"]["replicas"])}
            assert members == {"nats-1", "nats-2", "nats-3"}


async def test_the_servers_know_who_it_is_by_certificate_and_hold_each_to_its_list(machines: Machines) -> None:
    await declared(machines)
    async with connected(machines.settings("oms"), timeout=20) as oms:
        for subject in (TREE.order_event(HOST), TREE.command(HOST, messages.Kill), "$JS.API.STREAM.DELETE.TELEMETRY"):
            assert await denied(oms, subject), subject
        assert not await denied(oms, "$JS.ACK.ORDER_EVENTS.oms.1.1.1.1.1")
        assert not await denied(oms, "$JS.ACK.domain.hash.ORDER_EVENTS.oms.1.1.1.1.1.1")
    async with connected(machines.settings(server_config.DECLARER), timeout=20) as declarer:
        assert await denied(declarer, "$JS.API.STREAM.DELETE.ORDER_EVENTS")


async def test_a_certificate_that_names_nobody_is_turned_away(machines: Machines) -> None:
    bus = BusClient(machines.settings("nobody"))
    bus.start()
    try:
        with pytest.raises(NotConnectedError):
            await bus.wait_connected(2)
    finally:
        await bus.close()


async def test_a_leaf_s_certificate_opens_no_client_port(machines: Machines) -> None:
    settings = machines.settings("oms")
    assert settings.tls is not None
    folder = machines.folder / "leaf" / "current" / "tls"
    stolen = type(settings.tls)(
        ca_file=settings.tls.ca_file, cert_file=f"{folder}/leaf.crt", key_file=f"{folder}/leaf.key"
    )
    fields = {name: getattr(settings, name) for name in settings.__struct_fields__}
    bus = BusClient(type(settings)(**{**fields, "tls": stolen}))
    bus.start()
    try:
        with pytest.raises(NotConnectedError):
            await bus.wait_connected(2)
    finally:
        await bus.close()


async def test_commands_reach_the_agent_through_its_leaf_and_come_back_answered(machines: Machines) -> None:
    async with AsyncExitStack() as stack:
        agent = await stack.enter_async_context(connected(machines.agent_settings(), timeout=20))
        operator = await stack.enter_async_context(connected(machines.settings("operator"), timeout=20))

        async def answer(message: Message) -> None:
            await agent.publish(message.reply, b"accepted")

        await agent.subscribe(TREE.commands_for(HOST), answer)
        deadline = time.monotonic() + 15
        while True:
            try:
                reply = await operator.request(TREE.command(HOST, messages.Kill), b"{}", timeout=1)
                break
            except BusError:
                # interest takes a moment to cross
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
        assert reply == b"accepted"
        for subject in (TREE.order_event("hot-b"), TREE.command(HOST, messages.Kill), "_INBOX_oms.x"):
            assert await denied(agent, subject), subject


async def test_the_servers_turn_away_what_a_leaf_must_not_carry(machines: Machines) -> None:
    """Even with a leaf node that lets everything pass: the cluster's own list holds."""
    document = machines.leaf_document()
    conf = document["files"]["nats.conf"]
    allowed = permissions.agent(ENVIRONMENT, HOST, "agent-hot-a")
    for subject in allowed.publish:
        conf = conf.replace(f'"{subject}"', '">"')
    machines.apply("leaf", {**document, "files": {**document["files"], "nats.conf": conf}})
    try:
        async with AsyncExitStack() as stack:
            agent = await stack.enter_async_context(connected(machines.agent_settings(), timeout=20))
            operator = await stack.enter_async_context(connected(machines.settings("operator"), timeout=20))
            heard: list[str] = []

            async def listen(message: Message) -> None:
                heard.append(message.subject)

            await operator.subscribe(TREE.everything, listen)
            await operator.flush()
            deadline = time.monotonic() + 15
            while TREE.status(HOST, "agent") not in heard and time.monotonic() < deadline:
                await agent.publish(TREE.status("hot-b", "agent"), b"forged")
                await agent.publish(TREE.status(HOST, "agent"), b"own")
                await agent.flush()
                await asyncio.sleep(0.1)
            assert set(heard) == {TREE.status(HOST, "agent")}
    finally:
        machines.apply("leaf", machines.leaf_document())


class Session:
    """An agent that publishes order events through the leaf node, without pause, until told to stop."""

    def __init__(self, publisher: StreamPublisher) -> None:
        self._publisher = publisher
        self.stopping = False
        self.sent = 0

    async def run(self) -> None:
        while not self.stopping:
            self.sent += 1
            await self._publisher.put(self.sent, TREE.order_event(HOST), payload(self.sent), f"{HOST}:1:{self.sent}")
            await asyncio.sleep(0.004)


async def stored(machines: Machines, count: int) -> set[int]:
    """Sequences in the stream, read as the OMS reads them."""
    found: set[int] = set()
    async with connected(machines.settings("oms"), timeout=20) as oms:
        await streams.ensure_consumer(oms, streams.ORDER_EVENTS, streams.oms_consumer(streams.ConsumerLimits()))
        consumer = PullConsumer(oms, stream=streams.ORDER_EVENTS, durable=streams.OMS_CONSUMER)
        await consumer.start()
        deadline = time.monotonic() + 60
        while len(found) < count and time.monotonic() < deadline:
            try:
                batch = await consumer.fetch(timeout=1)
                await consumer.ack(batch)
            except (NotConnectedError, ConsumerLostError):
                await asyncio.sleep(0.1)
                continue
            found |= {messages.decode_order_event(message.data).sequence for message in batch}
    return found


async def test_servers_change_one_after_another_and_nothing_acknowledged_is_lost(machines: Machines) -> None:
    await declared(machines)
    async with connected(machines.agent_settings(), timeout=20) as agent:
        publisher = StreamPublisher(agent, stream=streams.ORDER_EVENTS, ack_timeout_s=2.0)
        await publisher.start()
        session = Session(publisher)
        running = asyncio.create_task(session.run())
        assert await publisher.wait_acked(50, timeout=30)
        for number in (1, 2, 3):
            acked = publisher.state.acked
            await asyncio.to_thread(machines.apply, f"nats-{number}", machines.server_document(number, AFTER))
            assert machines.varz(number)["max_subscriptions"] == AFTER.max_subscriptions
            assert publisher.state.acked > acked, "the stream stood still while one server was changed"
        session.stopping = True
        await running
        assert await publisher.close(timeout=30)
        acknowledged = publisher.state.acked_token
    assert acknowledged == session.sent
    found = await stored(machines, acknowledged)
    missing = set(range(1, acknowledged + 1)) - found
    assert not missing, f"{len(missing)} of {acknowledged} acknowledged events are gone"
    assert machines.fetched == [f"s3://artifacts/{machines.release.key}"]


async def test_a_server_is_not_stopped_while_another_is_gone(machines: Machines) -> None:
    await declared(machines)
    service = machines.service("nats-2")
    stops = machines.service("nats-1").stops
    service.kill()
    document = {**machines.server_document(1, Limits(max_subscriptions=9000)), "healthy_s": 3.0}
    try:
        with pytest.raises(ChangeError, match="nats-2 not joined") as refused:
            machines.apply("nats-1", document)
        assert "could stop the streams" in str(refused.value)
        assert machines.service("nats-1").stops == stops
        assert machines.service("nats-1").active()
    finally:
        service.start()
        machines.apply("nats-2", machines.server_document(2, AFTER))


async def test_a_server_that_does_not_come_back_is_put_back(machines: Machines, tmp_path: Path) -> None:
    """The configuration is valid, and the port it names is taken: only starting it tells."""
    await declared(machines)
    machines.apply("nats-3", machines.server_document(3, AFTER))
    document = machines.server_document(3, AFTER)
    taken = f"{machines.members[0].address}:{machines.members[0].client_port}"
    own = f"{machines.members[2].address}:{machines.members[2].client_port}"
    conf = document["files"]["nats.conf"].replace(own, taken)
    broken = {**document, "files": {**document["files"], "nats.conf": conf}, "healthy_s": 30.0}
    with pytest.raises(ChangeError, match="is back on"):
        machines.apply("nats-3", broken)
    assert machines.service("nats-3").active()
    machines.apply("nats-3", document)
