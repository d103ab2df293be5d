"""The router process against a scripted venue: trading, refusing, stopping with proof, crashing, reconnecting."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from router_support import PRICE, Desk, wait_for

from hotpath.ipc.layouts import (
    INTENT_SIZE,
    BookEventKind,
    Intent,
    IntentKind,
    OrderEventKind,
    OrderState,
    RefusalReason,
    encode_intent,
)
from hotpath.ipc.ring import RingProducer
from hotpath.protocols import ouch
from hotpath.router.engine import GATES

NEW_SENT, ACCEPTED, REFUSED = OrderEventKind.EVENT_NEW_SENT, OrderEventKind.EVENT_ACCEPTED, OrderEventKind.EVENT_REFUSED
EXECUTED, CANCELED, REJECTED = (
    OrderEventKind.EVENT_EXECUTED,
    OrderEventKind.EVENT_CANCELED,
    OrderEventKind.EVENT_REJECTED,
)


def assert_gapless(desk: Desk) -> None:
    assert [event.sequence for event in desk.journal()] == list(range(1, len(desk.journal()) + 1))


def test_trades_refuses_and_stops_with_proof(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.start()
        assert desk.event(OrderEventKind.EVENT_ROUTER_STARTED).epoch == 1
        desk.event(OrderEventKind.EVENT_RECONCILED, quantity=0, last_quantity=0)

        # order -> ack -> fill
        first = desk.new("B", 100, PRICE, flags=1, tick_received_ns=time.monotonic_ns())
        sent = desk.event(NEW_SENT, order_id=first)
        assert desk.event(ACCEPTED, order_id=first).state == OrderState.ORDER_LIVE
        entered = desk.venue.inbound[-1]
        assert entered == ouch.EnterOrder(
            sent.user_ref_num, "B", 100, "IRON", PRICE, "0", "Y", "P", "N", "N", "00000010000001",
            ouch.Options(post_only="P"),
        )  # fmt: skip
        desk.venue.fill(sent.user_ref_num, 40, match=7)
        fill = desk.event(EXECUTED)
        assert (fill.last_quantity, fill.leaves, fill.filled, fill.position, fill.match_number) == (40, 60, 40, 40, 7)
        block = desk.position()
        assert (block.position, block.bought, block.bought_notional, block.open_buy) == (40, 40, 40 * PRICE, 60)

        # replace: the chain's total counts what is filled
        second = desk.replace(first, quantity=200, price=PRICE - 100)
        done = desk.event(OrderEventKind.EVENT_REPLACED, order_id=second)
        assert (done.orig_order_id, done.leaves, done.filled) == (first, 160, 40)

        # refusals leave the host untouched
        sent_before = len(desk.venue.inbound)
        refused: dict[RefusalReason, Callable[[], object]] = {
            RefusalReason.REFUSED_MAX_ORDER_SIZE: lambda: desk.new(quantity=1001),
            RefusalReason.REFUSED_PRICE_COLLAR: lambda: desk.new(price=PRICE * 2),
            RefusalReason.REFUSED_INVALID: lambda: desk.new(price=PRICE + 1),
            RefusalReason.REFUSED_STALE_EPOCH: lambda: desk.new(router_epoch=99),
            RefusalReason.REFUSED_UNKNOWN_ORDER: lambda: desk.intend(IntentKind.INTENT_CANCEL, order_id=first),
        }
        for reason, intend in refused.items():
            intend()
            assert desk.event(REFUSED).reason == reason
        desk.book(0, 0)
        desk.new()
        assert desk.event(REFUSED).reason == RefusalReason.REFUSED_NO_REFERENCE_PRICE
        desk.book(PRICE - 100, PRICE + 100, BookEventKind.BOOK_STALE)
        desk.new()
        assert desk.event(REFUSED).reason == RefusalReason.REFUSED_NO_REFERENCE_PRICE
        desk.book(PRICE - 100, PRICE + 100)
        assert len(desk.venue.inbound) == sent_before
        assert desk.count("refused") == 7
        assert desk.count("refused_price_collar") == 1

        # a single cancel
        third = desk.new("S", 10)
        desk.event(ACCEPTED, order_id=third)
        desk.intend(IntentKind.INTENT_CANCEL, order_id=third)
        assert desk.event(CANCELED, order_id=third).state == OrderState.ORDER_CANCELED

        # one open order is filled while the mass cancel is on its way
        racing = desk.new("S", 30)
        number = desk.event(ACCEPTED, order_id=racing).user_ref_num
        desk.venue.before_mass_cancel = lambda: (
            desk.venue.fill(number, 30, match=8) if number in desk.venue.orders else None
        )
        code, printed = desk.stop()
        assert code == 0, desk.log()
        assert re.search(rf"order_id={second} .*outcome=cancelled", printed)
        assert re.search(rf"order_id={racing} .*filled=30 outcome=filled", printed)
        assert "cancel-proof done open_at_signal=2 cancelled=1 filled=1 replaced=0 unknown=0" in printed
        assert desk.proof()["unknown"] == 0
        assert {order["order_id"]: order["outcome"] for order in desk.proof()["orders"]} == {
            second: "cancelled",
            racing: "filled",
        }
        proof = [event for event in desk.journal() if event.kind >= OrderEventKind.EVENT_CANCEL_PROOF]
        assert [event.order_id for event in proof] == [second, racing, 0]
        assert (proof[-1].quantity, proof[-1].last_quantity) == (2, 0)
        assert_gapless(desk)
        assert desk.venue.orders == {}


def test_deaf_venue_leaves_unknown_orders_and_exit_1(tmp_path: Path) -> None:
    with Desk(tmp_path, cancel_deadline_ms=150) as desk:
        desk.start()
        order = desk.new()
        desk.event(ACCEPTED, order_id=order)
        desk.venue.deaf = True
        code, printed = desk.stop()
        assert code == 1
        assert "open_at_signal=1 cancelled=0 filled=0 replaced=0 unknown=1" in printed
        assert desk.proof()["orders"][0]["outcome"] == "unknown"
        kinds = [event.kind for event in desk.journal()]
        assert OrderEventKind.EVENT_ORDER_UNKNOWN in kinds

        # the next router learns what became of it: nothing is ever guessed
        desk.venue.deaf = False
        desk.start()
        assert desk.event(CANCELED, order_id=order).state == OrderState.ORDER_CANCELED
        assert desk.stop()[0] == 0


def test_kill_file_latches_until_rearmed_and_gone(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.set_control(1)
        desk.start()
        order = desk.new()
        desk.event(ACCEPTED, order_id=order)
        kill = desk.run_dir / "KILL"
        kill.touch()
        assert desk.event(CANCELED, order_id=order).state == OrderState.ORDER_CANCELED
        wait_for("gate closed", lambda: "KILL exists" in desk.gate("not_killed"))
        desk.new()
        assert desk.event(REFUSED).reason == RefusalReason.REFUSED_KILLED

        kill.unlink()  # not enough
        wait_for("file gone noticed", lambda: "re-arm" in desk.gate("not_killed"))
        desk.new()
        assert desk.event(REFUSED).reason == RefusalReason.REFUSED_KILLED

        # neither a restart nor a change of limits re-arms
        desk.stop()
        desk.start(ready=False)
        desk.set_control(2, max_position=900)
        wait_for("reconciled", lambda: desk.gate("reconciled") == "")
        time.sleep(0.06)
        assert "re-arm" in desk.gate("not_killed")
        desk.set_control(3, max_position=900, rearms=1)
        wait_for("re-armed", lambda: desk.gate("not_killed") == "")
        desk.event(ACCEPTED, order_id=desk.new())

        # the other way: the control block
        desk.set_control(4, killed=1, rearms=1)
        desk.event(CANCELED)
        desk.new()
        assert desk.event(REFUSED).reason == RefusalReason.REFUSED_KILLED
        desk.set_control(5, rearms=2)
        wait_for("re-armed", lambda: desk.gate("not_killed") == "")

        # an expired lease leaves reduce-only, and takes open orders away
        open_order = desk.new()
        desk.event(ACCEPTED, order_id=open_order)
        desk.set_control(6, lease_expires_mono_ns=time.monotonic_ns() + 30_000_000)
        desk.event(CANCELED, order_id=open_order)
        desk.new()
        assert desk.event(REFUSED).reason == RefusalReason.REFUSED_REDUCE_ONLY
        wait_for("lease gate", lambda: desk.gate("lease") != "" and desk.gate("mode") == "REDUCING")
        desk.set_control(7, mode=0)
        wait_for("mode gate", lambda: desk.gate("mode") == "HALTED")
        desk.new()
        assert desk.event(REFUSED).reason == RefusalReason.REFUSED_HALTED


def test_killed_router_restarts_reconciles_and_cancels(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.venue.cancel_on_disconnect = False
        desk.start()
        kept = desk.new("B", 100)
        number = desk.event(ACCEPTED, order_id=kept).user_ref_num
        desk.venue.fill(number, 10, match=1)
        desk.event(EXECUTED)
        # two orders without an answer: the venue took and filled the one, the other never reached it
        desk.venue.mute = True
        silent = desk.new("S", 5)
        silent_number = desk.event(NEW_SENT, order_id=silent).user_ref_num
        wait_for("taken", lambda: silent_number in desk.venue.orders)
        desk.venue.deaf = True
        lost = desk.new("S", 50)
        desk.event(NEW_SENT, order_id=lost)
        desk.kill()
        desk.venue.deaf = desk.venue.mute = False
        desk.venue.fill(silent_number, 5, match=3)
        desk.venue.fill(number, 20, match=2)

        second = desk.spawn()
        desk.router = second
        assert desk.events is not None
        wait_for("a new ring.orders", desk.events.reattach)
        assert desk.event(OrderEventKind.EVENT_ROUTER_STARTED).epoch == 2
        assert desk.event(EXECUTED, order_id=silent).position == 5
        assert desk.event(EXECUTED, order_id=kept).position == 25
        ended = desk.event(CANCELED, order_id=kept)
        assert (ended.state, ended.last_quantity) == (OrderState.ORDER_CANCELED, 70)
        never = desk.event(REJECTED, order_id=lost)
        assert (never.reason, never.venue_sequence, never.leaves) == (0, 0, 0)
        assert desk.event(OrderEventKind.EVENT_RECONCILED).last_quantity == 0
        wait_for("ready", lambda: desk.status()["ready"])
        assert desk.position().position == 25
        assert desk.venue.orders == {}
        assert not [event for event in desk.seen if event.kind == REJECTED and event.order_id == silent]

        # the number of the order that never arrived is burnt
        desk.intend(
            IntentKind.INTENT_NEW, order_id=lost, side="B", time_in_force="0", price=PRICE, quantity=1, router_epoch=2
        )
        assert desk.event(REFUSED).reason == RefusalReason.REFUSED_DUPLICATE_ID
        again = desk.new()
        assert desk.event(ACCEPTED, order_id=again).user_ref_num > number + 1
        assert_gapless(desk)

        # a second router is refused and names the holder; the first goes on
        other = desk.spawn()
        assert other.wait(5) == 1
        assert other.stdout is not None
        other.stdout.close()
        assert f"process {second.pid} holds the fencing epoch" in desk.log()
        assert desk.status()["pid"] == second.pid
        assert desk.stop()[0] == 0


def test_nothing_is_concluded_before_the_stream_is_read(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.start()
        desk.venue.cancel_on_disconnect = False
        desk.venue.mute = True
        order = desk.new("B", 5)
        number = desk.event(NEW_SENT, order_id=order).user_ref_num
        wait_for("taken", lambda: number in desk.venue.orders)
        desk.kill()
        desk.venue.mute = False
        desk.venue.fill(number, 5, match=1)
        desk.venue.replay_pause = 0.05
        desk.start()
        assert desk.event(EXECUTED, order_id=order).position == 5
        assert not [event for event in desk.seen if event.kind == REJECTED]
        assert desk.count("venue_illegal_messages") == 0


def test_lost_journal_is_rebuilt_from_the_venue(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.start()
        order = desk.new("B", 100)
        number = desk.event(ACCEPTED, order_id=order).user_ref_num
        desk.venue.fill(number, 10, match=1)
        desk.event(EXECUTED)
        desk.kill()
        for file in desk.data.iterdir():
            if file.name.endswith(".journal"):
                file.unlink()
        desk.start()
        assert desk.status()["epoch"] == 2
        assert desk.position().position == 10
        assert desk.count("orders_adopted") == 1
        fill = desk.event(EXECUTED)
        assert (fill.order_id, fill.strategy_epoch) == (order, 1)  # from the ClOrdID alone
        another = desk.new()
        assert desk.event(ACCEPTED, order_id=another).user_ref_num > number
        assert desk.stop()[0] == 0


def test_break_against_the_venue_halts(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.start()
        order = desk.new("B", 100)
        number = desk.event(ACCEPTED, order_id=order).user_ref_num
        desk.venue.fill(number, 10, match=1)
        desk.event(EXECUTED)
        desk.kill()
        with desk.venue.lock:  # the venue's truth changes behind our back: that fill was for 15
            index = next(i for i, data in enumerate(desk.venue.stream) if data[:1] == b"E")
            desk.venue.stream[index] = ouch.encode(ouch.OrderExecuted(1, number, 15, PRICE, "A", 1, ouch.Options()))
        desk.start(ready=False)
        wait_for("halted", lambda: desk.status()["state"] == "HALTED")
        assert "breaks against the venue's stream" in desk.gate("reconciled")
        desk.new()
        assert desk.event(REFUSED).reason == RefusalReason.REFUSED_HALTED
        assert re.search(r"break user_ref_num=\d+ field=filled here=10 venue=15", desk.log())


@pytest.mark.parametrize("limit", [200_000, 6])
def test_session_drop_is_replayed(tmp_path: Path, limit: int) -> None:
    """Also when the stream is longer than what is read again: the comparison then starts from the journal."""
    with Desk(tmp_path, reconcile_max_messages=limit) as desk:
        desk.start()
        done = desk.new("S", 10)
        desk.venue.fill(desk.event(ACCEPTED, order_id=done).user_ref_num, 10, match=3)
        desk.event(EXECUTED)
        order = desk.new("B", 100)
        number = desk.event(ACCEPTED, order_id=order).user_ref_num
        desk.venue.drop()
        with desk.venue.lock:  # before the disconnect is noticed there
            if number in desk.venue.orders:
                desk.venue.fill(number, 25, match=4)
        desk.event(OrderEventKind.EVENT_SESSION_DOWN)
        desk.event(CANCELED, order_id=order)
        assert desk.event(OrderEventKind.EVENT_RECONCILED).last_quantity == 0
        wait_for("ready", lambda: desk.status()["ready"])
        traded = sum(-e.last_quantity if e.side == "S" else e.last_quantity for e in desk.seen if e.kind == EXECUTED)
        assert desk.position().position == traded
        assert desk.count("reconnects") == 1
        assert desk.venue.logins[-1].requested_sequence_number == (1 if limit > 6 else len_before(desk) - 5)
        desk.event(ACCEPTED, order_id=desk.new())

        # down: refused, and ready again later
        desk.venue.close()
        desk.event(OrderEventKind.EVENT_SESSION_DOWN)
        desk.new()
        assert desk.event(REFUSED).reason == RefusalReason.REFUSED_SESSION_DOWN
        wait_for("session gate", lambda: "cannot connect" in desk.gate("session"))
        assert not desk.status()["ready"]


def test_an_order_of_an_earlier_venue_session_is_neither_cancelled_by_number_nor_forgotten(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.start()
        order = desk.new("B", 100)
        number = desk.event(ACCEPTED, order_id=order).user_ref_num
        with desk.venue.lock:
            desk.venue.session, desk.venue.stream, desk.venue.last_number = "IRON000002", [], 0
            desk.venue.orders.clear()
            desk.venue.drop()
        assert desk.event(OrderEventKind.EVENT_ORDER_UNKNOWN).user_ref_num == number
        desk.event(OrderEventKind.EVENT_RECONCILED)
        wait_for("gate", lambda: "1 orders of an earlier venue session are unknown" in desk.gate("reconciled"))

        desk.intend(IntentKind.INTENT_CANCEL, order_id=order)
        assert desk.event(REFUSED).reason == RefusalReason.REFUSED_UNKNOWN_ORDER
        assert not [message for message in desk.venue.inbound if isinstance(message, ouch.CancelOrder)]

        desk.venue.drop()
        desk.event(OrderEventKind.EVENT_RECONCILED)
        wait_for("gate", lambda: "1 orders of an earlier venue session are unknown" in desk.gate("reconciled"))


def len_before(desk: Desk) -> int:
    """Last venue sequence that the router knew when it logged in again."""
    down = next(i for i, e in enumerate(desk.seen) if e.kind == OrderEventKind.EVENT_SESSION_DOWN)
    return max(e.venue_sequence for e in desk.seen[:down])


def test_lost_strategy(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.start()
        order = desk.new()
        desk.event(ACCEPTED, order_id=order)
        desk.intents.close()
        desk.event(OrderEventKind.EVENT_STRATEGY_LOST)
        desk.event(CANCELED, order_id=order)
        # its successor starts at its own tail, and is not confused with it
        desk.intents = RingProducer(desk.prefix, "ring.intents", INTENT_SIZE, 64, 2, "IRON")
        wait_for("attached", lambda: desk.log().count("strategy attached") == 2)
        desk.strategy_epoch = 2
        desk.order_id = 0
        desk.event(ACCEPTED, order_id=desk.new(), strategy_epoch=2)
        desk.intend(
            IntentKind.INTENT_NEW, order_id=9, side="B", time_in_force="0", price=PRICE, quantity=1, strategy_epoch=1
        )
        assert desk.event(REFUSED).reason == RefusalReason.REFUSED_STALE_EPOCH


def test_strategy_that_does_not_read_stalls_only_its_own_orders(tmp_path: Path) -> None:
    with Desk(tmp_path, journal_segment_records=65_536) as desk:
        desk.start()
        number = desk.event(ACCEPTED, order_id=desk.new("B", 100)).user_ref_num
        raw = encode_intent(
            Intent(kind=IntentKind.INTENT_CANCEL, locate=1, strategy_epoch=1, router_epoch=1, order_id=10**6)
        )
        published = 0
        deadline = time.monotonic() + 5
        while desk.count("ring_stalls") == 0:
            assert time.monotonic() < deadline
            published += sum(desk.intents.publish_bytes(raw) for _ in range(64))
        assert published > 16_000
        refused = desk.count("refused")
        desk.venue.fill(number, 40, match=1)  # the venue's messages go on, into the journal
        wait_for("position", lambda: desk.position().position == 40)
        assert desk.count("refused") == refused
        assert desk.events is not None
        while desk.events.poll_bytes() is not None:
            pass
        wait_for("the stalled intents", lambda: desk.intents.unread == 0)
        assert desk.count("refused") == published
        assert desk.count("ring_events_dropped") == 0
        desk.stop()
        assert_gapless(desk)


def test_full_journal_refuses_new_orders_but_keeps_room_for_the_venue(tmp_path: Path) -> None:
    with Desk(tmp_path, journal_segment_records=2_056, journal_max_segments=2) as desk:
        desk.start()
        number = desk.event(ACCEPTED, order_id=desk.new()).user_ref_num
        wait_for("refusal", lambda: desk.new() and desk.count("refused_audit_full") > 0)
        assert desk.event(REFUSED).reason == RefusalReason.REFUSED_AUDIT_FULL
        wait_for("gate", lambda: "no room" in desk.gate("journal"))
        assert not desk.status()["ready"]
        desk.venue.fill(number, 40, match=1)
        desk.event(EXECUTED)
        assert desk.stop()[0] == 0
        assert desk.proof()["unknown"] == 0


def hotpath(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "hotpath", *arguments], capture_output=True, text=True, timeout=10)


def test_ready_and_status_commands(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        config = str(desk.config)
        absent = hotpath("ready", "order-router", "--config", config, "--timeout", "0")
        assert absent.returncode == 1
        assert "has not started" in absent.stderr
        desk.start()
        ready = hotpath("ready", "order-router", "--config", config, "--timeout", "2")
        assert ready.returncode == 0, ready.stderr
        for gate in GATES:
            assert re.search(rf"ok +{gate}", ready.stdout)
        assert hotpath("status", "--config", config, "--json").returncode == 0
        desk.kill()
        dead = hotpath("ready", "order-router", "--config", config, "--timeout", "0")
        assert dead.returncode == 1


def test_a_switch_of_instrument_keeps_positions_and_roles_apart(tmp_path: Path) -> None:
    """One account, one locate, one data_dir: IRON is traded, then AAPL, then IRON again."""
    with Desk(tmp_path) as desk:
        desk.start()
        number = desk.event(ACCEPTED, order_id=desk.new("B", 100)).user_ref_num
        desk.venue.fill(number, 40, match=1)
        desk.event(EXECUTED)
        desk.kill()  # with 60 shares of IRON open

        desk.switch("AAPL")
        desk.start(ready=False)
        reason = "ring.intents is for IRON, this role trades AAPL; top is for IRON, this role trades AAPL"
        wait_for("gate", lambda: desk.gate("instrument") == reason)
        wait_for("reconciled", lambda: desk.gate("reconciled") == "")
        block = desk.position()
        assert (block.position, block.bought, block.open_buy, block.open_orders) == (0, 0, 0, 0)
        assert desk.count("position") == 0
        settled = desk.journal()[-2]
        assert (settled.kind, settled.user_ref_num) == (CANCELED, number)
        assert (settled.symbol, settled.locate, settled.position) == ("IRON", 0, 40)
        assert "symbol=AAPL position=0 other_positions=IRON:40" in desk.log()
        sent = len(desk.venue.inbound)
        desk.new("B")  # the old strategy goes on believing that it trades IRON
        time.sleep(0.1)
        assert len(desk.venue.inbound) == sent

        desk.join()
        wait_for("ready", lambda: desk.status()["ready"])
        number = desk.event(ACCEPTED, order_id=desk.new("S", 100)).user_ref_num
        desk.venue.fill(number, 30, match=2)
        assert desk.event(EXECUTED).position == -30
        assert {event.symbol for event in desk.seen if event.epoch == 2} == {"AAPL"}
        block = desk.position()
        assert (block.position, block.sold, block.open_sell, block.open_orders) == (-30, 30, 70, 1)
        desk.kill()

        desk.switch("IRON")
        desk.join()
        desk.start()
        assert desk.position().position == 40
        assert "symbol=IRON position=40 other_positions=AAPL:-30" in desk.log()
        assert desk.stop()[0] == 0
        assert_gapless(desk)


def test_unusable_configuration(tmp_path: Path) -> None:
    with Desk(tmp_path, account={"username": "IRON01", "password_file": "/nonexistent/password"}) as desk:
        done = hotpath("run", "order-router", "--config", str(desk.config))
        assert done.returncode == 78
        assert "account.password_file" in done.stderr
        desk.configure(instrument={"symbol": "TOOLONGNAME", "locate": 1, "tick": 100})
        done = hotpath("run", "order-router", "--config", str(desk.config))
        assert done.returncode == 78
        assert "instrument.symbol 'TOOLONGNAME' has more than 8 characters" in done.stderr
        desk.configure(journal_max_segments=1)
        done = hotpath("run", "order-router", "--config", str(desk.config))
        assert done.returncode == 78
        assert "journal_max_segments 1" in done.stderr
