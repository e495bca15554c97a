#!/usr/bin/env bash
# Make .venv with pip in it, unless it is there.
set -euo pipefail

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(bash tools/find_python.sh)
    "$python" -m venv .venv
fi
