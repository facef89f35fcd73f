#!/bin/sh
# Waits until no worker of nginx is left that still leads to the api before the last switch.
#   drained.sh SECONDS
# Exit status 1 when there still is one after so many seconds.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/nginx/configure.sh
. "$here/configure.sh"

master=$(cat "$RUN/nginx.pid")
is_draining() {
    for status in /proc/[0-9]*/status; do
        folder=${status%/status}
        if grep -qs "^PPid:[[:space:]]*$master\$" "$status" &&
            grep -qs "is shutting down" "$folder/cmdline"; then
            return 0
        fi
    done
    return 1
}

seconds=${1:?"say how long to wait: drained.sh SECONDS"}
# The reload is a signal: give the master time to tell its workers.
sleep 1
while is_draining; do
    [ "$seconds" -gt 0 ] || exit 1
    seconds=$((seconds - 1))
    sleep 1
done
