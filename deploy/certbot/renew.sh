#!/bin/sh
# Gets a certificate for the host of PUBLIC_URL, and looks twice a day whether it is time for the next.
# nginx takes it up by itself. CERTBOT_EMAIL (optional) is who has the account at Let's Encrypt; that a
# certificate gets old is told by `manage.py doctor`.
set -u
case ${PUBLIC_URL:-} in
    https://*) host=${PUBLIC_URL#https://} ;;
    *)
        # Docker starts it again, once a minute in the end: `docker compose ps` shows that something is wrong.
        echo "PUBLIC_URL is not https, so there is nothing to certify: set it, or leave the profile production." >&2
        exit 1
        ;;
esac
child=
# certbot tidies up when it is told to end.
trap '[ -z "$child" ] || { kill "$child" 2>/dev/null; wait "$child"; }; exit 0' TERM INT

# Run a command beside this shell: while it runs one in front, a shell takes no signal.
run() {
    "$@" &
    child=$!
    wait "$child"
}

if [ -n "${CERTBOT_EMAIL:-}" ]; then
    set -- --email "$CERTBOT_EMAIL"
else
    set -- --register-unsafely-without-email
fi
while true; do
    run certbot certonly --non-interactive --agree-tos --keep-until-expiring --quiet \
        --webroot --webroot-path /var/www/acme --cert-name viztube --domain "${host%%:*}" \
        --work-dir /tmp/work --logs-dir /tmp/logs \
        "$@" ||
        echo "No certificate yet; the next try is in 12 hours, or now: docker compose restart certbot" >&2
    run sleep 43200
done
