#!/bin/bash
# The screenshot service needs a display; Xvfb is a virtual one.
set -e

Xvfb :99 -screen 0 1280x1024x24 -nolisten tcp &
xvfb=$!

# A killed X server leaves its lock file, and the container cannot be restarted until the file is removed.
trap 'kill "$xvfb"; rm -f /tmp/.X99-lock' EXIT

export DISPLAY=:99
sleep 1 # time for Xvfb to start

screenshots --listen 8080
