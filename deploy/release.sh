#!/usr/bin/env bash
# Replaces the running version by another one while people use the service; --help says how.
set -euo pipefail
cd "$(dirname "$0")/.."

STATE=.release        # lock and log, beside .env
READY_SECONDS=120     # until a new api is ready
DRAIN_SECONDS=300     # as nginx's worker_shutdown_timeout
STOP_SECONDS=40       # longer than gunicorn's own patience
LOCK_SECONDS=3        # until a migration gives up waiting for a table
TRIES=4               # of a migration, which may not get its lock, and of a backup beside another
PAUSE_SECONDS=5       # between two tries
ASKED='healthcheck videos'  # what a version must answer

old='' old_image='' new='' is_committed='' has_begun=''

usage() {
    cat <<'HELP'
deploy/release.sh IMAGE@DIGEST   Replace the running version by this image.
deploy/release.sh --back         Go back to the image before; the database stays as it is.

Backs up, stops the workers, migrates, starts the new api beside the old one, tries it, leads nginx
to it, tries it again, and only then stops the old one. After a cut-off, run it again. What was done
is in .release/log, too.

Exit status: 1 when it failed and the old version goes on, 2 when it did not begin, 3 when the new
version serves but not everything is done.
HELP
}

# Say a line here and in the log, even if nobody listens any more.
say() {
    printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >>"$STATE/log"
    printf '%s\n' "$*" 2>/dev/null || true
}

# Run a step and say how long it took: step TEXT COMMAND...
step() {
    local text=$1 begin=$SECONDS
    shift
    if "$@" >>"$STATE/log" 2>&1; then
        say "$text ($((SECONDS - begin)) s)"
    else
        say "$text: failed after $((SECONDS - begin)) s; $STATE/log tells why."
        return 1
    fi
}

# Print the value of a variable in .env.
setting() {
    [ ! -f .env ] || sed -n "s/^$1=//p" .env | tail -n 1
}

# Write the images into .env, all or nothing: remember IMAGE BEFORE
remember() {
    {
        [ ! -f .env ] || grep -vE '^VIZTUBE_IMAGE(_BEFORE)?=' .env || true
        echo "VIZTUBE_IMAGE=$1"
        echo "VIZTUBE_IMAGE_BEFORE=$2"
    } >"$STATE/env.new" || return
    if [ -f .env ]; then chmod --reference=.env "$STATE/env.new" || return; fi
    mv "$STATE/env.new" .env
}

# Those of `docker compose run` are not meant.
api_containers() {
    docker ps --all --quiet --no-trunc --filter label=com.docker.compose.project=viztube \
        --filter label=com.docker.compose.service=viztube-api --filter label=com.docker.compose.oneoff=False
}

image_of() {
    docker inspect --format '{{.Config.Image}}' "$1"
}

state_of() {
    docker inspect --format '{{.State.Status}} {{.State.Health.Status}} {{.RestartCount}}' "$1"
}

# Print where a container of the api listens: address_of CONTAINER
address_of() {
    local address
    address=$(docker inspect --format '{{.NetworkSettings.Networks.viztube_inside.IPAddress}}' "$1") || return
    [ -n "$address" ] || return
    echo "$address:8000"
}

# Lead nginx to one container: switch_to CONTAINER
switch_to() {
    local address
    address=$(address_of "$1") || return
    docker compose exec -T nginx /viztube/nginx/switch.sh "$address"
}

# Lead nginx to whatever has the name, so that it finds a container that is made anew.
switch_to_name() {
    docker compose exec -T nginx /viztube/nginx/switch.sh viztube-api:8000
}

drained() {
    docker compose exec -T nginx /viztube/nginx/drained.sh "$DRAIN_SECONDS"
}

remove() {
    docker stop -t "$STOP_SECONDS" "$1" && docker rm "$1"
}

# Print the services beside the api that our image runs here: some belong to profiles.
workers() {
    docker compose config --services | grep -xE 'viztube-(worker|transcoder)|backup'
}

stop_workers() {
    local services
    services=$(workers) || return
    # shellcheck disable=SC2086 # names, one a line
    docker compose stop $services
}

# Start them with an image: start_workers IMAGE
start_workers() {
    local services
    services=$(workers) || return
    # shellcheck disable=SC2086 # names, one a line
    VIZTUBE_IMAGE=$1 docker compose up -d --no-deps --no-build $services
}

# An image that has a digest, or was used before, is what it was: it may be here already.
get_image() {
    if [[ $1 == --back || $VIZTUBE_IMAGE == *@* ]] && docker image inspect --format '{{.Id}}' "$VIZTUBE_IMAGE"; then
        return
    fi
    docker pull --quiet "$VIZTUBE_IMAGE"
}

# Find the api that serves.
find_running() {
    local id all image state
    all=$(api_containers) || return
    image=$(setting VIZTUBE_IMAGE)
    # One that runs but is not well may still serve: it stays when there is no better one.
    for state in "running healthy " "running "; do
        for id in $all; do
            [[ -z $old && $(state_of "$id") == "$state"* && $(image_of "$id") == "$image" ]] && old=$id
        done
        for id in $all; do
            [[ -z $old && $(state_of "$id") == "$state"* ]] && old=$id
        done
    done
    old_image=$image
    [ -z "$old" ] || old_image=$(image_of "$old") || return
}

# Lead nginx to the api that serves and to no other: the name would lead to the new one too, before it
# is ready. Remove what a release that was cut off has left.
settle() {
    local id all
    [ -z "$old" ] || switch_to "$old" || return
    all=$(api_containers) || return
    [ -z "$old" ] || [ "$all" = "$old" ] || drained || return
    for id in $all; do
        [ "$id" = "$old" ] || remove "$id" || return
    done
}

