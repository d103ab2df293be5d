#!/bin/sh
# Makes the control group of the roles' slice an isolated CPU partition.
# Rendered from the host specification. An argument is the root of a tree to work on instead of the host.
set -eu
root=${1-}
cpus='@cpus@'
parent="$root/sys/fs/cgroup/ironlane.slice"
group="$parent/ironlane-hot.slice"

if [ ! -e "$group/cpuset.cpus.exclusive" ]; then
    echo "$group/cpuset.cpus.exclusive does not exist: cgroup v2 with cpuset and kernel 6.7 or later are needed" >&2
    exit 1
fi
# the exclusive CPUs are handed down the path to the partition
echo "$cpus" >"$parent/cpuset.cpus.exclusive"
echo "$cpus" >"$group/cpuset.cpus.exclusive"
echo isolated >"$group/cpuset.cpus.partition"
state=$(cat "$group/cpuset.cpus.partition")
if [ "$state" != isolated ]; then
    echo "the partition of CPUs $cpus is: $state" >&2
    exit 1
fi
