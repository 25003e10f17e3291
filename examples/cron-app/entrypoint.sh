#!/bin/bash
# The application, and cron for the nightly export.
set -e

# Jobs don't inherit what the container was given.
printenv > /etc/environment

cron

# exec, so that the application gets the signals.
exec shop --port 8080
