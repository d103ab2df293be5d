"""The system clock: the PTP hardware clock of the ENA card, or NTP, never both.

EC2's NTP smears a leap second and its PTP clock does not, so a host that follows both is wrong by up to a second for a
day. PTP needs an instance of generation 7 or later that is launched in a precision time placement group, and an ENA
driver built with it. Source: EC2 User Guide, "Set the time reference on your EC2 instance".
"""

from __future__ import annotations

from typing import Literal

from components.hot_path.host.distribution import Distribution
from components.hot_path.host.kernel_arguments import kernel_argument
from components.hot_path.host.machines import Machine
from components.hot_path.host.setting import EnabledUnit, FilePiece, Setting
from components.hot_path.host_check import probes

ClockSource = Literal["ptp", "ntp"]
EC2_NTP = "169.254.169.123"
_EC2 = 'EC2 User Guide, "Set the time reference on your EC2 instance"'
_CHRONY_FILE: dict[Distribution, str] = {
    "amazon-linux-2023": "/etc/chrony.conf",
    "debian": "/etc/chrony/chrony.conf",
}
_CHRONY_UNIT: dict[Distribution, str] = {"amazon-linux-2023": "chronyd.service", "debian": "chrony.service"}
_UDEV_FILE = "/etc/udev/rules.d/53-ironlane-ptp.rules"
_MOST_ERROR_US: dict[ClockSource, float] = {"ptp": 100, "ntp": 1000}

_COMMON = """\
driftfile /var/lib/chrony/drift
# a step only at the start: a clock that jumps while trading reorders the audit
makestep 1.0 3
rtcsync
lock_all
# serves nobody
port 0
cmdport 0
"""


def clock(machine: Machine, source: ClockSource, *, ntp_server: str, distribution: Distribution) -> tuple[Setting, ...]:
    """Raises ValueError for PTP on a machine without a hardware clock."""
    if source == "ptp" and not machine.ptp:
        raise ValueError(f"clock ptp: {machine.name} has no PTP hardware clock; use ntp")
    ptp = source == "ptp"
    line = (
        "refclock PHC /dev/ptp_ena refid PHC0 poll 0 delay 0.000010 prefer"
        if ptp
        else f"server {ntp_server} prefer iburst minpoll 4 maxpoll 4"
    )
    text = f"# The only time source: {'the PTP hardware clock' if ptp else 'NTP'}; no other may be added.\n{line}\n"
    settings = [
        Setting(
            name="clock.sources",
            reason="PTP and NTP differ around a leap second, so the clock follows one of them and nothing else",
            source=_EC2,
            render=(
                FilePiece(path=_CHRONY_FILE[distribution], text=text + _COMMON),
                EnabledUnit(name=_CHRONY_UNIT[distribution]),
            ),
            probe=probes.ChronySources(),
            expected="PHC0" if ptp else ntp_server,
        ),
        Setting(
            name="clock.error",
            reason="time stamps of orders and audit are compared with the venue's (microseconds)",
            source="chronyc(1), tracking",
            probe=probes.ClockError(),
            expected=_MOST_ERROR_US[source],
            compare="at-most",
        ),
    ]
    if ptp:
        settings += _hardware_clock()
    return tuple(settings)


def _hardware_clock() -> list[Setting]:
    return [
        kernel_argument(
            "ena.phc_enable",
            "1",
            "the driver offers the card's clock only when asked, and is loaded before the root file system",
            source="ENA Linux driver, PTP Hardware Clock",
            probe=probes.Text("/sys/module/ena/parameters/phc_enable"),
        ),
        Setting(
            name="clock.hardware",
            reason="the driver takes the argument also where the card has no clock, or was built without it",
            source="ENA Linux driver, PTP Hardware Clock",
            render=(
                FilePiece(
                    path=_UDEV_FILE,
                    text='SUBSYSTEM=="ptp", ATTR{clock_name}=="ena-ptp-*", SYMLINK+="ptp_ena"\n',
                ),
            ),
            probe=probes.Matching("/sys/class/ptp/*/clock_name", "ena-ptp-"),
            expected=1,
            compare="at-least",
        ),
    ]
