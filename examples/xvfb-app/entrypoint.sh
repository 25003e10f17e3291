#!/bin/bash
# Screenshots need a display, a virtual one.
set -e

Xvfb :99 -screen 0 1280x1024x24 -nolisten tcp &
xvfb=$!

# X leaves its lock behind, and then the container can't be started again.
trap 'kill "$xvfb"; rm -f /tmp/.X99-lock' EXIT

export DISPLAY=:99
sleep 1 # give it time to come up

screenshots --listen 8080
