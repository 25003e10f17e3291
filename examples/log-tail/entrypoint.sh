#!/bin/bash
# The server writes to a file only; tail makes it the container's log, and keeps the container running.
set -e

touch /var/log/shop.log

legacy-server --config /etc/shop.conf &
server=$!

trap 'kill -TERM "$server"; wait "$server"' TERM INT

tail -n 0 -F /var/log/shop.log
