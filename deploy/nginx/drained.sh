#!/bin/sh
# Waits until no worker of nginx is left that still leads to the api before the last switch.
#   drained.sh SECONDS
# Exit status 1 when there still is one after so many seconds.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/nginx/configure.sh
. "$here/configure.sh"

seconds=${1:?"say how long to wait: drained.sh SECONDS"}
[ -e "$RUN/draining" ] || exit 0
while workers | grep -qxF -f "$RUN/draining"; do
    [ "$seconds" -gt 0 ] || exit 1
    seconds=$((seconds - 1))
    sleep 1
done
