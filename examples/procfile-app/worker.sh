#!/bin/sh
# Processes one job after the other. On SIGTERM it finishes the current job, unless the programs that it runs are signalled too.
trap 'echo "worker: bye"; exit' TERM
echo 'worker: waiting for jobs'
while :; do
    job=$(redis-cli BLPOP jobs 1 2>&1 | sed -n 2p)
    if [ -n "$job" ]; then
        redis-cli RPUSH done "$(echo "$job" | tr a-z A-Z)" > /dev/null
    fi
done
