#!/bin/bash
# nginx answers 502 until the application listens, so the application starts first.
set -e

uvicorn shop:app --host 127.0.0.1 --port 8000 &
app=$!

echo "waiting for port 8000"
until nc -z 127.0.0.1 8000; do
  sleep 0.5
done

nginx -g 'daemon off;' &
nginx=$!

stop() {
  kill -QUIT "$nginx"
  wait "$nginx"
  kill -TERM "$app"
  wait "$app"
  exit 0
}
trap stop TERM INT

wait -n
stop
