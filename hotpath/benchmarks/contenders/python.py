"""What is called from Python, whatever it is written in."""

from __future__ import annotations

from benchmarks.python_peer import PythonPeer

_MOVE = "move = cancel and new"

CONTENDERS = (
    PythonPeer(
        "cython-orderbook",
        "cython-orderbook",
        "0.1.2",
        "cython_orderbook",
        ("matching",),
        f"whole numbers as prices, {_MOVE}",
        {"matching": 100_000},
    ),
    PythonPeer(
        "orderly-chaos",
        "orderly-chaos",
        "0.2.0",
        "orderly_chaos",
        ("matching",),
        f"C++ by ctypes, {_MOVE}",
        {"matching": 100_000},
    ),
    PythonPeer(
        "lightmatchingengine",
        "lightmatchingengine",
        "2019.1.4",
        "lightmatchingengine",
        ("matching",),
        _MOVE,
        {"matching": 20_000},
    ),
    PythonPeer("pyorderbook", "pyorderbook", "0.4.9", "pyorderbook", ("matching",), _MOVE, {"matching": 20_000}),
    PythonPeer(
        "nautilus_trader",
        "nautilus_trader",
        "1.221.0",
        "nautilus_trader",
        ("book-per-message",),
        "L3, deltas made beforehand",
        settings={"input": "objects"},
    ),
    PythonPeer(
        "nautilus_trader from bytes",
        "nautilus_trader",
        "1.221.0",
        "nautilus_trader",
        ("book-per-message",),
        "L3, deltas made from each message",
        settings={"input": "bytes"},
    ),
    PythonPeer(
        "order-book",
        "order-book",
        "0.6.1",
        "order_book",
        ("book-per-message",),
        "L2, shares per level worked out beforehand",
    ),
    PythonPeer(
        "sortedcontainers", "sortedcontainers", "2.4.0", "sortedcontainers", ("book-per-message",), "plain L3 book"
    ),
    PythonPeer(
        "itchcpp",
        "itchcpp",
        "1.6.4",
        "itchcpp",
        ("book-building", "book-per-message", "itch-decoding"),
        "C++ by pybind11; decoding makes an object per message",
    ),
    PythonPeer("itchfeed", "itchfeed", "1.6.4", "itchfeed", ("itch-decoding",), "pure Python"),
    PythonPeer(
        "hftbacktest HashMap",
        "hftbacktest",
        "2.4.4",
        "hftbacktest",
        ("book-building",),
        "L2 events made beforehand, one call",
        one_symbol=True,
        settings={"depth": "hash-map"},
    ),
    PythonPeer(
        "hftbacktest ROIVector",
        "hftbacktest",
        "2.4.4",
        "hftbacktest",
        ("book-building",),
        "L2 events made beforehand, one call",
        one_symbol=True,
        settings={"depth": "roi-vector"},
    ),
)
