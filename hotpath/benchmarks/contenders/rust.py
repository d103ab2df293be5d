"""Rust crates: matching engines, order books and an ITCH parser."""

from __future__ import annotations

from benchmarks.rust_peer import RustPeer

CONTENDERS = (
    RustPeer("lobster (Rust)", "lobster", "0.7.0", ("matching",), "move = cancel and new, IOC = limit and cancel"),
    RustPeer("matchcore (Rust)", "matchcore", "0.4.0", ("matching",), "its limit orders trade beyond their limit"),
    RustPeer("orderbook-rs (Rust)", "orderbook-rs", "0.15.3", ("matching",), "a book for many threads"),
    RustPeer("itchy (Rust)", "itchy", "0.3.4", ("itch-decoding",)),
    RustPeer("hftbacktest L3 (Rust)", "hftbacktest", "0.9.4", ("book-building",), "HashMapMarketDepth called directly"),
    RustPeer("nautilus L3 (Rust)", "nautilus-model", "0.57.0", ("book-building",), "OrderBook called directly"),
)
