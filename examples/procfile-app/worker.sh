#!/bin/sh
# Does one job after the other. Told to end, it finishes the job that it has, if nobody tells the programs that it runs.
trap 'echo "worker: bye"; exit' TERM
echo 'worker: waiting for jobs'
while :; do
    job=$(redis-cli BLPOP jobs 1 2>&1 | sed -n 2p)
    if [ -n "$job" ]; then
        redis-cli RPUSH done "$(echo "$job" | tr a-z A-Z)" > /dev/null
    fi
done
