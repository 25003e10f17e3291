#!/bin/bash
# The worker and the scheduler in one container.
set -euo pipefail

# Signal the whole process group, and wait until its processes have exited.
trap 'trap - TERM; kill -TERM -- -$$; wait; exit 0' TERM INT

celery -A shop worker --loglevel INFO &
celery -A shop beat --loglevel INFO --schedule /tmp/celerybeat-schedule &

# If either process exits, the container should exit.
wait -n
