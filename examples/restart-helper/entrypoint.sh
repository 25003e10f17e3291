#!/bin/bash
# Runs the server, and an agent that crashes from time to time. A crash of the agent must not stop the server.

while true; do
  metrics-agent --port 9100
  echo "metrics-agent exited with status $?, restarting it" >&2
  sleep 1
done &
agent=$!

shop --port 8080 &
server=$!

trap 'kill -TERM "$agent" "$server"' TERM INT

# The first wait returns when the signal arrives, the second when the server has exited.
wait "$server"
wait "$server"