# Try a command again and again: persist COMMAND...
persist() {
    local try
    for ((try = 1; try <= TRIES; try++)); do
        "$@" && return
        [ "$try" = "$TRIES" ] || sleep "$PAUSE_SECONDS"
    done
    return 1
}

back_up() {
    if [ -n "$(docker compose ps --quiet backup)" ]; then
        docker compose exec -T backup python manage.py backup --to /backups --keep 7
    else
        docker compose run --rm --no-deps -T backup python manage.py backup --to /backups --keep 7
    fi
}

migrate() {
    docker compose run --rm --no-deps -T -e "DATABASE_LOCK_TIMEOUT=$LOCK_SECONDS" migrate
}

start_new() {
    local count=1 id all
    [ -z "$old" ] || count=2
    docker compose up -d --no-deps --no-recreate --no-build --scale "viztube-api=$count" viztube-api || return
    all=$(api_containers) || return
    for id in $all; do
        [ "$id" = "$old" ] || new=$id
    done
    [ -n "$new" ]
}

wait_until_ready() {
    local begin=$SECONDS state
    while ((SECONDS - begin < READY_SECONDS)); do
        state=$(state_of "$new") || return
        case $state in
            "running healthy "*) return 0 ;;
            *" 0") sleep 1 ;;
            *) break ;; # it has ended, and was started again
        esac
    done
    docker logs --tail 50 "$new"
    return 1
}

# Ask something of nginx's machine: ask CURL-ARGUMENTS...
ask() {
    docker compose exec -T nginx curl -fsS --max-time 20 -o /dev/null "$@"
}

# Before anyone is led to it.
try_new() {
    local path address
    address=$(address_of "$new") || return
    for path in $ASKED; do
        ask -H 'Host: viztube-api' -H 'X-Forwarded-Proto: https' "http://$address/api/v2/$path" || return
    done
}

# Through nginx, as people come, and see that it is the new one who answers.
smoke_test() {
    local path address answered
    address=$(address_of "$new") || return
    for path in $ASKED; do
        answered=$(ask -w '%header{x-upstream}' "http://127.0.0.1:8081/api/v2/$path") || return
        [ "$answered" = "$address" ] || {
            echo "$path was answered by ${answered:-nobody we know}, not by $address."
            return 1
        }
    done
}

retire_old() {
    [ -z "$old" ] || remove "$old" || return
    switch_to_name
}

# Remove all our images but the one in use and the one before.
prune() {
    local id keep
    keep=$(docker image inspect --format '{{.Id}}' "$VIZTUBE_IMAGE" "${old_image:-$VIZTUBE_IMAGE}") || true
    docker image ls --quiet --no-trunc "${VIZTUBE_IMAGE%%[@:]*}" | sort -u | while read -r id; do
        grep -qxF "$id" <<<"$keep" || docker image rm --force "$id" || true
    done
}

# However it ends: the old version goes on, unless the new one has proved itself.
finish() {
    local status=$?
    trap - EXIT
    trap '' INT TERM
    [ -n "$has_begun" ] || exit "$status"
    if [ -n "$is_committed" ]; then
        [ "$status" != 0 ] || exit 0
        say "The new version serves, but not everything is done: run this again."
        exit 3
    fi
    if [ -n "$old" ]; then
        step "Lead nginx to the old version" switch_to "$old" || true
        step "Wait for the requests of the new one" drained || true
    fi
    local id
    for id in $(api_containers); do
        [ "$id" = "$old" ] || step "Remove the new version" remove "$id" || true
    done
    [ -z "$old" ] || step "Lead nginx to the name again" switch_to_name || true
    [ -z "$old_image" ] || step "Start the workers of the old version" start_workers "$old_image" || true
    say "The release failed; ${old_image:-nothing} goes on. Mend what $STATE/log tells and run this again."
    exit 1
}

main() {
    case ${1:-} in
        -h | --help)
            usage
            exit
            ;;
    esac
    [ $# = 1 ] || {
        usage >&2
        exit 2
    }
    mkdir -p "$STATE"
    exec 9>"$STATE/lock"
    flock -n 9 || {
        echo "Another release is running: wait until it has ended." >&2
        exit 2
    }
    # Losing the connection must not cut it off.
    trap '' HUP PIPE
    local wanted=$1 before
    if [ "$wanted" = --back ]; then
        wanted=$(setting VIZTUBE_IMAGE_BEFORE)
        [ -n "$wanted" ] || {
            echo "No image before is known: name one, like deploy/release.sh IMAGE@DIGEST." >&2
            exit 2
        }
    fi
    case $wanted in -*)
        usage >&2
        exit 2
        ;;
    esac

    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    say "Release of $wanted"
    # Compose prefers it to .env.
    export VIZTUBE_IMAGE=$wanted
    step "Get the image" get_image "$1"
    step "Find the running version" find_running
    has_begun=1
    step "Lead nginx to it alone" settle
    step "Back up" persist back_up
    step "Stop the workers" stop_workers
    [ "$1" = --back ] || step "Migrate" persist migrate
    step "Start the new version beside the old" start_new
    step "Wait until it is ready" wait_until_ready
    step "Try it" try_new
    step "Lead nginx to it" switch_to "$new"
    step "Try it as people come" smoke_test
    before=$old_image
    [ "$before" != "$wanted" ] || before=$(setting VIZTUBE_IMAGE_BEFORE)
    step "Write it into .env" remember "$wanted" "$before"
    is_committed=1
    step "Wait for the requests of the old version" drained
    step "Stop the old version" retire_old
    step "Start the workers" start_workers "$wanted"
    step "Remove old images" prune
    say "$wanted serves."
}

main "$@"
