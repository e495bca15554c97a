#!/usr/bin/env bash
# Install what the tests need: Python packages into .venv, and system packages as root on Debian or Ubuntu only.
# What cannot be had is named, and the tests that need it are skipped by name.
set -euo pipefail

# bubblewrap, libseccomp2, uidmap: the sandbox. TeX: the PDF, with natbib, booktabs, amsmath, hyperref, graphicx
# and the Times and Computer Modern fonts. poppler-utils: reading the PDF back.
packages=(
    bubblewrap libseccomp2 uidmap
    texlive-latex-base texlive-latex-recommended texlive-fonts-recommended
    poppler-utils
)

missing_packages() {
    local package
    for package in "${packages[@]}"; do
        if ! dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed; then
            echo "$package"
        fi
    done
}

install_packages() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q </dev/null && apt-get install -q -y --no-install-recommends "$@" </dev/null
}

setup_system() {
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        echo "Set-up: not Debian or Ubuntu, so the system is left alone; tests may need: ${packages[*]}"
        return
    fi
    local missing log
    mapfile -t missing < <(missing_packages)
    if [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    if [ "$(id -u)" -ne 0 ]; then
        echo "Set-up: not root, so the system is left alone; absent, and skipped by the tests: ${missing[*]}"
        return
    fi
    echo "Set-up: installing system packages: ${missing[*]}"
    log=$(mktemp)
    if ! install_packages "${missing[@]}" >"$log" 2>&1; then
        tail -n 5 "$log"
        echo "Set-up: apt-get failed; going on, and tests that need these are skipped: $(missing_packages | xargs)"
    fi
    rm -f "$log"
}

SECONDS=0
setup_system
make --silent .venv/.installed-test
echo "Set-up took ${SECONDS} s"
