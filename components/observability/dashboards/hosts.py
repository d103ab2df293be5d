"""The instances of the hot path and the bus."""

from __future__ import annotations

from components.observability.dashboards.model import Dashboard, Panel, Query

_HERE = 'job="ironlane-host",host=~"$host"'
_DISKS = f'{_HERE},fstype=~"ext4|xfs"'
_IDLE = f'{_HERE},mode="idle"'
_CARDS = f'{_HERE},device!="lo"'
_DEVICE = "{{host}} {{device}}"


def _rate(metric: str, where: str = _HERE) -> str:
    return f"rate({metric}{{{where}}}[$__rate_interval])"


def _now(metric: str) -> list[Query]:
    return [Query(f"{metric}{{{_HERE}}}")]


DASHBOARD = Dashboard(
    uid="ironlane-hosts",
    title="Ironlane: hosts",
    targets="ironlane-host",
    rows=[
        (
            "Processors and memory",
            [
                Panel(
                    "Busy, per processor",
                    [Query(f"1 - {_rate('node_cpu_seconds_total', _IDLE)}", "{{host}} {{cpu}}")],
                    unit="percentunit",
                    description="a spinning role keeps its processor busy: that is meant",
                ),
                Panel(
                    "Waiting for a processor",
                    [Query(_rate("node_pressure_cpu_waiting_seconds_total"))],
                    unit="percentunit",
                ),
                Panel("Memory available", _now("node_memory_MemAvailable_bytes"), unit="bytes"),
                Panel("Huge pages free", _now("node_memory_HugePages_Free")),
            ],
        ),
        (
            "Clock",
            [
                Panel("Offset", _now("node_timex_offset_seconds"), unit="s"),
                Panel("Estimated error", _now("node_timex_estimated_error_seconds"), unit="s"),
                Panel("Synchronised", _now("node_timex_sync_status"), kind="stat", red_below=1),
                Panel(
                    "Booted",
                    [Query(f"node_boot_time_seconds{{{_HERE}}} * 1000")],
                    unit="dateTimeAsIso",
                    kind="stat",
                ),
            ],
        ),
        (
            "Network",
            [
                Panel("Packets in", [Query(_rate("node_network_receive_packets_total", _CARDS), _DEVICE)], unit="pps"),
                Panel(
                    "Packets out", [Query(_rate("node_network_transmit_packets_total", _CARDS), _DEVICE)], unit="pps"
                ),
                Panel("Dropped", [Query(_rate("node_network_receive_drop_total", _CARDS), _DEVICE)]),
                Panel("Retransmitted segments", [Query(_rate("node_netstat_Tcp_RetransSegs"))]),
            ],
        ),
        (
            "Disks",
            [
                Panel(
                    "Free",
                    [
                        Query(
                            f"node_filesystem_avail_bytes{{{_DISKS}}} / node_filesystem_size_bytes{{{_DISKS}}}",
                            "{{host}} {{mountpoint}}",
                        )
                    ],
                    unit="percentunit",
                ),
                Panel("Written", [Query(_rate("node_disk_written_bytes_total"), _DEVICE)], unit="Bps"),
                Panel(
                    "Time of a write",
                    [
                        Query(
                            f"{_rate('node_disk_write_time_seconds_total')} / "
                            f"{_rate('node_disk_writes_completed_total')}",
                            _DEVICE,
                        )
                    ],
                    unit="s",
                ),
            ],
        ),
    ],
)
