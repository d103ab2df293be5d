"""CPU lists (`0-3,8`) and masks (`ff,00000000`) as the kernel writes them.

Formats: kernel doc admin-guide/cputopology.rst (lists), core-api/printk-formats.rst (masks: 32 bits a group).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MAXIMUM_CPU = 8191  # CONFIG_NR_CPUS of the distributions' kernels is 8192
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?$")
_MASK = re.compile(r"[0-9a-fA-F]{1,8}(,[0-9a-fA-F]{1,8})*$")


def parse(text: str) -> tuple[int, ...]:
    """CPU numbers in ascending order; empty text is no CPU. Raises ValueError naming what is wrong."""
    cpus: set[int] = set()
    for part in filter(None, (piece.strip() for piece in text.strip().split(","))):
        match = _RANGE.match(part)
        if match is None:
            raise ValueError(f"{text.strip()!r} is not a CPU list: {part!r} is neither a number nor a range like 2-5")
        first = int(match[1])
        last = int(match[2] or first)
        if last < first or last > MAXIMUM_CPU:
            raise ValueError(f"{text.strip()!r} is not a CPU list: the range {part!r} is reversed or too large")
        overlap = cpus.intersection(range(first, last + 1))
        if overlap:
            raise ValueError(f"{text.strip()!r} names CPU {min(overlap)} twice")
        cpus.update(range(first, last + 1))
    return tuple(sorted(cpus))


def render(cpus: Iterable[int]) -> str:
    """The shortest list: `0-3,8`."""
    parts: list[str] = []
    ordered = sorted(set(cpus))
    while ordered:
        length = 1
        while length < len(ordered) and ordered[length] == ordered[0] + length:
            length += 1
        first, last = ordered[0], ordered[length - 1]
        parts.append(str(first) if first == last else f"{first}-{last}")
        ordered = ordered[length:]
    return ",".join(parts)


def parse_mask(text: str) -> tuple[int, ...]:
    """CPU numbers of a hexadecimal mask. Raises ValueError."""
    stripped = text.strip()
    if not _MASK.match(stripped):
        raise ValueError(f"{stripped!r} is not a CPU mask")
    first, *rest = stripped.split(",")
    bits = int(first + "".join(group.zfill(8) for group in rest), 16)
    return tuple(cpu for cpu in range(bits.bit_length()) if bits >> cpu & 1)


def render_mask(cpus: Iterable[int]) -> str:
    """The mask as sysfs takes it: groups of 32 bits, highest first."""
    bits = sum(1 << cpu for cpu in set(cpus))
    groups: list[str] = []
    while bits or not groups:
        groups.append(f"{bits & 0xFFFFFFFF:08x}")
        bits >>= 32
    return ",".join(reversed(groups))
