#!/bin/bash
# Runs PHP behind nginx. Both shut down gracefully on QUIT, and abort requests on TERM.
set -e

php-fpm --nodaemonize &
fpm=$!

nginx -g 'daemon off;' &
nginx=$!

trap 'kill -QUIT "$nginx" "$fpm"' TERM INT

wait "$nginx" "$fpm"
