#!/bin/sh
# Runs nginx in the foreground with the configuration beside this script.
#
# What it is told by the environment:
#   PUBLIC_URL     http://...: one plain site; https://...: TLS, and Cloudflare only
#   API            host:port of the application (viztube-api:8000)
#   MEDIA          folder of the media files (/media)
#   RUN            folder for the configuration in use (/run/nginx)
#   SPOOL          folder on a disk for bodies of requests (/var/spool/nginx)
#   CERTIFICATES   folder with live/viztube/ of certbot, or bootstrap/ (/etc/letsencrypt)
#   ACME           folder in which certbot answers challenges (/var/www/acme)
#   RANGES         file with Cloudflare's networks, one a line; refresh-cloudflare.sh renews it
#   RESOLVER       server that knows the name of the application (the first of /etc/resolv.conf)
#   HTTP_PORT, HTTPS_PORT, HEALTH_PORT   where to listen (8080, 8443, 8081)
#   NGINX_PROGRAM  the program (nginx)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/nginx/configure.sh
. "$here/configure.sh"

mkdir -p "$RUN" "$SPOOL"
configure "$RUN"
# What a release has led to stays.
if [ ! -e "$RUN/upstream.conf" ]; then
    upstream_conf "$API" >"$RUN/upstream.conf.new"
    mv "$RUN/upstream.conf.new" "$RUN/upstream.conf"
fi
if ! "$NGINX_PROGRAM" -t -q -p "$RUN" -c "$RUN/nginx.conf"; then
    echo "nginx refuses its configuration in $RUN; what it said above should tell why." >&2
    exit 1
fi
# Certificates are renewed and Cloudflare's networks change while nginx runs.
if [ "$SITE" = tls ]; then
    "$here/renew.sh" &
fi
exec "$NGINX_PROGRAM" -p "$RUN" -c "$RUN/nginx.conf" -g 'daemon off;'
