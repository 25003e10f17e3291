#!/bin/bash
# The database first, then the server.
set -euo pipefail

echo "running migrations"
python manage.py migrate --noinput

# exec, so that gunicorn gets the signals.
exec gunicorn shop.wsgi --bind 0.0.0.0:8000
