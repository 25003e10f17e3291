#!/bin/bash
# The server has a command of its own for an orderly stop.
set -e

app-server run &
server=$!

stop() {
  app-server stop
  wait "$server"
}
trap stop TERM INT

wait "$server"
