"""The client, the publisher and the consumer against a real three-server cluster."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from nats_cluster import ENVIRONMENT, HOST, Cluster

from wire import messages, streams
from wire.client import BusClient, Message, NotConnectedError, RequestFailedError, connected
from wire.consumer import ConsumerLostError, PullConsumer, StreamMessage
from wire.publisher import StreamPublisher
from wire.subjects import Subjects

TREE = Subjects(ENVIRONMENT)
LIMITS = streams.StreamLimits(max_bytes=64 << 20)


async def make_stream(bus: BusClient) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            await streams.ensure_stream(bus, streams.order_events_stream(ENVIRONMENT, LIMITS))
            await streams.ensure_consumer(
                bus, streams.ORDER_EVENTS, streams.oms_consumer(streams.ConsumerLimits(ack_wait_s=2))
            )
            return
        except (streams.ApiError, RequestFailedError, NotConnectedError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


def payload(sequence: int, epoch: int) -> bytes:
    return messages.encode(
        messages.OrderEventMessage(
            host=HOST,
            role="order-router",
            environment=ENVIRONMENT,
            epoch=epoch,
            sequence=sequence,
            wall_ns=sequence,
            kind=messages.OrderEventKind.NEW_SENT,
        )
    )


async def put(publisher: StreamPublisher, first: int, last: int, epoch: int) -> None:
    for sequence in range(first, last + 1):
        identity = f"{HOST}:order-router:{epoch}:{sequence}"
        await publisher.put(sequence, TREE.order_event(HOST), payload(sequence, epoch), identity)


async def collect(consumer: PullConsumer, epoch: int, count: int, *, within: float) -> list[int]:
    """Sequences of this epoch's events, each acknowledged, until there are `count` different ones."""
    found: list[int] = []
    deadline = time.monotonic() + within
    while len(set(found)) < count and time.monotonic() < deadline:
        try:
            batch: list[StreamMessage] = await consumer.fetch(timeout=0.5)
            await consumer.ack(batch)
        except (NotConnectedError, ConsumerLostError):
            await asyncio.sleep(0.05)
            continue
        events = [messages.decode_order_event(message.data) for message in batch]
        found += [event.sequence for event in events if event.epoch == epoch]
    return found


async def denied(bus: BusClient, subject: str) -> bool:
    """Whether the server answers a publish to this subject with a permissions violation."""
    bus.state.last_error = ""
    await bus.publish(subject, b"x")
    await bus.flush()
    return "permissions violation" in bus.state.last_error.lower()


async def test_no_user_reaches_beyond_its_list(cluster: Cluster) -> None:
    async with connected(cluster.settings("agent")) as agent, connected(cluster.settings("oms")) as oms:
        assert not await denied(agent, TREE.status(HOST, "agent"))
        for subject in (
            TREE.order_event("h2"),
            TREE.command(HOST, messages.Kill),
            "$JS.API.STREAM.INFO.ORDER_EVENTS",
            "$JS.API.STREAM.DELETE.ORDER_EVENTS",
            "_INBOX_oms.x",
            "anything",
        ):
            assert await denied(agent, subject), subject
        for subject in (
            TREE.order_event(HOST),
            TREE.command(HOST, messages.Kill),
            "$JS.API.STREAM.DELETE.ORDER_EVENTS",
            "$JS.API.STREAM.PURGE.ORDER_EVENTS",
            "$JS.API.CONSUMER.CREATE.ORDER_EVENTS.other",
        ):
            assert await denied(oms, subject), subject
        async with connected(cluster.settings("operator")) as operator:
            assert await denied(operator, TREE.order_event(HOST))
            assert await denied(operator, "$JS.API.STREAM.DELETE.ORDER_EVENTS")


@pytest.mark.parametrize("subject", ["_INBOX_agent.>", "_INBOX.>", ">", "ironlane.>", "$SYS.>", "$JS.API.>"])
async def test_no_user_listens_beyond_its_list(cluster: Cluster, subject: str) -> None:
    async with connected(cluster.settings("oms")) as oms:

        async def ignore(_message: Message) -> None:
            return

        await oms.subscribe(subject, ignore)
        await oms.flush()
        assert "permissions violation" in oms.state.last_error.lower()


