# shellcheck shell=sh
# Sourced by the scripts beside it: what they are told by the environment, and how the configuration
# in use is made of the one beside this file. start.sh explains the variables.

PUBLIC_URL=${PUBLIC_URL:?"set it to the address of this service, like https://videos.example"}
API=${API:-viztube-api:8000}
MEDIA=${MEDIA:-/media}
RUN=${RUN:-/run/nginx}
SPOOL=${SPOOL:-/var/spool/nginx}
CERTIFICATES=${CERTIFICATES:-/etc/letsencrypt}
ACME=${ACME:-/var/www/acme}
RANGES=${RANGES:-/var/lib/nginx/cloudflare-ranges.txt}
HTTP_PORT=${HTTP_PORT:-8080}
HTTPS_PORT=${HTTPS_PORT:-8443}
HEALTH_PORT=${HEALTH_PORT:-8081}
NGINX_PROGRAM=${NGINX_PROGRAM:-nginx}
PLACE=$(cd "$(dirname "$0")" && pwd)

case $PUBLIC_URL in
    https://*) SITE=tls ;;
    http://*) SITE=plain ;;
    *)
        echo "PUBLIC_URL is $PUBLIC_URL: it must begin with http:// or https://." >&2
        exit 1
        ;;
esac
HOST=${PUBLIC_URL#*://}
SCHEME=${PUBLIC_URL%%://*}

# Print the folder of the certificate to use: certbot's as soon as there is one.
certificate_folder() {
    if [ -s "$CERTIFICATES/live/viztube/fullchain.pem" ]; then
        echo "$CERTIFICATES/live/viztube"
    else
        echo "$CERTIFICATES/bootstrap"
    fi
}

# Print the networks that count as Cloudflare's: the ones fetched last, else the ones shipped.
networks() {
    if [ -s "$RANGES" ]; then cat "$RANGES"; else cat "$PLACE/cloudflare-ranges.txt"; fi
}

# Print the configuration that knows the networks on standard input.
cloudflare_conf() {
    sed -E '/^#/d; /^[[:space:]]*$/d' | awk '
        { network[NR] = $1; print "set_real_ip_from " $1 ";" }
        END {
            print "real_ip_header CF-Connecting-IP;"
            # By the real peer, before the header is believed.
            print "geo $realip_remote_addr $from_cloudflare {"
            print "    default 0;"
            for (i = 1; i <= NR; i++) print "    " network[i] " 1;"
            print "}"
        }'
}

# Print the upstream for host:port. A name is looked up again and again: its container may be made
# anew, with another address. nginx begins with no address at all, and until it has heard one it takes
# the address in use before. Connections are not kept (proxy.conf says why), as nginx does since 1.29.7.
upstream_conf() {
    case ${1%:*} in
        *[!0-9.]*)
            echo "resolver ${RESOLVER:-$(awk '$1 == "nameserver" { print $2; exit }' /etc/resolv.conf)} valid=2s ipv6=off;"
            before=$(sed -nE 's/.* server ([0-9.]+:[0-9]+) .*/server \1 max_fails=0 backup;/p' "$RUN/upstream.conf" 2>/dev/null || true)
            echo "upstream api { zone api 64k; keepalive 0; server $1 resolve max_fails=0; $before }"
            ;;
        *) echo "upstream api { zone api 64k; keepalive 0; server $1 max_fails=0; }" ;;
    esac
}

# Print a file of the configuration beside this one, with the names between @ signs filled in.
filled_in() {
    certificate=$(certificate_folder)
    sed -e "s|@RUN@|$RUN|g" -e "s|@SPOOL@|$SPOOL|g" -e "s|@MEDIA@|$MEDIA|g" \
        -e "s|@ACME@|$ACME|g" -e "s|@HOST@|$HOST|g" -e "s|@SCHEME@|$SCHEME|g" \
        -e "s|@CERTIFICATE@|$certificate/fullchain.pem|g" \
        -e "s|@CERTIFICATE_KEY@|$certificate/privkey.pem|g" \
        -e "s|@HTTP_PORT@|$HTTP_PORT|g" -e "s|@HTTPS_PORT@|$HTTPS_PORT|g" \
        -e "s|@HEALTH_PORT@|$HEALTH_PORT|g" "$PLACE/$1.conf"
}

# Write the configuration, all but the upstream, into a folder.
configure() {
    for file in nginx maps limits proxy errors gate acme locations media; do
        filled_in "$file" >"$1/$file.conf" || return
    done
    filled_in "sites/$SITE" >"$1/site.conf" || return
    if [ "$SITE" = tls ]; then
        networks | cloudflare_conf >"$1/cloudflare.conf"
    fi
}

# Print the ids of nginx's workers: of all, or with "serving" of those that take new requests.
workers() {
    master=$(cat "$RUN/nginx.pid")
    grep -ls "^PPid:[[:space:]]*$master\$" /proc/[0-9]*/status | while read -r status; do
        { title=$(tr '\0' ' ' <"${status%/status}/cmdline"); } 2>/dev/null || continue
        case "${1:-all} $title" in
            "serving nginx: worker process is shutting down"*) ;;
            *" nginx: worker process"*) basename "${status%/status}" ;;
        esac
    done
}

# Have the running nginx take up the configuration beside this file, the certificate and the networks
# as they are now, and lead to host:port unless that is empty. When it would refuse, everything stays
# as it is. No file in use is ever half written, whoever is killed meanwhile.
#   take_up HOST:PORT
take_up() {
    trial=$(mktemp -d "$RUN/trial.XXXXXX") || return
    try_and_move "$1"
    status=$?
    rm -rf "$trial"
    [ "$status" = 0 ] && reload
}

# Its part that may fail: in a folder of its own, and then in one step a file.
try_and_move() {
    configure "$trial" || return
    if [ -n "$1" ]; then upstream_conf "$1"; else cat "$RUN/upstream.conf"; fi >"$trial/upstream.conf"
    "$NGINX_PROGRAM" -t -q -p "$trial" -c "$trial/nginx.conf" || return
    # Somebody else may have led nginx elsewhere meanwhile.
    [ -n "$1" ] || rm "$trial/upstream.conf"
    mv "$trial"/*.conf "$RUN"
}

# Have the running nginx read its configuration anew; return once no worker of before takes requests.
reload() {
    before=$(workers)
    "$NGINX_PROGRAM" -s reload -p "$RUN" -c "$RUN/nginx.conf" || return
    # That is a signal, and what comes of it may fail yet.
    seconds=10
    while workers serving | grep -qxF "$before"; do
        [ "$seconds" -gt 0 ] || return 1
        seconds=$((seconds - 1))
        sleep 1
    done
}
