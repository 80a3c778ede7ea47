#!/bin/sh
# Gets a Chromium for the browser tests where that is possible without asking; else says how.
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
root=
[ "$(id -u)" = 0 ] || root="sudo -n"
if command -v apt-get >/dev/null 2>&1 && $root true 2>/dev/null; then
    echo "Installing Chromium for the browser tests (once) ..."
    $root apt-get update -qq >/dev/null 2>&1
    DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1
    command -v chromium >/dev/null 2>&1 && exit 0
fi
echo "No Chromium: the browser tests will not be run. To have them, install your system's package 'chromium'."