async def test_a_wrong_password_is_retried_and_named(cluster: Cluster) -> None:
    settings = cluster.settings("agent")
    bus = BusClient(
        type(settings)(**{**{f: getattr(settings, f) for f in settings.__struct_fields__}, "password": "x"})
    )
    bus.start()
    try:
        with pytest.raises(NotConnectedError, match=r"[Aa]uthorization"):
            await bus.wait_connected(0.5)
        assert bus.state.counters.failed_attempts > 3
    finally:
        await bus.close()


@pytest.mark.slow
async def test_publishing_while_disconnected_fails_at_once_and_is_never_sent_later(cluster: Cluster) -> None:
    async with AsyncExitStack() as stack:
        agent = await stack.enter_async_context(connected(cluster.settings("agent", only=0)))
        operator = await stack.enter_async_context(connected(cluster.settings("operator", only=1)))
        heard: list[bytes] = []

        async def listen(message: Message) -> None:
            heard.append(message.data)

        await operator.subscribe(TREE.status(HOST, "agent"), listen)
        await operator.flush()
        await agent.publish(TREE.status(HOST, "agent"), b"before")
        await agent.flush()
        cluster.kill(0)
        refused = 0
        async with asyncio.timeout(5):
            await agent.wait_disconnected()
        for _ in range(20):
            started = time.perf_counter()
            with pytest.raises(NotConnectedError):
                await agent.publish(TREE.status(HOST, "agent"), b"while down")
            refused += 1
            assert time.perf_counter() - started < 0.05
        cluster.start(0)
        await agent.wait_connected(10)
        assert agent.state.counters.publish_refused == refused
        for _ in range(50):
            await agent.publish(TREE.status(HOST, "agent"), b"after")
            await agent.flush()
            if b"after" in heard:
                break
            await asyncio.sleep(0.1)
        assert b"after" in heard
        assert b"while down" not in heard


async def test_a_failing_handler_keeps_its_subscription(cluster: Cluster) -> None:
    async with connected(cluster.settings("operator")) as operator, connected(cluster.settings("agent")) as agent:
        seen = asyncio.Event()
        failed = 0

        async def fail_on_one(message: Message) -> None:
            nonlocal failed
            if message.data == b"1":
                failed += 1
                raise RuntimeError("boom")
            seen.set()

        await operator.subscribe(TREE.status(HOST, "agent"), fail_on_one)
        await operator.flush()
        async with asyncio.timeout(5):
            while not failed:  # interest takes a moment to reach the other servers
                await agent.publish(TREE.status(HOST, "agent"), b"1")
                await asyncio.sleep(0.05)
            await agent.publish(TREE.status(HOST, "agent"), b"2")
            await seen.wait()
        assert operator.state.counters.handler_errors == failed


async def test_a_command_is_answered_through_the_responders_own_right(cluster: Cluster) -> None:
    async with connected(cluster.settings("operator")) as operator, connected(cluster.settings("agent")) as agent:

        async def answer(message: Message) -> None:
            await agent.publish(message.reply, b"yes:" + message.data)

        await agent.subscribe(TREE.commands_for(HOST), answer)
        await agent.flush()
        subject = TREE.command(HOST, messages.Kill)
        for _ in range(50):  # interest takes a moment to reach the other servers
            try:
                reply = await operator.request(subject, b"kill", timeout=1)
                break
            except RequestFailedError:
                await asyncio.sleep(0.05)
        assert reply == b"yes:kill"


