"""Rings, queues, interrupt moderation and offloads of the network cards, within the limits of ENA.

Source: ENA Linux driver, Best Practices and Performance Optimization Guide. Ring sizes are powers of two: receive 256
to 16384, send 256 to 1024, and 512 at most with large LLQ, which newer Nitro cards have on.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.hot_path.host.core_map import CoreMap
from components.hot_path.host.machines import Machine
from components.hot_path.host.setting import EnabledUnit, FilePiece, Setting
from components.hot_path.host.template import template
from components.hot_path.host_check import probes

SCRIPT = "/usr/local/lib/ironlane/configure-network-card"
SERVICE = "ironlane-network-card.service"
_GUIDE = "ENA Linux driver, Best Practices and Performance Optimization Guide"
_LARGE_LLQ_SEND = 512


class NetworkCard(BaseModel):
    """Sizes in descriptors. queues: per interface, None = one for each interrupt CPU. large_llq: as the card has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    receive_ring: int = Field(4096, ge=256, le=16_384)
    send_ring: int = Field(512, ge=256, le=1024)
    queues: int | None = Field(None, ge=1, le=128)
    large_llq: bool = True

    @model_validator(mode="after")
    def _fits_ena(self) -> NetworkCard:
        for name, size in (("receive_ring", self.receive_ring), ("send_ring", self.send_ring)):
            if size & (size - 1):
                raise ValueError(f"{name} {size}: ENA takes powers of two; use {1 << size.bit_length() - 1}")
        if self.large_llq and self.send_ring > _LARGE_LLQ_SEND:
            raise ValueError(
                f"send_ring {self.send_ring}: ENA takes {_LARGE_LLQ_SEND} at most with large LLQ, and refuses the whole"
                " change otherwise; use less, or large_llq: false where `ethtool -g` shows 1024"
            )
        return self


def network_card(machine: Machine, cores: CoreMap, card: NetworkCard) -> tuple[Setting, ...]:
    """Raises ValueError when the machine has fewer queues. A card that is not ENA is left as it is, but for RPS."""
    steering = Setting(
        name="network-card.steering",
        reason="packets stay on the CPU whose interrupt took them in: no software steering to others",
        source="kernel doc networking/scaling.rst, RPS",
        probe=probes.InterfaceMasks(machine.driver, "queues/rx-*/rps_cpus"),
        expected="",
        when_absent="ok",
    )
    if machine.driver != "ena":
        return (steering,)
    queues = card.queues or min(len(cores.interrupts), machine.queues)
    if queues > machine.queues:
        raise ValueError(f"network_card.queues {queues}: {machine.name} has {machine.queues} per interface; use fewer")

    def ethtool(
        name: str, reason: str, option: str, field: str, expected: str | int, section: str = "", more: str = ""
    ) -> Setting:
        return Setting(
            name=f"network-card.{name}",
            reason=reason,
            source=more or _GUIDE,
            render=() if name != "queues" else _units(queues, card),
            probe=probes.Ethtool("ena", option, field, section),
            expected=expected,
        )

    now = "Current hardware settings"
    return (
        ethtool("queues", "a queue for each interrupt CPU, and none that wakes another", "-l", "Combined", queues, now),
        ethtool("receive-ring", "room for a burst of the feed", "-g", "RX", card.receive_ring, now),
        ethtool("send-ring", "as the card takes it; orders are few", "-g", "TX", card.send_ring, now),
        ethtool("receive-moderation", "an interrupt for each packet, at once", "-c", "rx-usecs", 0),
        ethtool("send-moderation", "send buffers come back at once", "-c", "tx-usecs", 0),
        ethtool("adaptive-moderation", "no interrupt held back under load", "-c", "Adaptive RX", "off"),
        ethtool(
            "receive-offload",
            "packets are handed up one by one, not merged into larger ones first",
            "-k",
            "generic-receive-offload",
            "off",
            more="kernel doc networking/segmentation-offloads.rst",
        ),
        steering,
    )


def _units(queues: int, card: NetworkCard) -> tuple[FilePiece | EnabledUnit, ...]:
    script = template(
        "configure-network-card.sh",
        queues=str(queues),
        receive_ring=str(card.receive_ring),
        send_ring=str(card.send_ring),
    )
    return (
        FilePiece(path=SCRIPT, text=script),
        FilePiece(path=f"/etc/systemd/system/{SERVICE}", text=template(SERVICE, script=SCRIPT)),
        EnabledUnit(name=SERVICE),
    )
