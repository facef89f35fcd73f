#!/bin/sh
# Beside nginx, until it ends: takes up a renewed certificate within a minute, and once a day
# Cloudflare's networks. start.sh runs it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/nginx/configure.sh
. "$here/configure.sh"

fingerprint() {
    cksum "$(certificate_folder)/fullchain.pem" 2>/dev/null
}

nginx=$PPID
known=$(fingerprint)
minutes=0
while sleep 60 && kill -0 "$nginx" 2>/dev/null; do
    new=$(fingerprint)
    if [ "$new" != "$known" ]; then
        take_up "" && known=$new &&
            echo "nginx uses the new certificate." >&2
    fi
    minutes=$((minutes + 1))
    if [ $((minutes % 1440)) -eq 5 ]; then
        "$here/refresh-cloudflare.sh"
    fi
done
