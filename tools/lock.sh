#!/usr/bin/env bash
# Write both lock files from pyproject.toml: `tools/lock.sh` keeps the locked versions,
# `tools/lock.sh --upgrade` takes the newest ones. uv lives in a scratch environment only.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch"
"$scratch/bin/pip" install --quiet uv

options=("$@")
lock() {
    "$scratch/bin/uv" --no-config pip compile --quiet --universal --python-version 3.11 \
        --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-strip-extras "${options[@]}" "$@"
}
lock pyproject.toml -o requirements.lock
lock pyproject.toml --group dev --constraint requirements.lock -o requirements-dev.lock
