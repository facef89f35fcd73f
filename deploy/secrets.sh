#!/bin/sh
# Makes the secrets that are missing; what is there stays. Each folder is mounted only where it is
# needed, so its files may be read by whoever is in there. SECRETS is above the folders (/secrets),
# CERTIFICATES where a certificate is put that nginx can start with (/etc/letsencrypt).
#
# What others give you goes in by standard input, and an empty text takes it out again:
#   docker compose run --rm -T secrets deploy/secrets.sh set cloudinary_url < file
set -eu
umask 022
SECRETS=${SECRETS:-/secrets}
CERTIFICATES=${CERTIFICATES:-/etc/letsencrypt}

# Put standard input into a file, whole or not at all.
put() {
    cat >"$1.new"
    chmod 644 "$1.new"
    mv "$1.new" "$1"
}

if [ "${1:-}" = set ]; then
    case ${2:-} in
        cloudinary_url | sentry_dsn) put "$SECRETS/app/$2" ;;
        *)
            echo "There is no secret ${2:-} to be set: name one of: cloudinary_url, sentry_dsn." >&2
            exit 2
            ;;
    esac
    echo "$2 is set; restart viztube-api and viztube-worker to use it."
    exit 0
fi

make() {
    [ -s "$1" ] || openssl rand "$2" "$3" | tr -d '\n' | put "$1"
}

make "$SECRETS/app/secret_key" -base64 48
make "$SECRETS/app/jwt_signing_key" -base64 48
for role in postgres owner app; do
    make "$SECRETS/database/${role}_password" -hex 24
done
for role in owner app; do
    [ -s "$SECRETS/$role/database_url" ] ||
        printf 'postgres://viztube_%s:%s@postgres:5432/viztube\n' "$role" \
            "$(cat "$SECRETS/database/${role}_password")" | put "$SECRETS/$role/database_url"
done
if [ ! -s "$SECRETS/cache/valkey.conf" ] || [ ! -s "$SECRETS/app/redis_url" ]; then
    password=$(openssl rand -hex 24)
    # Cache and rate limits only: nothing is kept. What ends soonest makes room, so that many answers
    # that are asked for do not push out how often somebody has tried to sign in.
    put "$SECRETS/cache/valkey.conf" <<CONF
requirepass $password
port 6379
protected-mode no
save ""
appendonly no
maxmemory 32mb
maxmemory-policy volatile-ttl
maxclients 64
CONF
    echo "redis://:$password@valkey:6379/0" | put "$SECRETS/app/redis_url"
fi
for name in cloudinary_url sentry_dsn; do
    [ -e "$SECRETS/app/$name" ] || : | put "$SECRETS/app/$name"
done

# Until certbot has a certificate: nginx does not start without any.
case ${PUBLIC_URL:-} in
    https://*)
        folder=$CERTIFICATES/bootstrap
        if [ ! -s "$folder/fullchain.pem" ]; then
            mkdir -p "$folder"
            name=${PUBLIC_URL#https://}
            name=${name%%:*}
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 \
                -subj "/CN=$name" -addext "subjectAltName=DNS:$name" \
                -keyout "$folder/privkey.pem.new" -out "$folder/fullchain.pem.new" 2>/dev/null
            chmod 600 "$folder/privkey.pem.new"
            mv "$folder/privkey.pem.new" "$folder/privkey.pem"
            mv "$folder/fullchain.pem.new" "$folder/fullchain.pem"
        fi
        ;;
esac
echo "All secrets are there."
