"""First inputs of each target: the golden vectors of the codecs' tests, snapshots of small books, a few packets."""

from __future__ import annotations

import hashlib
import importlib
import sys
from pathlib import Path

from hotpath.book.matching_engine import MatchingEngine
from hotpath.book.order_book import OrderBook
from hotpath.book.snapshot import snapshot

VECTORS = Path(__file__).resolve().parents[1] / "tests" / "protocols"


def seeds() -> dict[str, list[bytes]]:
    """Target name to inputs. Reads the vectors beside the tests."""
    sys.path.insert(0, str(VECTORS))
    try:
        vectors = importlib.import_module("codec_vectors")
    finally:
        sys.path.remove(str(VECTORS))
    itch = [bytes.fromhex(wire) for wire, _ in vectors.ITCH]
    inbound = [bytes.fromhex(wire) for wire, _ in vectors.OUCH_INBOUND]
    outbound = [bytes.fromhex(wire) for wire, _ in vectors.OUCH_OUTBOUND]
    tags = [bytes.fromhex(wire) for wire, _, _ in vectors.OUCH_TAGS]
    # every Enter and Replace with every optional field
    appended = [
        message[:-2] + len(tag).to_bytes(2, "big") + tag
        for message in inbound
        for tag in tags
        if message[-2:] == b"\0\0"
    ]
    login = b"TMM   " + b"SECRET    " + b" " * 10 + b" " * 19 + b"1"
    accepted = b"      SES1" + b" " * 18 + b"42"
    payloads = [b"L" + login, b"L" + login + b"15000", b"A" + accepted, b"JA", b"+hello", b"H", b"R", b"Z", b"O"]
    soup = [_sized(each) for each in [*payloads, *(b"S" + m for m in outbound[:4]), *(b"U" + m for m in inbound[:4])]]
    mold = [_mold(itch[i : i + 3]) for i in range(0, len(itch), 3)] + [_mold([])]
    stream = b"".join(soup)
    batch = b"".join(bytes([len(message)]) + message for message in itch[:6])
    return {
        "itch_message": itch,
        "itch_batch": [batch],
        "glimpse_message": [b"G" + b"42".rjust(20), b"G" + b"42".ljust(20)],
        "moldudp64_packet": mold,
        "moldudp64_request": [b"SESSION   " + (7).to_bytes(8, "big") + (3).to_bytes(2, "big")],
        "moldudp64_pack": [batch],
        "ouch_inbound": inbound + appended,
        "ouch_outbound": outbound,
        "soupbintcp_packet": soup,
        "soupbintcp_stream": [bytes([step]) + stream for step in (1, 3, 255)],
        "soupbintcp_small_buffer": [stream, _sized(b"S" * 70)],
        "book_snapshot": _snapshots(),
        "line_arbitration": _packets(itch[:4]),
    }


def name_of(data: bytes) -> str:
    """File name of a corpus entry: the digest of its content."""
    return hashlib.sha256(data).hexdigest()[:16]


def _snapshots() -> list[bytes]:
    book, engine = OrderBook(64), MatchingEngine(64, max_owners=4)
    engine.set_owner_self_match_prevention(2, 1)
    empty = [snapshot(book), snapshot(engine)]
    for reference in range(1, 7):
        book.add_order(reference, "BS"[reference % 2], 1000 + reference % 3, 10 * reference)
        engine.submit_order(
            reference, "BS"[reference % 2], 1000 + reference % 2 * 50, 9, owner=reference % 4, token=reference
        )
        engine.drain_events()
    return [*empty, snapshot(book, symbol="IRON", position=7), snapshot(engine, symbol="IRON", position=7)]


def _packets(messages: list[bytes]) -> list[bytes]:
    """Blocks of a one-byte length, a byte for source and session, and a packet without its session."""

    def block(source: int, sequence: int, count: int, content: list[bytes]) -> bytes:
        packet = sequence.to_bytes(8, "big") + count.to_bytes(2, "big") + b"".join(_sized(each) for each in content)
        return bytes([1 + len(packet), source]) + packet

    first, gap = block(0, 1, 1, messages[:1]), block(1, 4, 1, messages[3:4])
    return [
        first + gap + block(2, 2, 2, messages[1:3]),  # re-requested
        first + gap + block(0, 2, 1, messages[1:2]) + block(1, 2, 2, messages[1:3]),
        first + block(64, 1, 0, []) + block(1, 2, 0xFFFF, []) + block(64, 9, 0, []),
    ]


def _sized(packet: bytes) -> bytes:
    return len(packet).to_bytes(2, "big") + packet


def _mold(messages: list[bytes]) -> bytes:
    header = b"SESSION   " + (1).to_bytes(8, "big") + len(messages).to_bytes(2, "big")
    return header + b"".join(_sized(message) for message in messages)
