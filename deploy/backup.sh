#!/bin/sh
# Backs up every night at three o'clock (UTC), and keeps a week.
#   docker compose exec backup python manage.py backup --to /backups --keep 7
# does so now.
set -u
while true; do
    now=$(date -u +%s)
    sleep $(((86400 + 3 * 3600 - now % 86400) % 86400 + 1)) &
    # So that a signal ends the wait at once.
    trap 'kill $!; exit 0' TERM INT
    wait $!
    python manage.py backup --to /backups --keep 7 || echo "The backup failed; the next is tomorrow." >&2
done
