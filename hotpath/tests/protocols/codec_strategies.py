"""Hypothesis strategies for messages, with field widths read off the golden vectors."""

from typing import Any, TypeVar

import msgspec
from codec_vectors import OUCH_TAGS
from hypothesis import strategies as st

from hotpath.protocols import ouch

M = TypeVar("M", bound=msgspec.Struct)

# unsigned 8-byte fields that are read into int64
HALF_RANGE = {
    "timestamp_ns",
    "price",
    "execution_price",
    "level1",
    "level2",
    "level3",
    "discretion_price",
    "display_price",
}
SIGNED = {"peg_offset", "discretion_peg_offset"}
PRINTABLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)


def integers(name: str, width: int) -> st.SearchStrategy[int]:
    bits = 8 * width
    if name in SIGNED:
        return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return st.integers(0, 2 ** (bits - 1 if width == 8 and name in HALF_RANGE else bits) - 1)


def field(name: str, width: int, example: object) -> st.SearchStrategy[Any]:
    if isinstance(example, int):
        return integers(name, width)
    if width == 1:
        return st.characters(max_codepoint=0xFF)
    return st.text(PRINTABLE, max_size=width)


def _options() -> st.SearchStrategy[ouch.Options]:
    tags = {name: field(name, len(bytes.fromhex(wire)) - 2, value) for wire, name, value in OUCH_TAGS}
    unknown = st.tuples(st.sampled_from([0, 8, 19, 20, 21, 31, 32, 200, 255]), st.binary(max_size=254))
    return st.builds(
        ouch.Options,
        **{name: st.none() | strategy for name, strategy in tags.items()},
        unknown=st.lists(unknown, max_size=3).map(tuple),
    )


OPTIONS = _options()


def message(wire: str, example: M) -> st.SearchStrategy[M]:
    """Messages of the example's type."""
    groups = wire.split()[1:]
    fields: dict[str, st.SearchStrategy[Any]] = {}
    names = [f.name for f in msgspec.structs.fields(example)]
    if "options" in names:
        names.remove("options")
        fields["options"] = OPTIONS
    for name, group in zip(names, groups, strict=False):
        fields[name] = field(name, len(group) // 2, getattr(example, name))
    assert set(names) <= set(fields), f"the vector of {type(example).__name__} lacks fields"
    return st.builds(type(example), **fields)
