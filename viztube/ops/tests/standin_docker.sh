#!/usr/bin/env bash
# Stands in for docker in test_release_steps.py: containers of the api are files, in the order in
# which they were made, that hold the name of their image; so are the services that run jobs. What fails is named by FAIL; every call is
# written into $PLACE/calls.
set -u
cd "$PLACE" || exit
all="$*"
echo "$all" >>calls
newest() { find api -type f -printf '%f\n' | sort -n | tail -1; }
serves_new() { [ "$(cat upstream)" = "10.0.0.2:8000" ]; }

case "$*" in
    "pull "*) [ "$FAIL" != pull ] && echo "${!#}" >>images ;;
    "image inspect "*) grep -qxF "${!#}" images ;;
    "ps --all --quiet --no-trunc --filter "*"service=viztube-api "*"oneoff=False") find api -type f -printf '%f\n' | sort -n ;;
    "compose ps --quiet backup") echo b ;;
    "inspect --format {{.Config.Image}} "*) cat "api/${!#}" ;;
    "inspect --format {{.State.Status}}"*)
        if [ "$FAIL" = start ] && [ "${!#}" = 2 ]; then echo "restarting unhealthy 1"; else echo "running healthy 0"; fi
        ;;
    "inspect --format {{.NetworkSettings"*) echo "10.0.0.${!#}" ;;
    "compose up"*"--scale viztube-api="*)
        count=${all##*viztube-api=}
        while [ "$(find api -type f | wc -l)" -lt "${count%% *}" ]; do
            echo "$VIZTUBE_IMAGE" >"api/$(($(newest) + 1))"
        done
        ;;
    "compose config --services") ls services ;;
    "compose up -d --no-deps --no-build "*) for one in ${all#*--no-build }; do echo "$VIZTUBE_IMAGE" >"services/$one"; done ;;
    "compose stop "*) for one in ${all#*stop }; do : >"services/$one"; done ;;
    *"/viztube/nginx/switch.sh "*) [ "$FAIL" = stuck ] || echo "${!#}" >upstream ;;
    *" nginx curl "*"http://10.0.0."*) [ "$FAIL" != try ] ;;
    *" nginx curl "*) ! { [ "$FAIL" = smoke ] && serves_new; } && cat upstream ;;
    "compose exec -T backup "*) [ "$FAIL" != backup ] ;;
    "compose run "*" migrate") [ "$FAIL" != migrate ] ;;
    "rm "*) [ "$FAIL" != rm ] && rm "api/$2" ;;
    *"drained.sh "* | "stop "* | "logs "* | "image "*) ;;
    *)
        echo "The stand-in does not know: docker $*" >&2
        exit 99
        ;;
esac
