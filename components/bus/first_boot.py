"""User data of a bus server: mounts its data volume. Everything else comes by the change step, over SSH. Pure."""

from __future__ import annotations

from components.bus.server_config import STATE

DEVICE = "/dev/sdf"  # the name that EC2 wants; on Nitro the disk is found by the volume's id
_WAIT_S = 600
_MOUNT_OPTIONS = "noatime,nodev,nosuid,noexec,nofail,x-systemd.device-timeout=120"


def user_data(volume_id: str) -> str:
    """A volume that has a file system keeps it: a replaced server finds its data."""
    disk = f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume_id.replace('-', '')}"
    return f"""#!/bin/bash
set -euo pipefail
disk={disk}
# attached after the instance has started
for _ in $(seq {_WAIT_S}); do [ -e "$disk" ] && break; sleep 1; done
[ -e "$disk" ] || {{ echo "no disk $disk after {_WAIT_S} s" >&2; exit 1; }}
udevadm settle
kind=$(blkid -o value -s TYPE "$disk" || true)
if [ -z "$kind" ]; then mkfs.xfs -q "$disk"; kind=xfs; fi
[ "$kind" = xfs ] || {{ echo "$disk holds $kind, not xfs: left alone" >&2; exit 1; }}
install -d -m 0700 {STATE}
grep -q " {STATE} " /etc/fstab || echo "$disk {STATE} xfs {_MOUNT_OPTIONS} 0 2" >>/etc/fstab
systemctl daemon-reload
mountpoint -q {STATE} || mount {STATE}
"""
