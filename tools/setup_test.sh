#!/usr/bin/env bash
# Install what the tests need: Python packages into .venv, and system packages as root on Debian or Ubuntu only.
# What cannot be had is named, and the tests that need it are skipped by name.
set -euo pipefail

# bubblewrap, libseccomp2, uidmap: the sandbox. TeX: the PDF, with natbib, booktabs, amsmath, hyperref, graphicx
# and the Times and Computer Modern fonts. poppler-utils: reading the PDF back. docker.io: the engine, which the tests
# start by themselves, with data and a socket of its own; debootstrap: the tree that its image is made of.
# qemu, busybox, e2fsprogs: a guest with Debian's kernel, in which the proofs try control groups of version 2.
packages=(
    bubblewrap libseccomp2 uidmap
    texlive-latex-base texlive-latex-recommended texlive-fonts-recommended
    poppler-utils
    docker.io debootstrap
    qemu-system-x86 busybox-static e2fsprogs
)

# Kept between set-ups, and outside the repository: making it takes minutes.
tree=${XDG_CACHE_HOME:-$HOME/.cache}/peercycle-tests/debian-tree

missing_packages() {
    local package
    for package in "${packages[@]}"; do
        # Any Docker engine will do; Debian's would be in the way of another.
        if [ "$package" = docker.io ] && command -v dockerd >/dev/null; then
            continue
        fi
        if ! dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed; then
            echo "$package"
        fi
    done
}

install_packages() {
    export DEBIAN_FRONTEND=noninteractive
    # RUNLEVEL=1: no service is started; the tests start what they need.
    apt-get update -q </dev/null && RUNLEVEL=1 apt-get install -q -y --no-install-recommends "$@" </dev/null
}

# A Debian tree with Python, from the mirror that apt uses: Docker's image is made of it, for no registry is asked.
setup_tree() {
    if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null || [ -e "$tree/usr/bin/python3" ]; then
        return
    fi
    local fresh log mirror suite
    read -r mirror suite < <(apt-get indextargets --format '$(SITE) $(CODENAME)' 'Created-By: Packages' | head -n 1)
    mkdir -p "${tree%/*}"
    fresh=$(mktemp -d "${tree%/*}/new-XXXXXX")
    log=$(mktemp)
    echo "Set-up: making a Debian tree ($suite) in $tree, once"
    if debootstrap --variant=minbase --include=python3 "$suite" "$fresh" "$mirror" >"$log" 2>&1; then
        rm -rf "$fresh"/var/cache/apt/archives/*.deb "$fresh"/var/lib/apt/lists/*
        rm -rf "$tree" && chmod 0755 "$fresh" && mv "$fresh" "$tree"
    else
        tail -n 3 "$log"
        echo "Set-up: debootstrap failed; going on, and Docker's tests are skipped"
        rm -rf --one-file-system "$fresh"
    fi
    rm -f "$log"
}

# Debian's kernel for a guest, unpacked beside the tree and not installed.
kernel=${tree%/*}/guest-kernel
setup_guest_kernel() {
    if [ "$(id -u)" -ne 0 ] || [ -e "$kernel/vmlinuz" ] || [ "$(dpkg --print-architecture)" != amd64 ]; then
        return
    fi
    local fresh name
    name=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image/ { print $2; exit }')
    mkdir -p "${kernel%/*}"
    fresh=$(mktemp -d "${kernel%/*}/new-XXXXXX")
    if [ -n "$name" ] && (cd "$fresh" && apt-get download -q "$name" && dpkg-deb -x ./*.deb .) >/dev/null 2>&1; then
        rm -rf "$kernel" && mkdir "$kernel"
        mv "$fresh"/boot/vmlinuz-* "$kernel/vmlinuz"
        mv "$fresh"/lib/modules "$kernel/modules"
    else
        echo "Set-up: no kernel for a guest could be had; going on, and its proof is skipped"
    fi
    rm -rf --one-file-system "$fresh"
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
setup_tree
setup_guest_kernel
make --silent .venv/.installed-test
bash tools/make_vllm_env.sh
echo "Set-up took ${SECONDS} s"
