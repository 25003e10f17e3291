#!/bin/bash
# Migrates the database, then starts the server.
set -euo pipefail

echo "running migrations"
python manage.py migrate --noinput

# exec, so that gunicorn receives the signals.
exec gunicorn shop.wsgi --bind 0.0.0.0:8000
