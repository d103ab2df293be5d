"""Whether three times the configured average load fits the servers. Pure.

What a burst needs is there before it comes: storage rate, disk operations, network and messages a second are each
compared with what the instance and the volume keep up for good, not with what they burst to.
"""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

HEADROOM: Final = 3

MESSAGES_PER_S: Final = 8_600
"""Stored with three replicas and `sync_interval: always`, asynchronous window; nats-server 2.15.1, three servers on two
virtual CPUs of one machine, one run of ours. A server with a machine of its own should do better: measure before
raising it."""

STORE_OVERHEAD_BYTES: Final = 160
"""Per stored message beside its payload, an allowance of ours: record header and checksum (30, server/filestore.go),
subject and `Nats-Msg-Id` header (about 120)."""

WRITES_PER_STORED_BYTE: Final = 2
"""To the Raft log, and to the stream's own file (server/raft.go, server/filestore.go)."""

_DAY_S: Final = 86_400
_USABLE: Final = 0.75  # of the volume: compaction and snapshots need room beside what is kept


class InstanceCapacity(BaseModel):
    """What an instance type keeps up without end (its "baseline"); more is burst credit."""

    model_config = ConfigDict(frozen=True)

    cpus: int
    memory_gib: int
    network_gbps: float
    volume_mbps: int
    volume_iops: int


def _of(cpus: int, memory_gib: int, network_gbps: float, volume_mbps: int, volume_iops: int) -> InstanceCapacity:
    return InstanceCapacity(
        cpus=cpus,
        memory_gib=memory_gib,
        network_gbps=network_gbps,
        volume_mbps=volume_mbps,
        volume_iops=volume_iops,
    )


# EC2 instance type specifications, network and EBS baseline columns. To add a type, take NetworkCards[].
# BaselineBandwidthInGbps and EbsOptimizedInfo.Baseline* of `aws ec2 describe-instance-types`.
INSTANCES: Final = {
    "c7i.large": _of(2, 4, 0.781, 650, 3_600),
    "c7i.xlarge": _of(4, 8, 1.562, 1_250, 6_000),
    "c7i.2xlarge": _of(8, 16, 3.125, 2_500, 12_000),
    "c7i.4xlarge": _of(16, 32, 6.25, 5_000, 20_000),
    "m7i.large": _of(2, 8, 0.781, 650, 3_600),
    "m7i.xlarge": _of(4, 16, 1.562, 1_250, 6_000),
    "m7i.2xlarge": _of(8, 32, 3.125, 2_500, 12_000),
    "m7i.4xlarge": _of(16, 64, 6.25, 5_000, 20_000),
}


class Volume(BaseModel):
    """A gp3 volume. Bounds: EBS user guide, gp3."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gib: int = Field(ge=20, le=16_384)
    iops: int = Field(3_000, ge=3_000, le=16_000)
    throughput_mib: int = Field(125, ge=125, le=1_000)


class Load(BaseModel):
    """The average over a day. records: stored on disk; telemetry: kept in memory, or only passing.

    retention_days: how long a record stays. consumers: how many programs read each message.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    records_per_s: float = Field(gt=0)
    record_bytes: int = Field(ge=16, le=1 << 20)
    telemetry_per_s: float = Field(ge=0)
    telemetry_bytes: int = Field(ge=16, le=1 << 20)
    retention_days: float = Field(gt=0)
    consumers: int = Field(2, ge=1, le=64)


def stream_limits(load: Load) -> dict[str, dict[str, int]]:
    """What the streams must keep for this load, as `python -m wire.declare --limits` reads it."""
    kept = int(load.records_per_s * (load.record_bytes + STORE_OVERHEAD_BYTES) * load.retention_days * _DAY_S)
    least = 64 << 20  # for a load that is all but none
    return {"order_events": {"max_bytes": max(kept, least), "max_age_s": int(load.retention_days * _DAY_S)}}


def shortages(load: Load, instance_type: str, volume: Volume) -> list[str]:
    """What does not fit, each as `key: how much is asked of how much; what to do`. Empty when all of it fits."""
    problems = []
    if volume.iops > 500 * volume.gib:
        problems.append(
            f"volume.iops {volume.iops}: gp3 allows 500 for each GiB, {500 * volume.gib}; enlarge volume.gib"
        )
    if volume.throughput_mib * 4 > volume.iops:
        problems.append(
            f"volume.throughput_mib {volume.throughput_mib}: gp3 allows a quarter MiB/s for each IOPS,"
            f" {volume.iops // 4}; raise volume.iops"
        )
    instance = INSTANCES.get(instance_type)
    if instance is None:
        known = ", ".join(INSTANCES)
        problems.append(
            f"instance_type {instance_type}: its baselines are not known here; use one of {known}, or add it to"
            " components/bus/capacity.py"
        )
        return problems
    stored = load.record_bytes + STORE_OVERHEAD_BYTES
    peak_records = HEADROOM * load.records_per_s
    peak_messages = peak_records + HEADROOM * load.telemetry_per_s
    disk_mib = peak_records * stored * WRITES_PER_STORED_BYTE / (1 << 20)
    disk_limit = min(float(volume.throughput_mib), instance.volume_mbps * 1e6 / 8 / (1 << 20))
    # the leader of everything: to two followers, and to every consumer
    passed = load.records_per_s * stored + load.telemetry_per_s * (load.telemetry_bytes + STORE_OVERHEAD_BYTES)
    network_gbps = HEADROOM * passed * (2 + load.consumers) * 8 / 1e9
    kept_gib = stream_limits(load)["order_events"]["max_bytes"] / (1 << 30)
    rows = (
        ("records_per_s, telemetry_per_s", "messages/s", peak_messages, MESSAGES_PER_S, "split the load over clusters"),
        # a write that is on disk before it is acknowledged; batches make it less, a slow sender one by one does not
        (
            "records_per_s",
            "disk operations/s",
            peak_records,
            min(volume.iops, instance.volume_iops),
            "raise volume.iops or take a larger instance_type",
        ),
        (
            "records_per_s, record_bytes",
            "MiB/s to disk",
            disk_mib,
            disk_limit,
            "raise volume.throughput_mib or take a larger instance_type",
        ),
        ("consumers", "Gbit/s out of one server", network_gbps, instance.network_gbps, "take a larger instance_type"),
    )
    problems += [
        f"load.{key}: {HEADROOM} times the average is {asked:,.6g} {what}; {instance_type} with this volume keeps up"
        f" {limit:,.6g}; {remedy}"
        for key, what, asked, limit, remedy in rows
        if asked > limit
    ]
    if kept_gib > volume.gib * _USABLE:
        problems.append(
            f"load.retention_days {load.retention_days:g}: keeps {kept_gib:,.0f} GiB; {_USABLE:.0%} of the volume are"
            f" {volume.gib * _USABLE:,.0f}; enlarge volume.gib or keep less"
        )
    return problems
