#!/bin/sh
# Queues, rings, interrupt moderation and offloads of every ENA interface.
# Rendered from the host specification. An argument is the root of a tree to work on instead of the host.
set -u
root=${1-}
failed=0
found=0

# ethtool fails when nothing changes, too
change() {
    said=$(ethtool "$@" 2>&1) && return 0
    case "$said" in *unmodified* | *"parameters changed"*) return 0 ;; esac
    echo "ethtool $*: $said" >&2
    failed=1
}

for interface in "$root"/sys/class/net/*; do
    [ "$(basename "$(readlink "$interface/device/driver")")" = ena ] || continue
    found=1
    name=${interface##*/}
    change -L "$name" combined @queues@
    change -G "$name" rx @receive_ring@ tx @send_ring@
    change -C "$name" adaptive-rx off rx-usecs 0 tx-usecs 0
    change -K "$name" gro off
done
if [ $found = 0 ]; then
    echo 'no network card with the driver ena' >&2
    failed=1
fi
exit $failed
