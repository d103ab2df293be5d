"""The role as a process: configuration errors, restart after kill -9, graceful stop, admin port."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from venue_support import (
    Feed,
    LocalVenue,
    OuchClient,
    VenueChild,
    add,
    make_config,
    wait_for,
    write_rows,
)

from hotpath.config import ConfigError
from hotpath.ipc.status import read_status
from hotpath.protocols import ouch, soupbintcp
from hotpath.venue import role
from hotpath.venue.client_account import ClientAccount
from hotpath.venue.identity import IdentityError, VenueIdentity
from hotpath.venue.ledger import Ledger
from hotpath.venue.recovery import recover_accounts


@pytest.fixture(autouse=True)
def signal_handlers_restored() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


StartChild = Callable[[dict[str, Any]], VenueChild]


def login(config: dict[str, Any], **how: Any) -> OuchClient:
    client = OuchClient(config["order_entry"]["port"])
    client.login(**how)
    wait_for(lambda: client.read() or client.packets, "login answer")
    return client


def test_kill_9_loses_nothing_and_the_restart_cancels_what_was_open(
    tmp_path: Path, venue_child: StartChild, request: pytest.FixtureRequest
) -> None:
    rows = [add(11, "B", 500, 999_000), add(12, "S", 500, 1_001_000), ("34260.0", 5, 0, 1, 1_000_000, 1)]
    config = make_config(tmp_path, flow={"file": str(write_rows(tmp_path / "flow.csv", rows))})
    feed = Feed(config)
    request.addfinalizer(feed.close)
    child = venue_child(config)
    child.wait_ready()
    client = login(config)
    session = client.packets[0].session
    client.order(1, "B", 200, 1_001_000)
    client.order(2, "S", 300, 1_002_000)
    client.replace(2, 3, 250, 1_003_000)
    wait_for(lambda: client.kinds() == "AEAU", "reports")
    fills = child.get("/ledger/fills").json()["rows"]
    first_feed = child.get("/status").json()["feed"]["session"]
    child.signal(signal.SIGKILL)
    wait_for(lambda: client.read(), "close")

    child.start()
    child.wait_ready()
    assert int(child.log.read_text().rpartition("took_ms=")[2].split()[0]) < 1000
    again = login(config, session=session, sequence=4)
    wait_for(lambda: again.kinds() == "UC", "replay")
    cancelled = again.reports()[1]
    assert (cancelled.user_ref_num, cancelled.quantity, cancelled.reason) == (3, 250, "Z")
    again.order(3, "B", 100, 999_000)  # number used before the crash: ignored
    again.order(4, "B", 100, 1_001_000)
    wait_for(lambda: again.kinds() == "UCAE", "new order")
    assert again.reports()[2].user_ref_num == 4
    assert child.get("/ledger/fills").json()["rows"][:1] == fills
    orders = child.get("/ledger/orders").json()["rows"]
    assert [(o["user_ref_num"], o["state"], o["filled"], o["leaves"]) for o in orders] == [
        (1, "filled", 200, 0),
        (2, "replaced", 0, 0),
        (3, "canceled", 0, 0),
        (4, "filled", 100, 0),
    ]
    assert len({f["match_number"] for f in child.get("/ledger/fills").json()["rows"]}) == 2
    status = child.get("/status").json()
    assert status["flow"]["rows_replayed"] == 2  # the recorded book was rebuilt, not replayed again
    assert status["feed"]["session"] != first_feed
    adds = [m for m in feed.messages().values() if m.type == "A"]
    assert [(m.order_ref, m.shares) for m in adds] == [(11, 500), (12, 500)]

    open_order = login(config, session=session, sequence=0)
    open_order.order(5, "B", 100, 998_000)
    wait_for(lambda: open_order.kinds()[-1:] == "A", "order")
    assert child.signal(signal.SIGTERM) == 0
    wait_for(lambda: open_order.read(), "close")
    assert open_order.reports()[-1].reason == "Z"
    for connection in (client, again, open_order):
        connection.close()
    assert "stopped" in child.log.read_text()


def test_admin_port_and_status_block(
    tmp_path: Path, venue_child: StartChild, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make_config(tmp_path)
    child = venue_child(config)
    child.wait_ready()
    assert child.get("/livez").json()["alive"] is True
    gates = child.get("/readyz").json()["gates"]
    assert {gate["name"] for gate in gates} == {"flow", "ports", "ledger", "loop"}
    assert "ironlane_venue_feed_messages" in child.get("/metrics").text
    assert child.get("/ledger/orders?limit=0").status_code == 400
    assert child.get("/ledger/orders?after=nobody:1").status_code == 400
    status = read_status(config["runtime"]["shm_prefix"], "venue")
    assert status["ready"]
    assert status["counters"]["live_orders"] > 0
    # a second venue on the same data folder is refused, and so is one on the same ports
    other = {**config, "runtime": {**config["runtime"], "data_dir": str(tmp_path / "other")}}
    for again, text in ((config, "another venue"), (other, f"port {config['rerequest']['port']}")):
        file = tmp_path / "second.json"
        file.write_text(json.dumps(again))
        assert role.run(str(file)) == 1
        log = capsys.readouterr().err
        assert text in log
        assert str(child.process.pid if child.process else 0) in log


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"flow": {"file": "/nowhere/x.csv"}}, r"/nowhere/x\.csv: no such replay file"),
        ({"flow": {"start": "later"}}, r"flow\.start"),
        ({"flow": {"speed": -1.0}}, r"flow\.speed"),
        ({"flow": {"reference_price": 1_000_001}}, r"flow\.reference_price"),
        ({"accounts": ("TOOLONGNAME",)}, "username"),
        ({"rerequest_window": 0}, "rerequest_window"),
        ({"flow_id": ""}, "flow_id"),
        ({"heartbeat_ms": 0}, "heartbeat_ms"),
        ({"client_timeout_ms": 50}, "client_timeout_ms"),
        ({"accounts": ("ALPHA", "alpha")}, "same username"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_bad_configuration_is_named(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    file = tmp_path / "venue.json"
    file.write_text(json.dumps(make_config(tmp_path, **change)))
    with pytest.raises(ConfigError, match=text) as failure:
        role.run(str(file))
    assert str(file) in str(failure.value)


def test_missing_password_and_corrupt_row_are_named(tmp_path: Path) -> None:
    rows = tmp_path / "flow.csv"
    rows.write_text("34200.0,1,1,100,1000000,1\n34200.0,1,2,100,oops,1\n")
    config = make_config(tmp_path, flow={"file": str(rows)})
    file = tmp_path / "venue.json"
    file.write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="line 2"):
        role.run(str(file))
    (tmp_path / "password").unlink()
    with pytest.raises(ConfigError, match="password file"):
        role.run(str(file))


@pytest.mark.parametrize("port", ["order_entry", "glimpse", "admin"])
def test_taken_port_is_named_with_its_holder(tmp_path: Path, port: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = make_config(tmp_path)
    file = tmp_path / "venue.json"
    file.write_text(json.dumps(config))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        holder.bind(("127.0.0.1", config[port]["port"]))
        holder.listen()
        assert role.run(str(file)) == 1
    text = capsys.readouterr().err
    assert f"port {config[port]['port']}" in text
    assert "held by" in text


def test_restart_resumes_and_a_new_flow_id_starts_over(tmp_path: Path) -> None:
    config = make_config(tmp_path, flow={"speed": 0.0, "max_rows_per_second": 200_000})
    venue = LocalVenue(config).start()
    try:
        venue.until(lambda: venue.status["flow"]["rows_replayed"] > 2000)
        position = venue.status["flow"]["rows_replayed"]
        before = venue.status["counters"]["live_orders"]
        venue.stop()
        venue.start()
        assert venue.status["flow"]["rows_replayed"] == position
        assert venue.status["counters"]["live_orders"] == before  # the generated book, as it was
        venue.stop()
        venue.config = {**config, "flow_id": "two"}
        venue.start()
        assert venue.status["flow"]["rows_replayed"] == 0
    finally:
        venue.close()


def test_a_generated_flow_ends_after_its_rows_also_over_a_restart(tmp_path: Path) -> None:
    flow = {"speed": 0.0, "max_rows_per_second": 200_000, "rows": 3000}
    venue = LocalVenue(make_config(tmp_path, flow=flow)).start()
    try:
        venue.until(lambda: 500 < venue.status["flow"]["rows_replayed"] < 2500)
        venue.stop()
        venue.start()
        assert 500 < venue.status["flow"]["rows_replayed"] < 3000
        venue.until(lambda: venue.status["flow"]["state"] == "done")
        ended = venue.status["flow"]
        assert (ended["rows_replayed"], ended["rows_total"]) == (3000, 3000)
        events = [m.event_code for m in venue.feed.messages().values() if m.type == "S"]
        assert events[-3:] == ["M", "E", "C"]
        book = venue.status["counters"]["live_orders"]

        venue.stop()  # after the end nothing begins again, and time does not run back
        venue.start()
        venue.until(lambda: venue.status["flow"]["state"] == "done")
        assert venue.status["flow"]["rows_replayed"] == 3000
        assert venue.status["flow"]["time_ns"] >= ended["time_ns"]
        assert venue.status["counters"]["live_orders"] == book
    finally:
        venue.close()


def test_a_requested_flow_goes_on_by_itself_after_kill_9(tmp_path: Path, venue_child: StartChild) -> None:
    child = venue_child(make_config(tmp_path, flow={"start": "on_request", "rows": 1_000_000}))

    def flow() -> dict[str, Any]:
        return dict(child.get("/status").json()["flow"])

    child.wait_ready()
    child.signal(signal.SIGKILL)
    child.start()
    child.wait_ready()
    assert (flow()["state"], flow()["rows_replayed"]) == ("waiting", 0)  # nobody has asked for it yet
    httpx.post(f"http://127.0.0.1:{child.config['admin']['port']}/flow/start", timeout=5).raise_for_status()
    wait_for(lambda: flow()["rows_replayed"] > 0, "rows")
    child.signal(signal.SIGKILL)
    child.start()
    child.wait_ready()
    before = flow()
    assert before["state"] == "running"
    assert before["rows_replayed"] > 0
    wait_for(lambda: flow()["rows_replayed"] > before["rows_replayed"], "more rows")


def test_data_folder_belongs_to_one_venue_and_is_checked(tmp_path: Path) -> None:
    identity = VenueIdentity(tmp_path)
    session = identity.session
    assert (identity.next_start(), identity.feed_session) == (1, b"V000000001")
    with pytest.raises(IdentityError, match="another venue"):
        VenueIdentity(tmp_path)
    identity.close()
    again = VenueIdentity(tmp_path)
    assert (again.session, again.starts) == (session, 1)
    again.close()
    (tmp_path / "venue.json").write_text("{}")
    with pytest.raises(IdentityError, match=r"venue\.json: damaged"):
        VenueIdentity(tmp_path)


def test_trade_cut_off_between_its_two_sides_is_completed(tmp_path: Path) -> None:
    """A kill between the two messages of a trade between clients: the maker gets its fill, the rest is cancelled."""
    accounts = [ClientAccount(name, "x", "IRON", str(tmp_path / name), 10) for name in ("ALPHA", "BETA")]
    references = [(1 << 62) | (index + 1) << 32 | 7 for index in range(2)]
    for account, reference, side in zip(accounts, references, "BS", strict=True):
        accepted = ouch.OrderAccepted(1, 7, side, 100, "TEST", 5000, "0", "Y", reference, "P", "N", "N", "L", "C7")
        account.append_message(ouch.encode(accepted))
    accounts[0].append_message(ouch.encode(ouch.OrderExecuted(2, 7, 60, 5000, "R", 99)), references[1])
    ledgers = [Ledger(account.username, "S", account.directory) for account in accounts]
    recovered = recover_accounts(accounts, ledgers, 3)
    assert (recovered.completed_fills, recovered.cancelled) == (1, 2)
    maker = ledgers[1].fills
    assert [(f["match_number"], f["quantity"], f["price"], f["liquidity"]) for f in maker] == [(99, 60, 5000, "A")]
    for ledger in ledgers:
        order = ledger.orders[0]
        assert (order.state, order.filled, order.cancelled, order.reason) == ("canceled", 60, 40, "Z")
    assert recover_accounts(accounts, ledgers, 4).completed_fills == 0
    for account in accounts:
        account.journal.close()


def test_a_whole_trade_is_not_completed_again_however_much_the_maker_trades_after_it(tmp_path: Path) -> None:
    accounts = [ClientAccount(name, "x", "IRON", str(tmp_path / name), 10) for name in ("ALPHA", "BETA")]
    references = [(1 << 62) | (index + 1) << 32 | 7 for index in range(2)]
    for account, reference, side in zip(accounts, references, "BS", strict=True):
        accepted = ouch.OrderAccepted(1, 7, side, 100, "TEST", 5000, "0", "Y", reference, "P", "N", "N", "L", "C7")
        account.append_message(ouch.encode(accepted))
    accounts[0].append_message(ouch.encode(ouch.OrderExecuted(2, 7, 1, 5000, "R", 99)), references[1])
    accounts[1].append_message(ouch.encode(ouch.OrderExecuted(2, 7, 1, 5000, "A", 99)), references[0])
    for match in range(100, 120):
        accounts[1].append_message(ouch.encode(ouch.OrderExecuted(3, 7, 1, 5000, "A", match)))
    ledgers = [Ledger(account.username, "S", account.directory) for account in accounts]
    assert recover_accounts(accounts, ledgers, 4).completed_fills == 0
    assert [ledger.orders[0].filled for ledger in ledgers] == [1, 21]
    for account in accounts:
        account.journal.close()


def test_full_stream_closes_order_entry_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venue = LocalVenue(make_config(tmp_path))
    try:
        client = venue.start().client()
        client.order(1, "B", 100, 500_000)
        venue.expect(client, "A")
        venue.stop()
        monkeypatch.setattr(role, "JOURNAL_RESERVE", 1 << 30)  # more than the journal can ever hold
        late = venue.start().client()
        assert late.of(soupbintcp.LoginRejected)[0].reason == "S"
        venue.turn(10)
        assert venue.process is not None
        assert "ALPHA: the journal is full" in venue.process.gate_reasons()["ledger"]
        assert "ALPHA: the journal is full" in venue.status["errors"]
    finally:
        venue.close()
