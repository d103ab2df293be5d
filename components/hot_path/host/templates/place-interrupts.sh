#!/bin/sh
# Places every interrupt: the network cards' on the CPUs kept for them, all others on the housekeeping CPUs.
# Rendered from the host specification. An argument is the root of a tree to work on instead of the host.
set -u
root=${1-}
driver=@driver@
wire_cpus='@wire_cpus@'
other_cpus='@other_cpus@'
wire=' '
kept=''
failed=0

place() { # interrupt, CPU list
    file="$root/proc/irq/$1/smp_affinity_list"
    [ -e "$file" ] || return 0
    [ "$(cat "$file")" = "$2" ] && return 0
    (echo "$2" >"$file") 2>/dev/null
}

first=0 # so that the first queues of two cards are on two CPUs
for interface in "$root"/sys/class/net/*; do
    [ "$(basename "$(readlink "$interface/device/driver")")" = "$driver" ] || continue
    folder="$interface/device/msi_irqs"
    [ -d "$folder" ] || folder="$interface/device/../msi_irqs"
    index=$first
    for number in $(ls "$folder" 2>/dev/null | sort -n); do
        # shellcheck disable=SC2086
        set -- $wire_cpus
        shift $((index % $#))
        index=$((index + 1))
        wire="$wire$number "
        if ! place "$number" "$1"; then
            echo "interrupt $number of ${interface##*/} cannot be moved to CPU $1" >&2
            failed=1
        fi
    done
    first=$((first + 1))
done
if [ "$wire" = ' ' ]; then
    echo "no network card with the driver $driver has interrupts" >&2
    failed=1
fi

for folder in "$root"/proc/irq/[0-9]*; do
    number=${folder##*/}
    case "$wire" in *" $number "*) continue ;; esac
    # the kernel refuses for what it manages itself; the host check looks where those are delivered
    place "$number" "$other_cpus" || kept="$kept $number"
done
[ -z "$kept" ] || echo "managed by the kernel:$kept"
exit $failed
