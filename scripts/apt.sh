# To be sourced: installing Debian packages.

# apt_install PACKAGE...: with apt-get, as root. Services among them are not started.
apt_install() (
    if ! command -v apt-get >/dev/null; then
        echo "there is no apt-get: install $* yourself" >&2
        exit 1
    fi
    root=()
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "run as root, or install $* yourself" >&2
            exit 1
        fi
        root=(sudo)
    fi
    echo "installing $*"
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        # Gone again however this ends: with it no service of the machine could be started.
        trap '"${root[@]}" rm -f $policy' EXIT
        printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
        "${root[@]}" chmod +x $policy
    fi
    { "${root[@]}" apt-get -o DPkg::Lock::Timeout=300 update -qq &&
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@"; } >/dev/null && exit 0
    echo "apt-get could not install $*" >&2
    exit 1
)
