#!/usr/bin/env bash
# Print the first Python that peercycle runs on (3.11 or later, able to make a virtual environment).
set -euo pipefail

for candidate in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3; do
    # Run it: a version manager's shim may be on PATH for a version that is not installed.
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "$candidate"
        exit 0
    fi
done
echo "No Python 3.11 or later with venv was found (tried ${PYTHON:+$PYTHON, }python3.13, python3.12," \
    "python3.11, python3)." >&2
echo "Install one (Debian and Ubuntu: apt-get install python3 python3-venv), or name it: make demo PYTHON=..." >&2
exit 1
