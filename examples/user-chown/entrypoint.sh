#!/bin/bash
# A new volume belongs to root, and the server must not run as root.
set -e

chown -R www-data:www-data /data

exec su www-data -s /bin/sh -c 'exec shop-server --data /data'
