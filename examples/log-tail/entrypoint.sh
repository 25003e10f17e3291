#!/bin/bash
# The server can only write to a file. tail copies the file to the container's log, and keeps the container running.
set -e

touch /var/log/shop.log

legacy-server --config /etc/shop.conf &
server=$!

trap 'kill -TERM "$server"; wait "$server"' TERM INT

tail -n 0 -F /var/log/shop.log
