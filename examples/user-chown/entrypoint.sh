#!/bin/bash
# A volume that was just made belongs to root; the server must not run as root.
set -e

chown -R www-data:www-data /data

exec su www-data -s /bin/sh -c 'exec shop-server --data /data'
