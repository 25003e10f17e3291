#!/bin/bash
# Runs a redis node with its sentinel. The sentinel must exit first, because it would treat the shutdown as a failure of redis.
set -e

redis-server /etc/redis/redis.conf &
redis=$!

redis-sentinel /etc/redis/sentinel.conf &
sentinel=$!

stop() {
  kill -TERM "$sentinel"
  wait "$sentinel"
  kill -TERM "$redis"
  wait "$redis"
}
trap stop TERM INT

wait -n
