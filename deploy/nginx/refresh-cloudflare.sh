#!/bin/sh
# Fetches Cloudflare's networks, and when they make sense and nginx takes them, puts them into use.
# Else everything stays as it is, and the exit status is 1. Safe to run at any time:
#   docker compose exec nginx /viztube/nginx/refresh-cloudflare.sh
# CLOUDFLARE_IPS is where to fetch from (https://www.cloudflare.com).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/nginx/configure.sh
. "$here/configure.sh"

CLOUDFLARE_IPS=${CLOUDFLARE_IPS:-https://www.cloudflare.com}
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT

give_up() {
    echo "Cloudflare's networks stay as they are: $1" >&2
    exit 1
}

[ "$SITE" = tls ] || give_up "without TLS there is no gate."
for version in 4 6; do
    curl -fsS --max-time 20 --max-filesize 20000 "$CLOUDFLARE_IPS/ips-v$version" \
        >"$new/v$version" || give_up "$CLOUDFLARE_IPS/ips-v$version cannot be fetched."
    # The last line comes without its end.
    echo >>"$new/v$version"
done
cat "$new/v4" "$new/v6" | tr -d '\r' | sed '/^$/d' >"$new/ranges"

# A page instead of a list, half a list, or a network as large as the internet is refused.
octet='(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])'
v4="^($octet\.){3}$octet/(9|[12][0-9]|3[0-2])\$"
v6='^[0-9a-f]{1,4}(:[0-9a-f]{0,4}){1,7}/(2[4-9]|[3-9][0-9]|1[01][0-9]|12[0-8])$'
if grep -Evq "$v4|$v6" "$new/ranges"; then
    give_up "what was fetched is not a list of networks."
fi
[ "$(grep -Ec "$v4" "$new/ranges")" -ge 5 ] || give_up "the list of IPv4 networks is too short."
[ "$(grep -Ec "$v6" "$new/ranges")" -ge 3 ] || give_up "the list of IPv6 networks is too short."

if networks | sed -E '/^#/d; /^[[:space:]]*$/d' | cmp -s - "$new/ranges"; then
    echo "Cloudflare's networks are the ones in use."
    exit 0
fi

in_use=$RANGES
RANGES=$new/ranges
take_up "" || give_up "nginx refuses them."
cp "$RANGES" "$in_use.new"
mv "$in_use.new" "$in_use"
echo "Cloudflare's networks are renewed: $(wc -l <"$in_use") in use."
