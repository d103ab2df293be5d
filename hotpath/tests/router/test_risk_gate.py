"""Every reason of the gate on its own: the same order passes on one side of the limit and is refused on the other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpath.ipc.layouts import BookEventKind, RefusalReason, TradingMode
from hotpath.router.risk_gate import REFUSALS, RiskGate, effective_mode_of, reference_price_of, refusal_name

REFERENCE = 1_000_000
SECOND = 1_000_000_000
WIDE: dict[str, int] = {
    "max_order_quantity": 999_999,
    "max_notional": 10**16,
    "max_position": 10**9,
    "collar_bps": 10_000,
    "max_messages_per_second": 1_000_000,
    "max_open_orders": 1_000,
}
ORDER: dict[str, Any] = {"price": REFERENCE, "quantity": 100, "reference": REFERENCE}
CHANGE: dict[str, Any] = ORDER | {"new_order_id": 2, "target_live": True, "target_leaves": 100}


def gate(**limits: int) -> RiskGate:
    made = RiskGate(1, 100)
    made.configure(**(WIDE | limits))
    return made


def new(limits: dict[str, int] | None = None, **fields: Any) -> str | None:
    return gate(**(limits or {})).check("new", **(ORDER | fields))


def replace(limits: dict[str, int] | None = None, **fields: Any) -> str | None:
    return gate(**(limits or {})).check("replace", **(CHANGE | fields))


def test_one_table_covers_every_reason() -> None:
    assert {refusal.code for refusal in REFUSALS} == {reason.value for reason in RefusalReason} - {0}
    for refusal in REFUSALS:
        assert RefusalReason(refusal.code).name == f"REFUSED_{refusal.name.upper()}"
        assert refusal_name(refusal.code) == refusal.name
        assert refusal.text
    assert refusal_name(0) is None


def test_a_plain_order_passes() -> None:
    assert new() is None
    assert new(side="S", time_in_force="3", flags=1) is None
    assert replace() is None


@pytest.mark.parametrize(
    "field",
    [
        {"quantity": 0},
        {"quantity": -1},
        {"quantity": 1_000_000},
        {"price": 0},
        {"price": -100},
        {"price": 2_000_000_000},  # means a market order
        {"price": REFERENCE + 1},  # off the tick
        {"flags": 2},
        {"locate": 2},
    ],
)
def test_invalid_fields(field: dict[str, Any]) -> None:
    assert new(**field) == "invalid"
    assert replace(**field) == "invalid"


def test_invalid_fields_of_new_orders() -> None:
    assert new(side="T") == "invalid"
    assert new(time_in_force="5") == "invalid"
    assert new(order_id=0) == "invalid"


def test_replace_to_nothing_is_invalid() -> None:
    assert replace(target_filled=99) is None
    assert replace(target_filled=100) == "invalid"


def test_stale_epoch() -> None:
    for kind in ("new", "replace", "cancel", "mass_cancel"):
        fields = CHANGE | {"target_live": True}
        assert gate().check(kind, **fields, router_epoch=2, intent_router_epoch=1) == "stale_epoch"
        assert gate().check(kind, **fields, strategy_epoch=1, newest_strategy_epoch=2) == "stale_epoch"
        assert gate().check(kind, **fields, strategy_epoch=2, newest_strategy_epoch=1) is None


def test_old_intents_are_stale() -> None:
    for check in (new, replace):
        assert check(age_ns=SECOND) is None
        assert check(age_ns=SECOND + 1) == "stale_epoch"
    assert gate().check("cancel", target_live=True, age_ns=10 * SECOND) is None


def test_duplicate_id() -> None:
    assert new(order_id=8, last_order_id=7) is None
    assert new(order_id=7, last_order_id=7) == "duplicate_id"
    assert new(order_id=3, last_order_id=7) == "duplicate_id"
    assert new(order_id=3, last_order_id=7, strategy_epoch=2) is None  # a new strategy counts anew
    assert replace(new_order_id=8, last_order_id=7) is None
    assert replace(new_order_id=7, last_order_id=7) == "duplicate_id"


def test_killed_halted_and_session_down() -> None:
    for check in (new, replace):
        assert check(killed=True) == "killed"
        assert check(mode="HALTED") == "halted"
        assert check(session_up=False) == "session_down"


def test_cancels_pass_whatever_the_state() -> None:
    strict = gate(max_messages_per_second=0, max_order_quantity=0, max_position=0)
    for _ in range(50):
        assert strict.check("cancel", killed=True, mode="HALTED", target_live=True) is None
        assert strict.check("mass_cancel", killed=True, mode="HALTED") is None
    assert strict.check("cancel", target_live=True, session_up=False) == "session_down"
    assert strict.check("mass_cancel", session_up=False) == "session_down"


def test_unknown_order() -> None:
    assert gate().check("cancel", target_live=False) == "unknown_order"
    assert replace(target_live=False) == "unknown_order"


def test_too_many_orders() -> None:
    assert new({"max_open_orders": 3}, open_orders=2) is None
    assert new({"max_open_orders": 3}, open_orders=3) == "too_many_orders"
    assert new(pool_full=True) == "too_many_orders"
    assert replace({"max_open_orders": 3}, open_orders=3) is None  # it does not add one
    assert replace(pool_full=True) == "too_many_orders"


def test_max_order_size() -> None:
    assert new({"max_order_quantity": 100}) is None
    assert new({"max_order_quantity": 99}) == "max_order_size"
    # what is left open counts, not the chain's total
    assert replace({"max_order_quantity": 100}, quantity=150, target_filled=50) is None
    assert replace({"max_order_quantity": 99}, quantity=150, target_filled=50) == "max_order_size"


def test_max_notional() -> None:
    assert new({"max_notional": 100 * REFERENCE}) is None
    assert new({"max_notional": 100 * REFERENCE - 1}) == "max_notional"
    assert replace({"max_notional": 100 * REFERENCE - 1}) == "max_notional"
    largest = {"price": 1_999_999_900, "quantity": 999_999, "reference": 1_999_999_900}
    assert new({"max_notional": 2**63 - 1}, **largest) is None
    assert new({"max_notional": 1_999_999_900 * 999_999 - 1}, **largest) == "max_notional"


@pytest.mark.parametrize("side", ["B", "S"])
def test_price_collar(side: str) -> None:
    limits = {"collar_bps": 500}
    assert new(limits, side=side, price=1_050_000) is None
    assert new(limits, side=side, price=1_050_100) == "price_collar"
    assert new(limits, side=side, price=950_000) is None
    assert new(limits, side=side, price=949_900) == "price_collar"
    assert replace(limits, target_side=side, price=1_050_100) == "price_collar"
    assert new({"collar_bps": 2**62}, side=side, price=1_999_999_900, reference=100) == "price_collar"


def test_no_reference_price() -> None:
    assert new(reference=0) == "no_reference_price"
    assert replace(reference=0) == "no_reference_price"
    update = BookEventKind.BOOK_UPDATE
    assert reference_price_of(kind=update, bid_price=100, ask_price=301) == 200
    assert reference_price_of(kind=update, bid_price=0, ask_price=300) == 300
    assert reference_price_of(kind=update, bid_price=100, ask_price=0) == 100
    assert reference_price_of(kind=update, bid_price=0, ask_price=0) == 0
    assert reference_price_of(kind=BookEventKind.BOOK_STALE, bid_price=100, ask_price=300) == 0
    assert reference_price_of(kind=BookEventKind.BOOK_RESET, bid_price=100, ask_price=300) == 0


def test_position_limit_counts_all_open_orders() -> None:
    limits = {"max_position": 1_000}
    assert new(limits, position=500, open_buy=400) is None
    assert new(limits, position=500, open_buy=401) == "position_limit"
    assert new(limits, side="S", position=-500, open_sell=400) is None
    assert new(limits, side="S", position=-500, open_sell=401) == "position_limit"
    assert new(limits, side="B", position=-1_000, open_sell=1_000) is None
    # beyond a lowered limit only the way back is open
    assert new(limits, side="S", position=2_000) is None
    assert new(limits, side="B", position=2_000) == "position_limit"
    huge = 2**63 - 1
    assert new(limits, position=huge, open_buy=huge) == "position_limit"
    assert new(limits, side="S", position=-huge, open_sell=huge) == "position_limit"


def test_position_limit_of_replaces() -> None:
    limits = {"max_position": 1_000}
    # 100 open shares of this order are in open_buy already: only the increase counts
    assert replace(limits, position=500, open_buy=500) is None
    assert replace(limits, position=500, open_buy=500, quantity=101) == "position_limit"
    # a smaller one does not free anything before the venue has agreed
    assert replace(limits, position=500, open_buy=501, quantity=10) == "position_limit"
    assert replace(limits, position=500, open_buy=500, quantity=200, target_filled=100) is None
    assert replace(limits, target_side="S", position=-500, open_sell=500, quantity=101) == "position_limit"


def test_reduce_only() -> None:
    reducing: dict[str, Any] = {"mode": "REDUCING"}
    assert new(side="S", position=100, **reducing) is None
    assert new(side="S", position=99, **reducing) == "reduce_only"
    assert new(side="S", position=150, open_sell=50, **reducing) is None
    assert new(side="S", position=150, open_sell=51, **reducing) == "reduce_only"
    assert new(side="B", position=100, **reducing) == "reduce_only"
    assert new(side="B", position=-100, **reducing) is None
    assert new(side="B", position=-99, **reducing) == "reduce_only"
    assert new(side="B", position=-150, open_buy=51, **reducing) == "reduce_only"
    for side in "BS":
        assert new(side=side, position=0, **reducing) == "reduce_only"
    assert replace(target_side="S", position=100, open_sell=100, **reducing) is None
    assert replace(target_side="S", position=100, open_sell=100, quantity=101, **reducing) == "reduce_only"
    assert replace(target_side="B", position=100, open_buy=100, **reducing) == "reduce_only"


def test_lease_expiry_leaves_reduce_only() -> None:
    def mode(mode: TradingMode, expires: int, now: int) -> int:
        return effective_mode_of(mode=mode, lease_expires_mono_ns=expires, now_ns=now)

    assert mode(TradingMode.MODE_ACTIVE, 0, 10**18) == TradingMode.MODE_ACTIVE  # no lease required
    assert mode(TradingMode.MODE_ACTIVE, 100, 99) == TradingMode.MODE_ACTIVE
    assert mode(TradingMode.MODE_ACTIVE, 100, 100) == TradingMode.MODE_REDUCING
    assert mode(TradingMode.MODE_HALTED, 100, 100) == TradingMode.MODE_HALTED
    assert effective_mode_of(mode=77, lease_expires_mono_ns=0, now_ns=0) == TradingMode.MODE_HALTED


def test_message_rate() -> None:
    limited = gate(max_messages_per_second=10)
    passed = [limited.check("new", **ORDER, now_ns=0) for _ in range(3)]
    assert passed == [None, "message_rate", "message_rate"]
    assert limited.check("new", **ORDER, now_ns=SECOND // 10 - 1) == "message_rate"
    assert limited.check("new", **ORDER, now_ns=SECOND // 10) is None
    assert gate(max_messages_per_second=0).check("new", **ORDER) == "message_rate"
    assert gate(max_messages_per_second=0).check("replace", **CHANGE) == "message_rate"


def test_cancels_count_but_do_not_mute_for_long() -> None:
    limited = gate(max_messages_per_second=100)
    for _ in range(1_000):
        assert limited.check("cancel", target_live=True, now_ns=0) is None
    assert limited.check("new", **ORDER, now_ns=0) == "message_rate"
    assert limited.check("new", **ORDER, now_ns=SECOND // 50) is None


def test_refused_orders_use_no_rate() -> None:
    limited = gate(max_messages_per_second=10)
    for _ in range(100):
        assert limited.check("new", **(ORDER | {"quantity": 0}), now_ns=0) == "invalid"
        assert limited.check("new", **ORDER, now_ns=0, mode="REDUCING") == "reduce_only"
    assert limited.check("new", **ORDER, now_ns=0) is None


@given(
    rate=st.integers(1, 300),
    gaps=st.lists(st.one_of(st.just(0), st.integers(0, SECOND // 20), st.integers(0, SECOND)), max_size=400),
)
def test_no_second_ever_holds_more_than_the_limit(rate: int, gaps: list[int]) -> None:
    limited = gate(max_messages_per_second=rate)
    now, passed = 0, []
    for gap in gaps:
        now += gap
        if limited.check("new", **ORDER, now_ns=now) is None:
            passed.append(now)
    for index, first in enumerate(passed):
        within = sum(1 for at in passed[index:] if at < first + SECOND)
        assert within <= rate


def test_unset_limits_refuse_everything() -> None:
    assert RiskGate(1, 100).check("new", **ORDER) is not None
    assert new({"max_order_quantity": -1}) == "max_order_size"
    assert new({"max_position": -1}) == "position_limit"


def test_tick_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"instrument\.tick"):
        RiskGate(1, 0)
