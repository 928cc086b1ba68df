#!/bin/sh
# Installs what looks at pages: Chromium by apt, as root, and axe-core by npm, into build/axe. Does nothing where it is.
set -eu
if ! command -v chromium >/dev/null 2>&1; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "Chromium is missing and only root on Debian or Ubuntu can install it here." >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi
if [ ! -f build/axe/node_modules/axe-core/axe.min.js ]; then
    mkdir -p build/axe
    npm install --prefix build/axe --silent --no-audit --no-fund axe-core@4
fi
