#!/usr/bin/env bash
# Installs what the tests need beside Rust: Python packages in tests/.venv and tests/.venv-1 (the SDK's major version 1), TypeScript
# clients in tests/clients/ and servers in tests/upstreams/, strace, Chromium, faketime, and the parts of the stack.
# Does nothing where all is there already.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/apt.sh

venv=tests/.venv
packages="tests/clients/ts tests/clients/ts-1 tests/clients/oauth tests/upstreams/ts-1"
done_file=$venv/installed.sum

die() {
    echo "setup-tests: $*" >&2
    exit 1
}

# The release of a node; 0 where there is none.
node_major() {
    { "$1" --version 2>/dev/null || echo v0.0; } | sed -n 's/^v\([0-9]*\)\..*/\1/p'
}

command -v cargo >/dev/null || die "cargo is missing: install Rust with rustup (https://rustup.rs)"
command -v c++ >/dev/null || apt_install build-essential
command -v curl >/dev/null || apt_install curl ca-certificates
command -v strace >/dev/null || apt_install strace
command -v python3 >/dev/null || apt_install python3 python3-venv
command -v npm >/dev/null || apt_install nodejs npm
command -v chromium >/dev/null || apt_install chromium
command -v faketime >/dev/null || apt_install faketime
# librdkafka is built from source, against OpenSSL.
command -v cmake >/dev/null || apt_install cmake
[ -e /usr/include/openssl/ssl.h ] || apt_install libssl-dev pkg-config
scripts/stack.sh fetch

# shellcheck disable=SC2086 # the folders are words
sum=$(cat tests/requirements*.txt $(printf '%s/package-lock.json ' $packages) | sha256sum)
# shellcheck disable=SC2086
if [ -f $done_file ] && [ "$(cat $done_file)" = "$sum" ] &&
    ls -d $venv/bin/python $venv-1/bin/python $(printf '%s/node_modules ' $packages) >/dev/null 2>&1; then
    exit 0
fi

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    die "Python 3.11 or later is needed; this is $(python3 --version)"
fi

# python_packages FOLDER REQUIREMENTS: an environment with just these packages.
python_packages() {
    rm -rf "$1"
    if ! python3 -m venv "$1" >/dev/null 2>&1; then
        # Debian's python3 comes without what makes environments.
        rm -rf "$1"
        apt_install python3-venv
        python3 -m venv "$1" || die "python3 cannot make an environment in $1"
    fi
    echo "setup-tests: installing Python packages in $1"
    "$1/bin/pip" install --quiet --disable-pip-version-check --require-virtualenv --requirement "$2" ||
        die "pip could not install $2"
}

python_packages $venv tests/requirements.txt
python_packages $venv-1 tests/requirements-1.txt

for folder in $packages; do
    echo "setup-tests: installing $folder"
    (cd "$folder" && npm ci --silent --no-audit --no-fund) || die "npm could not install $folder"
    if [ "$(node_major node)" -lt 20 ]; then
        # Debian 12 has Node 18; this package carries a newer one, for this folder only.
        (cd "$folder" && npm install --silent --no-audit --no-fund --no-save node@22) || die "Node 20 or later is needed"
    fi
done
echo "$sum" >$done_file
