#!/usr/bin/env bash
# Installs what the tests need beside Rust: Python packages in tests/.venv, the TypeScript client in tests/clients/ts, strace.
# Does nothing where all is there already.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=tests/.venv
client=tests/clients/ts
done_file=$venv/installed.sum

die() {
    echo "setup-tests: $*" >&2
    exit 1
}

# apt_install PACKAGE...: with apt-get, as root.
apt_install() {
    command -v apt-get >/dev/null || die "there is no apt-get: install $* yourself"
    local root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "run as root, or install $* yourself"
        root=(sudo)
    fi
    echo "setup-tests: installing $*"
    if ! { "${root[@]}" apt-get update -qq &&
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null; then
        die "apt-get could not install $*"
    fi
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

sum=$(cat tests/requirements.txt $client/package-lock.json | sha256sum)
if [ -f $done_file ] && [ "$(cat $done_file)" = "$sum" ] && [ -x $venv/bin/python ] && [ -d $client/node_modules ]; then
    exit 0
fi

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    die "Python 3.11 or later is needed; this is $(python3 --version)"
fi
rm -rf $venv
if ! python3 -m venv $venv >/dev/null 2>&1; then
    # Debian's python3 comes without what makes environments.
    rm -rf $venv
    apt_install python3-venv
    python3 -m venv $venv || die "python3 cannot make an environment in $venv"
fi
echo "setup-tests: installing Python packages"
$venv/bin/pip install --quiet --disable-pip-version-check --require-virtualenv --requirement tests/requirements.txt ||
    die "pip could not install tests/requirements.txt"

echo "setup-tests: installing the TypeScript client"
(cd $client && npm ci --silent --no-audit --no-fund) || die "npm could not install $client"
if [ "$(node_major node)" -lt 20 ]; then
    # Debian 12 has Node 18; this package carries a newer one, for this folder only.
    (cd $client && npm install --silent --no-audit --no-fund --no-save node@22) || die "Node 20 or later is needed"
fi
echo "$sum" >$done_file
