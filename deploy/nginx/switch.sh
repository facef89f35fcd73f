#!/bin/sh
# Leads new requests to another api, and nothing to the one before; what runs may finish. Takes up the
# configuration beside this script as well, so that a release brings it.
#   switch.sh HOST:PORT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/nginx/configure.sh
. "$here/configure.sh"

to=${1:?"say where to: switch.sh HOST:PORT"}
draining=$(workers)
if ! take_up "$to"; then
    echo "nginx does not take $to and goes on as before." >&2
    exit 1
fi
# drained.sh waits for these.
echo "$draining" >"$RUN/draining"
