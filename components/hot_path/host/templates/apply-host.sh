#!/bin/sh
# Makes users, folders, units and kernel command line of this host what its files say; starts and stops no role.
# Can be repeated. Says when the host has to be rebooted. An argument is the root of a tree to work on instead of the host.
set -euf
root=${1-}
wanted=$(cat "$root@kernel_arguments@")
record="$root/var/lib/ironlane/kernel-arguments"

systemd-sysusers
systemd-tmpfiles --create --prefix=/run/ironlane --prefix=/etc/ironlane
systemctl daemon-reload
for unit in @masked@; do
    systemctl mask --now "$unit"
done

before=''
[ ! -e "$record" ] || before=$(cat "$record")
if [ "$before" != "$wanted" ]; then
    command -v grubby >/dev/null || {
        echo 'apply-host: no grubby; the kernel command line of this image has to be set by hand' >&2
        exit 1
    }
    [ -z "$before" ] || grubby --update-kernel=ALL --remove-args="$before"
    grubby --update-kernel=ALL --args="$wanted"
    mkdir -p "${record%/*}"
    echo "$wanted" >"$record.new"
    mv "$record.new" "$record"
fi

for unit in @enabled@; do
    systemctl enable "$unit"
done

missing=''
booted=" $(cat "$root/proc/cmdline") "
for argument in $wanted; do
    case "$booted" in *" $argument "*) ;; *) missing="$missing $argument" ;; esac
done
[ -z "$missing" ] || echo "reboot needed: the kernel runs without$missing"
