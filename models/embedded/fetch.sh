#!/bin/sh
# Fetches and prepares the text that the embedded model is trained and measured on.
#
#   models/embedded/fetch.sh [DATA_DIR]     default: data/ at the repository root (git-ignored)
#
# Needs apt-get (Debian or a relative, package lists up to date), dpkg-deb, python3, sha256sum, tar;
# no root. Downloads some 12 MB of Debian packages, and 10 MB of lists for the one source package.
#
# The fairy tales are not in any package:
#   FAIRYTALES=PATH   the text (default: ../shared/data/fairytales.txt beside the repository), or
#   FAIRYTALES=none   go on without: for other models; the embedded one needs them.
# They are the 278 stories of FairytaleQA (github.com/uci-soe/FairytaleQAData, Apache-2.0), in one
# file: a blank line between sections, two between stories, 3,154,694 bytes.
#
# Writes DATA_DIR/raw (texts as found), train/*.txt and heldout/*.txt; every one is compared with
# the sums beside this script. A second run uses what is in raw. Exit code 0: all there and as
# pinned.
set -eu
unset CDPATH
export PYTHONDONTWRITEBYTECODE=1

here=$(cd -- "$(dirname -- "$0")" && pwd)
root=$(cd -- "$here/../.." && pwd)
data=${1:-$root/data}
tales=${FAIRYTALES:-$root/../shared/data/fairytales.txt}

fail() { echo "fetch.sh: $*" >&2; exit 1; }
for tool in apt-get dpkg-deb python3 sha256sum tar; do
  command -v "$tool" >/dev/null || fail "$tool: not found; it is needed to fetch the training text"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$data/raw"
raw=$(cd -- "$data/raw" && pwd)

# The binary packages with text in them: novels, Sherlock Holmes and Tom Sawyer, the Bible.
fetch_packages() {
  for package in r-cran-janeaustenr golang-github-pierrec-lz4-dev sword-text-web; do
    (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$package") ||
      fail "apt-get download $package failed; are the package lists there (apt-get update)?"
    dpkg-deb -x "$work/$package"_*.deb "$work/tree"
  done
  python3 "$here/data/extract.py" austen "$work/tree/usr/lib/R/site-library/janeaustenr/data" "$raw"
  python3 "$here/data/extract.py" bible \
    "$work/tree/usr/share/sword/modules/texts/ztext/engWEB2015eb" "$raw"
  lz4=$work/tree/usr/share/gocode/src/github.com/pierrec/lz4/testdata
  cp "$lz4/pg1661.txt" "$raw/holmes.txt"
  cp "$lz4/Mark.Twain-Tom.Sawyer.txt" "$raw/sawyer.txt"
}

# Alice is in the source package of snappy only. The machine may list no sources: we ask the mirrors
# it uses for binaries, with lists of our own.
fetch_alice() {
  mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/source"
  # shellcheck disable=SC2016  # the placeholders are apt's
  source_line='deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)'
  apt-get indextargets --format "$source_line" 'Created-By: Packages' 'Origin: Debian' \
    'Component: main' | sort -u >"$work/sources.list"
  [ -s "$work/sources.list" ] ||
    apt-get indextargets --format "$source_line" 'Created-By: Packages' |
    sort -u >"$work/sources.list"
  set -- -qq -o APT::Sandbox::User=root -o Dir::Etc::SourceList="$work/sources.list" \
    -o Dir::Etc::SourceParts=/nonexistent -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work"
  apt-get "$@" update || fail "apt-get update for source packages failed"
  (cd "$work/source" && apt-get "$@" source --download-only snappy) ||
    fail "apt-get source snappy failed"
  tar -xzf "$work"/source/snappy_*.orig.tar.gz -C "$work/source"
  cp "$work"/source/snappy-*/testdata/alice29.txt "$raw/alice.txt"
}

[ "$tales" = none ] || [ -f "$tales" ] ||
  fail "$tales: no such file. These are the fairy tales; the head of $0 says where they come" \
    "from." \
    "Give their path as FAIRYTALES=PATH, or go on without them with FAIRYTALES=none"
for name in austen-emma.txt bible-Gen.xml holmes.txt sawyer.txt; do
  [ -f "$raw/$name" ] || { fetch_packages; break; }
done
[ -f "$raw/alice.txt" ] || fetch_alice
rm -f "$raw/fairytales.txt"
[ "$tales" = none ] || cp "$tales" "$raw/fairytales.txt"

echo "fetch.sh: preparing (half a minute)"
python3 "$here/data/clean.py" "$raw" "$work/clean"
rm -rf "$data/train" "$data/heldout"
python3 "$here/data/split.py" "$work/clean" "$data/train" "$data/heldout"

# HADAL_PIN=1 writes the sums instead of comparing them: for whoever changes the scripts.
if [ "${HADAL_PIN:-0}" = 1 ]; then
  (cd "$data" && sha256sum raw/austen-*.txt raw/alice.txt raw/bible-*.xml raw/fairytales.txt \
    raw/holmes.txt raw/sawyer.txt train/*.txt heldout/*.txt) >"$here/data/texts.sha256"
  exit 0
fi
while read -r pinned name; do
  case $tales,$name in none,*fairytales*|none,*chat*) continue ;; esac
  found=$(sha256sum <"$data/$name" | cut -d' ' -f1)
  [ "$found" = "$pinned" ] || fail "$data/$name: SHA-256 is $found, expected $pinned" \
    "(models/embedded/data/texts.sha256); another edition of the text?"
done <"$here/data/texts.sha256"
echo "fetch.sh: $data/train and $data/heldout are as pinned"
