#!/bin/bash
# Runs the application, and cron for the nightly export.
set -e

# cron jobs do not inherit the environment of the container.
printenv > /etc/environment

cron

# exec, so that the application receives the signals.
exec shop --port 8080