@pytest.mark.slow
async def test_every_event_arrives_once_and_in_order_with_a_server_killed(cluster: Cluster) -> None:
    epoch, count = 1, 1500
    async with AsyncExitStack() as stack:
        agent = await stack.enter_async_context(connected(cluster.settings("agent")))
        oms = await stack.enter_async_context(connected(cluster.settings("oms")))
        await make_stream(oms)
        publisher = StreamPublisher(agent, stream=streams.ORDER_EVENTS, window=64, ack_timeout_s=1, backoff_min_s=0.02)
        await publisher.start()
        consumer = PullConsumer(oms, stream=streams.ORDER_EVENTS, durable="oms", batch=100, heartbeat_s=0.2)
        await consumer.start()
        reading = asyncio.create_task(collect(consumer, epoch, count, within=30))
        await put(publisher, 1, count // 3, epoch)
        cluster.kill(cluster.urls.index(agent.state.server))
        await put(publisher, count // 3 + 1, count, epoch)
        assert await publisher.wait_acked(count, timeout=20), publisher.state
        found = await reading
        assert set(found) == set(range(1, count + 1))
        assert publisher.state.acked_token == count
        assert publisher.in_flight == 0
        # the stream itself holds each once: redelivery may repeat to the reader, never to the stream
        info = await streams.api_request(oms, f"STREAM.INFO.{streams.ORDER_EVENTS}")
        assert info["state"]["messages"] == count
        await publisher.close()


async def test_publishing_again_after_a_restart_stores_nothing_twice(cluster: Cluster) -> None:
    epoch = 2
    async with connected(cluster.settings("agent")) as agent, connected(cluster.settings("oms")) as oms:
        await make_stream(oms)
        before = (await streams.api_request(oms, f"STREAM.INFO.{streams.ORDER_EVENTS}"))["state"]["messages"]
        for _ in range(2):
            publisher = StreamPublisher(agent, stream=streams.ORDER_EVENTS)
            await publisher.start()
            await put(publisher, 1, 50, epoch)
            assert await publisher.close(timeout=10)
        after = (await streams.api_request(oms, f"STREAM.INFO.{streams.ORDER_EVENTS}"))["state"]["messages"]
        assert after - before == 50
        assert publisher.state.duplicates == 50


@pytest.mark.slow
async def test_the_window_is_bounded_and_survives_the_loss_of_every_server(cluster: Cluster) -> None:
    epoch, window = 3, 32
    async with AsyncExitStack() as stack:
        agent = await stack.enter_async_context(connected(cluster.settings("agent")))
        oms = await stack.enter_async_context(connected(cluster.settings("oms")))
        await make_stream(oms)
        publisher = StreamPublisher(
            agent, stream=streams.ORDER_EVENTS, window=window, ack_timeout_s=1, backoff_min_s=0.02, backoff_max_s=0.3
        )
        await publisher.start()
        await put(publisher, 1, 20, epoch)
        for index in range(cluster.size):
            cluster.kill(index)
        writing = asyncio.create_task(put(publisher, 21, 200, epoch))
        await asyncio.sleep(0.3)
        assert publisher.in_flight <= window
        assert not writing.done()
        assert publisher.state.last_error
        consumer = PullConsumer(oms, stream=streams.ORDER_EVENTS, durable="oms", batch=50, heartbeat_s=0.2)
        await consumer.start()
        reading = asyncio.create_task(collect(consumer, epoch, 200, within=30))
        cluster.start()
        await writing
        assert await publisher.wait_acked(200, timeout=20), publisher.state
        assert set(await reading) == set(range(1, 201))
        await publisher.close()


async def test_ensuring_a_stream_again_updates_it_and_refuses_what_cannot_change(cluster: Cluster) -> None:
    async with connected(cluster.settings("oms")) as oms:
        await make_stream(oms)
        wanted = streams.order_events_stream(ENVIRONMENT, LIMITS)
        info = await streams.ensure_stream(oms, {**wanted, "max_bytes": 96 << 20})
        assert info["config"]["max_bytes"] == 96 << 20
        assert info["config"]["num_replicas"] == 3
        await streams.ensure_stream(oms, wanted)
        with pytest.raises(streams.StreamError, match="storage is 'file' but must be 'memory'"):
            await streams.ensure_stream(oms, {**wanted, "storage": "memory"})


@pytest.mark.slow
async def test_the_second_form_of_acknowledgements_is_read_and_allowed(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, more="feature_flags: {js_ack_fc_v2: true}\n")
    cluster.start()
    try:
        cluster.wait_ready()
        async with connected(cluster.settings("agent")) as agent, connected(cluster.settings("oms")) as oms:
            await make_stream(oms)
            publisher = StreamPublisher(agent, stream=streams.ORDER_EVENTS)
            await publisher.start()
            await put(publisher, 1, 5, 1)
            assert await publisher.close(timeout=10)
            consumer = PullConsumer(oms, stream=streams.ORDER_EVENTS, durable="oms")
            await consumer.start()
            batch = await consumer.fetch(timeout=5)
            assert batch[0].reply.count(".") >= 10
            assert len(batch) == 5
            await consumer.ack(batch)
            deadline = time.monotonic() + 5
            while (await streams.consumer_info(oms, streams.ORDER_EVENTS, "oms"))["ack_floor"]["stream_seq"] != 5:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
    finally:
        cluster.stop()
