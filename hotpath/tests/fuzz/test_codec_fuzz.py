"""Decoders and framers on golden vectors, the kept corpus, mutations of both and random bytes; the same each time."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import pytest
from fuzzing.seeds import seeds
from fuzzing.targets import TARGETS

from hotpath.protocols import itch

CORPUS = Path(__file__).parent / "corpus"
ROUNDS = 1_500
MAX_BYTES = 4_096
MAX_KEPT = 16
EXTREMES = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff\xff", b"\xff\xfe", b"\x00\x00", b"\xff" * 8)


def inputs(target: str) -> list[bytes]:
    kept = [path.read_bytes() for path in sorted((CORPUS / target).glob("*"))]
    return [*seeds()[target], *kept]


def mutated(data: bytes, source: random.Random, others: list[bytes]) -> bytes:
    """One to four changes: a bit, an extreme value, a cut, a repeated or inserted stretch, another input's end."""
    changed = bytearray(data)
    for _ in range(source.randint(1, 4)):
        at = source.randint(0, len(changed))
        match source.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << source.randrange(8)
            case 1:
                value = source.choice(EXTREMES)
                changed[at : at + len(value)] = value
            case 2:
                del changed[at : at + source.randint(1, 16)]
            case 3:
                changed[at:at] = changed[at : at + source.randint(1, 32)]
            case 4:
                changed[at:at] = source.randbytes(source.randint(1, 16))
            case _:
                other = source.choice(others)
                changed[at:] = other[source.randint(0, len(other)) :]
    return bytes(changed[:MAX_BYTES])


def run(target: str, data: bytes) -> None:
    try:
        TARGETS[target](data)
    except Exception as error:
        error.add_note(f"{target} on bytes.fromhex({data.hex()!r})")
        raise


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_vectors_and_corpus(target: str) -> None:
    known = inputs(target)
    assert known
    for data in known:
        run(target, data)
        for length in range(len(data)):
            run(target, data[:length])


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_mutations_with_a_fixed_seed(target: str) -> None:
    source = random.Random(zlib.crc32(target.encode()))
    known = inputs(target)
    for _ in range(ROUNDS):
        run(target, mutated(source.choice(known), source, known))


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_random_bytes_with_a_fixed_seed(target: str) -> None:
    source = random.Random(zlib.crc32(target.encode()) + 1)
    for _ in range(ROUNDS // 3):
        run(target, source.randbytes(source.choice((0, 1, 2, 3, 12, 20, 40, 300))))
        run(target, bytes([source.randrange(0x41, 0x5B)]) + source.randbytes(source.randrange(64)))


def test_every_target_has_seeds_and_a_small_corpus() -> None:
    assert set(seeds()) == set(TARGETS)
    folders = {path.name for path in CORPUS.iterdir()}
    assert folders <= set(TARGETS)
    for folder in folders:
        kept = list((CORPUS / folder).iterdir())
        assert len(kept) <= MAX_KEPT
        assert all(path.stat().st_size <= MAX_BYTES for path in kept)


def test_a_decoder_that_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = itch.encode
    monkeypatch.setattr(itch, "encode", lambda message: real(message)[:-1] + b"\0")
    data = next(each for each in inputs("itch_message") if each[:1] == b"A")
    with pytest.raises(AssertionError) as caught:
        run("itch_message", data)
    assert "bytes.fromhex" in caught.value.__notes__[0]
