#!/bin/sh
# Gets a certificate for the host of PUBLIC_URL, and looks twice a day whether it is time for the next.
# nginx takes it up by itself. CERTBOT_EMAIL is told when a renewal fails for long (optional).
set -u
case ${PUBLIC_URL:-} in
    https://*) host=${PUBLIC_URL#https://} ;;
    *)
        echo "PUBLIC_URL is not https, so there is nothing to certify: set it, or leave the profile production." >&2
        exit 1
        ;;
esac
trap 'exit 0' TERM INT
if [ -n "${CERTBOT_EMAIL:-}" ]; then
    set -- --email "$CERTBOT_EMAIL"
else
    set -- --register-unsafely-without-email
fi
while true; do
    certbot certonly --non-interactive --agree-tos --keep-until-expiring --quiet \
        --webroot --webroot-path /var/www/acme --cert-name viztube --domain "${host%%:*}" \
        --work-dir /tmp/work --logs-dir /tmp/logs \
        "$@" ||
        echo "No certificate yet; the next try is in 12 hours, or now: docker compose restart certbot" >&2
    sleep 43200 &
    wait $!
done
