#!/bin/bash
# PHP behind nginx. Both end gracefully on QUIT, and cut requests short on TERM.
set -e

php-fpm --nodaemonize &
fpm=$!

nginx -g 'daemon off;' &
nginx=$!

trap 'kill -QUIT "$nginx" "$fpm"' TERM INT

wait "$nginx" "$fpm"
