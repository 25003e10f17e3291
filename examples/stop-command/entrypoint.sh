#!/bin/bash
# The server has its own command for a graceful shutdown.
set -e

app-server run &
server=$!

stop() {
  app-server stop
  wait "$server"
}
trap stop TERM INT

wait "$server"
