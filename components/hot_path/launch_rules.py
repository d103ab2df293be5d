"""What AWS would refuse at launch, or take and quietly place elsewhere: an error here, before anything is asked of AWS.

No Pulumi import. Each message names the rule of the EC2 user guide that it follows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# classes that a cluster placement group does not take: burstable, and Mac hosts
_NOT_IN_CLUSTER_GROUP = re.compile(r"^(t\d|mac\d)")
_INSTANCE_TYPE = re.compile(r"^[a-z]+[0-9][a-z0-9-]*\.(?:[a-z0-9]+-?[a-z0-9]*)$")
USER_DATA_LIMIT_BYTES = 16_384  # raw, before base64


def is_metal(instance_type: str) -> bool:
    return instance_type.split(".", 1)[-1].startswith("metal")


def broken_rules(
    *,
    instance_type: str,
    threads_per_core: int | None,
    core_count: int | None,
    zone: str,
    subnet_zone: str,
    hosts: int,
    reserved: int | None,
    user_data_bytes: Sequence[int],
    protect: bool,
) -> list[str]:
    """Every rule that these settings break, as `key: what is wrong; what to do`; empty when a launch can work.

    reserved: instances of the capacity reservation, None = no reservation. user_data_bytes: size per host.
    """
    problems = []
    if not _INSTANCE_TYPE.match(instance_type):
        problems.append(f"instance_type {instance_type!r}: not the name of an EC2 instance type")
    if _NOT_IN_CLUSTER_GROUP.match(instance_type):
        problems.append(
            f"instance_type {instance_type}: burstable and Mac types cannot be launched in a cluster placement group"
            " (EC2 placement group rules); choose another type"
        )
    if is_metal(instance_type) and (threads_per_core is not None or core_count is not None):
        problems.append(
            f"cpu_options: cannot be set for bare metal, {instance_type} (EC2 CPU options rules); remove it, the host"
            " specification switches SMT off in the kernel"
        )
    if not is_metal(instance_type) and (threads_per_core is None) != (core_count is None):
        problems.append("cpu_options: EC2 wants core_count and threads_per_core together; give both")
    if threads_per_core not in (None, 1, 2):
        problems.append(f"cpu_options.threads_per_core {threads_per_core}: EC2 takes 1 or 2")
    if zone != subnet_zone:
        problems.append(
            f"zone {zone}: the subnet is in {subnet_zone}; a cluster placement group cannot span zones (EC2 placement"
            " group rules), so group, reservation and subnet must share one"
        )
    if reserved is not None and reserved < hosts:
        problems.append(
            f"reserved {reserved}: {hosts} hosts are asked for; a host beyond the reservation would be launched without"
            " it, or not at all (EC2 capacity reservations in cluster placement groups); reserve one per host"
        )
    if protect and reserved is None:
        problems.append(
            "reserved: a protected environment needs a capacity reservation; a stopped host may find no capacity in its"
            " placement group when it starts again"
        )
    problems += [
        f"user data of host {number}: {size} bytes; EC2 takes {USER_DATA_LIMIT_BYTES} before base64: compress it"
        for number, size in enumerate(user_data_bytes, 1)
        if size > USER_DATA_LIMIT_BYTES
    ]
    return problems
