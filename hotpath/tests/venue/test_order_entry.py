"""SoupBinTCP and OUCH behaviour of the venue, over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from venue_support import LocalVenue, OuchClient, add, make_config, write_rows

from hotpath.protocols import ouch, soupbintcp

BID, ASK = 999_000, 1_001_000
FAR = "34900.0"  # flow time that no test reaches: the market stays open


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[LocalVenue]:
    """Two accounts and a still market: 500 bid for at 99.90, 500 offered at 100.10."""
    rows = [add(11, "B", 500, BID), add(12, "S", 500, ASK), (FAR, 5, 0, 1, 1_000_000, 1)]
    file = write_rows(tmp_path / "flow.csv", rows)
    config = make_config(tmp_path, accounts=("ALPHA", "BETA"), flow={"file": str(file)}, client_timeout_ms=300)
    venue = LocalVenue(config).start()
    venue.until(lambda: venue.status["flow"]["rows_replayed"] == 2)
    yield venue
    venue.close()


def test_enter_fill_cancel_and_rejects(venue: LocalVenue) -> None:
    client = venue.client()
    client.order(1, "B", 200, ASK)  # takes
    client.order(2, "B", 300, BID)  # rests
    client.ouch(ouch.CancelOrder(user_ref_num=2, quantity=100))
    client.ouch(ouch.CancelOrder(user_ref_num=2, quantity=250))  # not smaller: no answer
    client.ouch(ouch.CancelOrder(user_ref_num=2, quantity=0))
    client.ouch(ouch.CancelOrder(user_ref_num=2, quantity=0))  # not live any more: no answer
    client.order(3, "B", 900, ASK, time_in_force="3")  # the rest of the offer, then nothing
    client.order(4, "S", 100, BID, options=ouch.Options(post_only="P"))  # would take
    accepted, taken, _, partial, full, _, more, rest, posted, refused = venue.expect(client, "AEACCAECAC")
    assert (accepted.quantity, accepted.order_state, accepted.cl_ord_id) == (200, "L", "C1")
    assert (taken.quantity, taken.price, taken.liquidity_flag) == (200, ASK, "R")
    assert [(c.quantity, c.reason) for c in (partial, full)] == [(200, "U"), (100, "U")]
    assert (more.quantity, more.user_ref_num) == (300, 3)
    assert (rest.quantity, rest.reason) == (600, "I")
    assert posted.options.post_only == "P"
    assert (refused.quantity, refused.reason) == (100, "G")
    assert taken.match_number != more.match_number
    assert venue.status["counters"]["live_orders"] == 1

    cases: list[tuple[dict[str, Any], int]] = [
        ({"symbol": "OTHER"}, 0x17),
        ({"side": "X"}, 0x09),
        ({"quantity": 0}, 0x13),
        ({"quantity": 1_000_000}, 0x13),
        ({"price": 999_001}, 0x1D),
        ({"price": 0}, 0x1D),
        ({"price": 2_000_000_000}, 0x2C),
        ({"time_in_force": "6"}, 0x0F),
        ({"display": "N"}, 0x03),
        ({"iso_eligibility": "Y"}, 0x08),
        ({"cross_type": "O"}, 0x14),
        ({"capacity": "Z"}, 0x0F),
        ({"options": ouch.Options(firm="ELSE")}, 0x0C),
        ({"options": ouch.Options(min_quantity=100)}, 0x0D),
        ({"options": ouch.Options(max_floor=100)}, 0x04),
        ({"options": ouch.Options(price_type="M")}, 0x11),
        ({"options": ouch.Options(route="SCAN")}, 0x16),
        ({"options": ouch.Options(user_ref_index=1)}, 0x0F),
    ]
    for number, (change, _) in enumerate(cases, start=10):
        fields = {"side": "B", "quantity": 100, "price": BID, **change}
        client.order(number, fields.pop("side"), fields.pop("quantity"), fields.pop("price"), **fields)
    venue.until(lambda: len(client.reports()) == 10 + len(cases), "rejects")
    rejects = client.reports()[10:]
    assert [(r.type, r.user_ref_num, r.reason) for r in rejects] == [
        ("J", number, code) for number, (_, code) in enumerate(cases, start=10)
    ]
    client.order(10, "B", 100, BID)  # a rejected number is used up: silence
    client.ouch(ouch.AccountQuery())
    venue.until(lambda: client.reports()[-1].type == "Q")
    assert client.reports()[-1].next_user_ref_num == 10 + len(cases)
    assert venue.status["counters"]["retransmissions"] == 1


def test_replace_chain(venue: LocalVenue) -> None:
    client = venue.client()
    client.order(1, "S", 500, 1_000_500)
    client.replace(1, 2, 400, 1_000_400)
    client.replace(1, 3, 300, 1_000_300)  # not the latest of the chain: ignored, number not consumed
    client.replace(2, 3, 350, BID, options=ouch.Options(post_only="N"))  # trades with the bid
    accepted, first, second, fill = venue.expect(client, "AUUE")
    assert (first.orig_user_ref_num, first.user_ref_num, first.quantity, first.price) == (1, 2, 400, 1_000_400)
    assert (second.orig_user_ref_num, second.quantity) == (2, 350)
    assert (fill.user_ref_num, fill.quantity, fill.price, fill.liquidity_flag) == (3, 350, BID, "R")
    kinds = [m.type for m in venue.feed.messages().values()]
    assert kinds[-4:] == ["A", "U", "D", "E"]  # moved, then off the book before the replacement trades

    client.order(4, "S", 500, 1_000_500)
    client.replace(4, 5, 500, 1_000_550)  # off the tick: the original is cancelled, number 5 stays free
    client.order(5, "S", 200, 1_000_500)
    gone, again = venue.expect(client, "AUUEACA")[5:]
    assert (gone.user_ref_num, gone.reason, gone.quantity) == (4, "Z", 500)
    assert again.user_ref_num == 5
    assert accepted.order_reference_number != first.order_reference_number


def test_quantity_of_a_replace_counts_what_was_executed(venue: LocalVenue) -> None:
    client = venue.client()
    client.order(1, "B", 700, ASK)  # 500 filled, 200 rest
    client.replace(1, 2, 600, BID)
    client.replace(2, 3, 500, BID)  # nothing left to be liable for
    reports = venue.expect(client, "AEUC")
    assert reports[2].quantity == 100
    assert (reports[3].user_ref_num, reports[3].quantity, reports[3].reason) == (2, 100, "U")
    orders = venue.ledger.orders("", 10)["rows"]
    assert [(o["state"], o["quantity"], o["filled"], o["chain_filled"], o["leaves"]) for o in orders] == [
        ("replaced", 700, 500, 500, 0),
        ("canceled", 600, 0, 500, 0),
    ]


def test_a_replace_after_market_hours_ends_the_original(tmp_path: Path) -> None:
    rows = [add(11, "B", 500, BID), add(12, "S", 500, ASK), ("34200.4", 5, 0, 1, 1_000_000, 1)]
    file = write_rows(tmp_path / "flow.csv", rows)
    venue = LocalVenue(make_config(tmp_path, flow={"file": str(file)})).start()
    try:
        client = venue.client()
        client.order(1, "B", 100, 998_000)
        client.order(2, "B", 100, 997_000)
        venue.expect(client, "AA")
        venue.until(lambda: venue.status["flow"]["state"] == "closing")
        client.replace(1, 3, 200, 998_500)
        ended = venue.expect(client, "AAC")[-1]
        assert (ended.user_ref_num, ended.quantity, ended.reason) == (1, 100, "E")
        client.order(3, "B", 100, 998_000)  # the number is still free, the market is closed
        refused = venue.expect(client, "AACJ")[-1]
        assert (refused.user_ref_num, refused.reason) == (3, 0x02)
        venue.until(lambda: venue.status["flow"]["state"] == "done")
        assert venue.expect(client, "AACJC")[-1].user_ref_num == 2
    finally:
        venue.close()


def test_modify_keeps_priority_and_answers_once(venue: LocalVenue) -> None:
    client = venue.client()
    client.order(1, "T", 500, 1_000_500)
    client.ouch(ouch.ModifyOrder(user_ref_num=1, side="S", quantity=300))
    client.ouch(ouch.ModifyOrder(user_ref_num=1, side="S", quantity=900))  # increases are ignored
    client.ouch(ouch.ModifyOrder(user_ref_num=1, side="B", quantity=200))  # no change of sides
    client.ouch(ouch.ModifyOrder(user_ref_num=9, side="S", quantity=200))  # not live
    reports = venue.expect(client, "AMMM")
    assert [(m.side, m.quantity) for m in reports[1:]] == [("S", 300), ("S", 300), ("S", 200)]
    changes = [m for m in venue.feed.messages().values() if m.type == "X"]
    assert [x.cancelled_shares for x in changes] == [200, 100]


def test_mass_cancel_disable_and_enable(venue: LocalVenue) -> None:
    client = venue.client()
    client.order(1, "B", 100, 998_000)
    client.order(2, "S", 100, 1_002_000)
    client.order(3, "S", 100, 1_003_000)
    client.ouch(ouch.MassCancel(user_ref_num=4, firm="IRON", symbol="", options=ouch.Options(side="S")))
    client.ouch(ouch.DisableOrderEntry(user_ref_num=5, firm="IRON"))
    client.order(6, "B", 100, 998_000)
    client.ouch(ouch.EnableOrderEntry(user_ref_num=7, firm="IRON"))
    client.order(8, "B", 100, 998_000)
    client.ouch(ouch.MassCancel(user_ref_num=9, firm="ELSE", symbol=""))
    reports = venue.expect(client, "AAAXCCGJKAJ")
    assert [(c.user_ref_num, c.reason) for c in reports[4:6]] == [(2, "U"), (3, "U")]
    assert (reports[7].user_ref_num, reports[7].reason) == (6, 0x0C)
    assert (reports[10].user_ref_num, reports[10].reason) == (9, 0x0C)


def test_self_match_prevention_and_trades_between_accounts(venue: LocalVenue) -> None:
    alpha, beta = venue.client(), venue.client("BETA")
    alpha.order(1, "S", 100, 1_000_000)
    venue.expect(alpha, "A")
    alpha.order(2, "B", 150, 1_000_000)
    prevented = venue.expect(alpha, "AAD")[2]
    assert (prevented.user_ref_num, prevented.decrement_shares, prevented.quantity_prevented) == (1, 100, 100)
    assert (prevented.reason, prevented.execution_price) == ("Q", 1_000_000)
    beta.order(1, "S", 60, 1_000_000)
    taker, maker = venue.expect(beta, "AE")[1], venue.expect(alpha, "AADE")[3]
    assert taker.match_number == maker.match_number
    assert (taker.liquidity_flag, maker.liquidity_flag, maker.user_ref_num) == ("R", "A", 2)


def test_login_is_refused_with_wrong_password_user_or_session(venue: LocalVenue) -> None:
    for username, password, session, reason in (
        ("ALPHA", "wrong", "", "A"),
        ("NOBODY", "secret", "", "A"),
        ("ALPHA", "secret", "OTHER", "S"),
    ):
        client = OuchClient(venue.config["order_entry"]["port"])
        venue.clients.append(client)
        client.login(username, password, session)
        venue.until(lambda: client.of(soupbintcp.LoginRejected), "reject")  # noqa: B023
        assert client.packets[0].reason == reason
        venue.until(lambda: client.read(), "close")  # noqa: B023
    assert venue.client("alpha", password="SECRET").of(soupbintcp.LoginAccepted)  # case does not matter
    assert venue.status["counters"]["rejected_logins"] == 3


def test_stream_is_replayed_from_any_sequence(venue: LocalVenue) -> None:
    client = venue.client()
    client.order(1, "B", 100, 998_000)
    client.order(2, "B", 100, 998_000)
    client.ouch(ouch.CancelOrder(user_ref_num=1, quantity=0))
    client.ouch(ouch.CancelOrder(user_ref_num=2, quantity=0))
    whole = venue.expect(client, "AACC")
    session = client.packets[0].session
    for sequence, first in ((3, 3), (1, 1), (0, 4), (99, 5)):  # 0: from the latest; beyond the end: from the next
        again = venue.client(session=session, sequence=sequence)
        assert (again.packets[0].session, again.packets[0].sequence_number) == (session, first)
        replayed = venue.expect(again, "AACC"[first - 1 :])
        assert replayed == whole[first - 1 :]


def test_takeover_closes_the_older_connection(venue: LocalVenue) -> None:
    older = venue.client()
    older.order(1, "B", 100, 998_000)
    venue.expect(older, "A")
    newer = venue.client()
    venue.until(lambda: older.read(), "close of the older connection")
    reports = venue.expect(newer, "AC")
    assert reports[1].reason == "S"
    newer.order(2, "B", 100, 998_000)
    venue.expect(newer, "ACA")
    assert venue.status["counters"]["closed_by_takeover"] == 1
    assert venue.status["counters"]["clients"] == 1


@pytest.mark.parametrize("how", ["close", "logout", "silence", "garbage"])
def test_losing_the_connection_cancels_open_orders(venue: LocalVenue, how: str) -> None:
    client = venue.client()
    client.order(1, "B", 100, 998_000)
    client.order(2, "S", 100, 1_002_000)
    venue.expect(client, "AA")
    assert venue.status["counters"]["live_orders"] == 4
    counter = {"close": "closed_by_peer", "logout": "closed_by_logout"}.get(how)
    if how == "close":
        client.close()
    elif how == "logout":
        client.send(soupbintcp.LogoutRequest())
    elif how == "garbage":
        client.socket.sendall(b"\x00\x00garbage")
        counter = "closed_malformed"
    else:
        counter = "closed_by_timeout"
    venue.until(lambda: venue.status["counters"]["live_orders"] == 2, "cancel on disconnect")
    assert venue.status["counters"][counter] == 1
    reports = venue.expect(venue.client(), "AACC")
    assert {(c.user_ref_num, c.reason, c.quantity) for c in reports[2:]} == {(1, "S", 100), (2, "S", 100)}


def test_heartbeats_keep_a_quiet_client_alive(venue: LocalVenue) -> None:
    client = venue.client()
    client.order(1, "B", 100, 998_000)
    for _ in range(4):
        before = len(client.of(soupbintcp.ServerHeartbeat))
        venue.until(lambda: len(client.of(soupbintcp.ServerHeartbeat)) > before, "server heartbeat")  # noqa: B023
        client.send(soupbintcp.ClientHeartbeat())
    assert not client.closed
    assert client.kinds() == "A"


def test_client_that_does_not_read_is_cut_off_and_its_orders_cancelled(venue: LocalVenue) -> None:
    client = venue.client()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.order(1, "B", 100, 998_000)
    venue.turn(0)
    number = 2
    request = soupbintcp.encode(soupbintcp.UnsequencedData(message=ouch.encode(ouch.AccountQuery())))
    while venue.status["counters"]["clients"]:
        try:
            client.socket.send(request * 200)
        except BlockingIOError:
            pass
        except ConnectionError:
            break
        venue.turn(0)
        number += 1
        assert number < 20_000
    venue.until(lambda: venue.status["counters"]["closed_slow"] == 1, "slow client")
    assert venue.status["counters"]["live_orders"] == 2


def test_undecodable_message_is_told_and_counted(venue: LocalVenue) -> None:
    client = venue.client()
    client.send(soupbintcp.UnsequencedData(message=b"?what"))
    venue.until(lambda: client.of(soupbintcp.Debug), "debug packet")
    client.order(1, "B", 100, 998_000)
    venue.expect(client, "A")
    assert venue.status["counters"]["malformed_messages"] == 1


def test_ledger_pages(venue: LocalVenue) -> None:
    alpha, beta = venue.client(), venue.client("BETA")
    for number in range(1, 6):
        alpha.order(number, "B", 100, ASK)
    beta.order(1, "S", 100, 1_002_000)
    venue.expect(alpha, "AEAEAEAEAE")
    venue.expect(beta, "A")

    def rows(page: Callable[[str, int], dict[str, Any]]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            answer = page(after, 2)
            assert len(answer["rows"]) <= 2
            found += answer["rows"]
            if answer["next"] is None:
                return found
            after = answer["next"]

    orders = rows(venue.ledger.orders)
    assert [(o["account"], o["user_ref_num"], o["state"]) for o in orders] == [
        *(("ALPHA", number, "filled") for number in range(1, 6)),
        ("BETA", 1, "live"),
    ]
    fills = rows(venue.ledger.fills)
    assert [(f["user_ref_num"], f["quantity"], f["price"]) for f in fills] == [(n, 100, ASK) for n in range(1, 6)]
    assert [f["match_number"] for f in fills] == [e.match_number for e in alpha.reports() if e.type == "E"]
    assert {f["session"] for f in fills} == {alpha.packets[0].session}
    with pytest.raises(ValueError, match="nobody:1"):
        venue.ledger.orders("nobody:1", 2)
