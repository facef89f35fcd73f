#!/bin/sh
# Backs up every night at three o'clock (UTC); a signal ends it at once.
#   docker compose exec backup python manage.py backup --to /backups --keep 7
# does so now.
set -u
child=
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; exit 0' TERM INT

# Run a command beside this shell: while it runs one in front, a shell takes no signal.
run() {
    "$@" &
    child=$!
    wait "$child"
}

while true; do
    now=$(date -u +%s)
    # Until a second after three, so that what is done within a second is not done again.
    run sleep $(((86400 + 3 * 3600 - now % 86400) % 86400 + 1))
    run python manage.py backup --to /backups --keep 7 ||
        echo "The backup failed; the next is tomorrow." >&2
done
