#!/usr/bin/env bash
# Installs the Debian/Ubuntu packages of the named groups, if any is missing; says what and why.
#
#   tools/install_deps.sh engine [test] [web] [browser] [train] [bench] [package] [check] [fuzz]
#                         [aarch64]
#
# Runs apt-get as root, or through sudo. Asks once before it installs when a person is there (stdin
# is a terminal, CI is unset, ASSUME_YES is not 1). HADAL_SKIP_DEPS=1 skips everything, for systems
# where the libraries come from elsewhere. Nothing missing: no output, nothing changed.
set -euo pipefail

on_ubuntu() { [[ $(. /etc/os-release 2>/dev/null && echo "${ID:-}") == ubuntu ]]; }

boost_version() {  # packages are named by it, and each release has others; 1.81 or later is needed
  case $(. /etc/os-release 2>/dev/null && echo "${ID:-} ${VERSION_ID:-}") in
    "debian 12") echo 1.81 ;;
    debian* | ubuntu*) echo 1.83 ;;
    *) echo 1.81 ;;
  esac
}

packages() {  # GROUP -> lines "package reason"
  case $1 in
    engine) cat <<'LIST'
g++ C++20 compiler
cmake configures the build
ninja-build runs the build
pkg-config finds PCRE2 for CMake
libfmt-dev text formatting
libspdlog-dev logging
nlohmann-json3-dev JSON: config.json, tokenizer.json, safetensors headers
libcli11-dev command-line flags
libtomlplusplus-dev catalogues of machines and training recipes in TOML
libpcre2-dev Unicode regular expressions of the tokenizer
libxxhash-dev checksums of snapshots
liburing-dev reads of experts past the page cache, where io_uring is allowed
libsqlite3-dev what a server keeps on disk: calls of tools
libedit-dev editing of lines in `hadal chat`
LIST
      echo "libboost$(boost_version)-dev Asio and Beast: HTTP of the server (headers alone)" ;;
    test) cat <<'LIST' ;;
libgtest-dev unit tests
librapidcheck-dev property tests
LIST
    web)  # Node.js from elsewhere brings its own npm
      command -v node >/dev/null || echo "nodejs runs the tests of web/ (Node.js 18 or later)"
      command -v npm >/dev/null || echo "npm installs what web/package.json names" ;;
    browser)
      if command -v chromedriver >/dev/null; then return; fi
      if on_ubuntu; then
        echo "install_deps: Ubuntu has Chromium only as a snap; without it no browser test" >&2
        return
      fi
      cat <<'LIST' ;;
chromium the browser test of the page that hadal plan --html writes (about 125 MB to download)
chromium-driver moves that browser
LIST
    train) cat <<'LIST' ;;
libtorch-dev LibTorch, for `hadal train` only (about 150 MB to download)
libopenblas0-pthread the fast matrix product behind LibTorch
LIST
    bench) cat <<'LIST' ;;
libbenchmark-dev micro-benchmarks
LIST
    package) cat <<'LIST' ;;
dpkg-dev finds what libraries a package needs
file tells programs from other files of a package
LIST
    check) cat <<'LIST' ;;
python3 the scripts of tools/
clang-format formatting
clang-tidy static analysis
ccache makes rebuilds cheap
LIST
    fuzz) cat <<'LIST' ;;
clang compiler with libFuzzer
libclang-rt-dev libFuzzer and the sanitizers' run-time libraries
llvm lines for the addresses in their reports
LIST
    aarch64)  # besides engine and test, whose compiled libraries it needs once more
      if on_ubuntu; then
        echo "install_deps: Ubuntu keeps packages for ARM on another server; only Debian here" >&2
        return 1
      fi
      echo "g++-aarch64-linux-gnu compiler for 64-bit ARM"
      echo "qemu-user runs programs for 64-bit ARM"
      { packages engine; packages test; } |
        sed -n '/^libcli11/d; s/^\(lib[^ ]*\) \(.*\)/\1:arm64 \2, for ARM/p' ;;
    *) echo "install_deps: unknown group '$1'; known: engine test web browser train bench" \
         "package check fuzz aarch64" >&2
       return 1 ;;
  esac
}

# For the page of `hadal serve` and that of `hadal plan ... --html`. A build without them only lacks
# these pages.
node_packages() {
  [[ " $groups " == *" web "* ]] || return 0
  npm_ci web "its pages are made of them" "this build will have no pages"
  npm_ci tests/clients "clients that the server is tested with" "those tests are left out"
}

npm_ci() {  # FOLDER REASON CONSEQUENCE
  local folder
  folder=$(cd "$(dirname "$0")/../$1" && pwd)
  if [[ ! $folder/node_modules/.package-lock.json -nt $folder/package-lock.json ]]; then
    echo "hadal needs the npm packages of $1/package.json: $2"
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null ||
      echo "install_deps: npm ci failed (see above); $3" >&2
  fi
}

installed() { [[ $(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]; }

[[ $# -gt 0 ]] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
groups="$*" wanted=""
for group in "$@"; do wanted+=$(packages "$group")$'\n'; done
[[ ${HADAL_SKIP_DEPS:-} != 1 ]] || exit 0

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "install_deps: this is not a Debian or Ubuntu system. Install what these packages hold" >&2
  echo "(names as in Debian 12), then run again with HADAL_SKIP_DEPS=1:" >&2
  sed '/^$/d; s/^\([^ ]*\) /  \1: /' <<<"$wanted" >&2
  exit 1
fi

missing=() reasons=""
while read -r package reason; do
  [[ -n $package ]] || continue
  installed "$package" || { missing+=("$package"); reasons+="  $package: $reason"$'\n'; }
done <<<"$wanted"
[[ ${#missing[@]} -gt 0 ]] || { node_packages; exit 0; }

printf 'hadal needs %d package(s) that are not installed:\n%s' "${#missing[@]}" "$reasons"
install=(apt-get install -y --no-install-recommends "${missing[@]}")

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null || {
    echo "install_deps: not root, and there is no sudo. Run this as root: ${install[*]}" >&2
    exit 1
  }
  as_root=(sudo)
  [[ -t 0 ]] || as_root+=(-n)  # nobody to type a password
fi

if [[ -t 0 && -z ${CI:-} && ${ASSUME_YES:-} != 1 ]]; then
  read -r -p "Install with '${as_root[*]:+${as_root[*]} }apt-get install'? [Y/n] " answer
  [[ $answer =~ ^([Yy].*)?$ ]] || {
    echo "install_deps: nothing installed. By hand: ${install[*]}" >&2
    exit 1
  }
fi

as_root+=(env DEBIAN_FRONTEND=noninteractive)

# A fresh image has no package lists; an old one may have lists of versions that are gone.
no_candidate() { [[ -z $(apt-cache madison "${missing[@]}" 2>/dev/null) ]]; }
updated=no
update() { "${as_root[@]}" apt-get update -qq && updated=yes; }
if [[ ${missing[*]} == *:arm64* ]]; then  # names that are known only with the other lists
  "${as_root[@]}" dpkg --add-architecture arm64
  update
elif no_candidate; then
  update
fi
if ! "${as_root[@]}" "${install[@]}" </dev/null; then
  [[ $updated == no ]] || { echo "install_deps: apt-get install failed (see above)" >&2; exit 1; }
  update
  "${as_root[@]}" "${install[@]}" </dev/null || {
    echo "install_deps: apt-get install failed (see above)" >&2
    exit 1
  }
fi
node_packages
