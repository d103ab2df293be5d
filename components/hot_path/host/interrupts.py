"""Where interrupts are delivered: the network cards' on CPUs of their own, all others on what is not isolated.

Two ways. `fixed`: a oneshot places every interrupt, and a timer looks again each minute, because a device that is reset
gets new ones; irqbalance is masked. `irqbalance`: it stays, with the isolated CPUs banned, as the ENA driver's guide
advises; it moves interrupts under load, so the first way is the default.
"""

from __future__ import annotations

from typing import Literal

from components.hot_path.host.core_map import CoreMap
from components.hot_path.host.distribution import Distribution
from components.hot_path.host.machines import Driver
from components.hot_path.host.setting import EnabledUnit, FilePiece, MaskedUnit, Setting
from components.hot_path.host.template import template
from components.hot_path.host_check import cpu_list, probes

InterruptPlacement = Literal["fixed", "irqbalance"]
SCRIPT = "/usr/local/lib/ironlane/place-interrupts"
SERVICE = "ironlane-interrupts.service"
TIMER = "ironlane-interrupts.timer"
_IRQ = "kernel doc core-api/irq/irq-affinity.rst"
_IRQBALANCE_FILE: dict[Distribution, str] = {
    "amazon-linux-2023": "/etc/sysconfig/irqbalance",
    "debian": "/etc/default/irqbalance",
}


def interrupts(
    driver: Driver, cores: CoreMap, *, placement: InterruptPlacement, distribution: Distribution
) -> tuple[Setting, ...]:
    """driver: of the network cards."""
    fixed = placement == "fixed"
    return (
        _fixed_placement(driver, cores) if fixed else _irqbalance(cores, distribution),
        Setting(
            name="interrupts.network-card",
            reason="packets are taken in by CPUs that do nothing else; a role that spins would hold them up",
            source=_IRQ,
            probe=probes.Interrupts(driver, "wire"),
            expected=cpu_list.render(cores.interrupts if fixed else cores.unisolated),
            compare="cpus-within",
        ),
        Setting(
            name="interrupts.others",
            reason="an interrupt on a role's CPU costs it microseconds at any time",
            source=_IRQ,
            probe=probes.Interrupts(driver, "other"),
            expected=cpu_list.render(cores.unisolated),
            compare="cpus-within",
        ),
        Setting(
            name="interrupts.block-queues",
            reason="the kernel gives a disk one queue for some CPUs each and does not let it be moved; that of an"
            " isolated CPU is silent unless this CPU itself reads or writes the disk",
            source="kernel doc admin-guide/kernel-parameters.txt, isolcpus=managed_irq",
            probe=probes.Interrupts(driver, "block"),
            expected=cpu_list.render(cores.unisolated),
            compare="cpus-within",
            importance="advisory",
        ),
    )


def _fixed_placement(driver: Driver, cores: CoreMap) -> Setting:
    script = template(
        "place-interrupts.sh",
        driver=driver,
        wire_cpus=" ".join(map(str, cores.interrupts)),
        other_cpus=cpu_list.render(cores.housekeeping),
    )
    return Setting(
        name="interrupts.irqbalance",
        reason="interrupts are placed by the specification; irqbalance would move them again every ten seconds",
        source="irqbalance(1)",
        render=(
            FilePiece(path=SCRIPT, text=script),
            FilePiece(path=f"/etc/systemd/system/{SERVICE}", text=template(SERVICE, script=SCRIPT)),
            FilePiece(path=f"/etc/systemd/system/{TIMER}", text=template(TIMER)),
            EnabledUnit(name=SERVICE),
            EnabledUnit(name=TIMER),
            MaskedUnit(name="irqbalance.service"),
        ),
        probe=probes.Process("irqbalance"),
        expected="not running",
    )


def _irqbalance(cores: CoreMap, distribution: Distribution) -> Setting:
    banned = cpu_list.render(cores.isolated)
    return Setting(
        name="interrupts.irqbalance",
        reason="irqbalance spreads interrupts again after a device is reset, and must know which CPUs are not its own",
        source="irqbalance(1), IRQBALANCE_BANNED_CPULIST",
        render=(
            FilePiece(
                path=_IRQBALANCE_FILE[distribution],
                text=f"# the isolated CPUs take no interrupt\nIRQBALANCE_BANNED_CPULIST={banned}\n",
            ),
            EnabledUnit(name="irqbalance.service"),
        ),
        probe=probes.Process("irqbalance"),
        expected="running",
    )
