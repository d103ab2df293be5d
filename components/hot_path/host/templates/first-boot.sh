#!/bin/sh
# First boot of a trading host: installs the pinned engine, writes the host's files, sets the kernel command line.
# Nothing of ours starts before the reboot that follows, and then only after the host check.
# An argument is the root of a tree to work on instead of the host.
set -euf
root=${1-}
metadata=http://169.254.169.254/latest
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "ironlane-first-boot: $*" >&2
    exit 1
}

ask() {
    curl --silent --show-error --fail --max-time 5 --retry 10 --retry-connrefused "$@"
}

instance() { # path below meta-data
    ask --header "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/$1" ||
        fail "instance metadata has no $1; are instance tags in metadata enabled?"
}

fetch() { # URI, sha256, file
    aws s3 cp --only-show-errors "$1" "$3" || fail "$1: cannot be fetched"
    found=$(sha256sum "$3")
    found=${found%% *}
    [ "$found" = "$2" ] || fail "$1: its sha256 is $found, expected is $2; nothing of it is used"
}

digest() { # 64 hexadecimal digits, or nothing is done
    case "$1" in *[!0-9a-f]*) fail "$2: $1 is no sha256" ;; esac
    [ ${#1} = 64 ] || fail "$2: $1 is no sha256"
}

token=$(ask --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 600' "$metadata/api/token") ||
    fail 'instance metadata gives no token'
AWS_DEFAULT_REGION=$(instance placement/region)
export AWS_DEFAULT_REGION AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=10
python=$(command -v python@python@) || fail 'the image has no python@python@'

# the tag names the files by their digest, the pin names the engine by its own
files=$(instance tags/instance/@files_tag@)
files_sha256=${files##*/}
files_sha256=${files_sha256%.json}
digest "$files_sha256" "$files"
pin=$(instance tags/instance/@pin_tag@)
aws s3 cp --only-show-errors "$pin" "$work/pin" || fail "$pin: cannot be fetched"
read -r engine_sha256 engine <"$work/pin" || fail "$pin: names no engine"
digest "$engine_sha256" "$pin"

# everything is here and checked before anything is changed
fetch "$files" "$files_sha256" "$work/files.json"
fetch "$engine" "$engine_sha256" "$work/engine.zip"

"$python" "$work/engine.zip" install --bundle "$work/engine.zip" --sha256 "$engine_sha256"
"$python" "$work/engine.zip" switch --sha256 "$engine_sha256" --roles @roles@
"$python" "$work/engine.zip" configure --specification "$files_sha256" <"$work/files.json"
: >"$root@reboot_mark@"
