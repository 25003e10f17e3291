#!/bin/bash
# The worker and the scheduler in one container.
set -euo pipefail

# Take everybody down with us, and wait until they are gone.
trap 'trap - TERM; kill -TERM -- -$$; wait; exit 0' TERM INT

celery -A shop worker --loglevel INFO &
celery -A shop beat --loglevel INFO --schedule /tmp/celerybeat-schedule &

# If either one dies, the container should die.
wait -n
