#!/bin/bash
# The server, and an agent that crashes now and then and must not take the server with it.

while true; do
  metrics-agent --port 9100
  echo "metrics-agent ended with status $?, starting it again" >&2
  sleep 1
done &
agent=$!

shop --port 8080 &
server=$!

trap 'kill -TERM "$agent" "$server"' TERM INT

# The first wait returns when the signal arrives, the second one when the server has ended.
wait "$server"
wait "$server"
