#!/bin/sh
# What PPMd, a model of the last bytes as 7-Zip has it, makes of the held-out text after it has seen
# the books of the training text: the stronger of the two baselines of the embedded model
# (xz_baseline.sh).
#
#   models/embedded/ppm_baseline.sh [DATA_DIR]    after fetch.sh; Debian's package 7zip, or SEVENZIP
#
#   bits per byte = 8 * (size(7z(train + heldout)) - size(7z(train))) / bytes(heldout)
#
# Orders 4 to 16 are tried, and a gigabyte is enough for all contexts of the text, so that none is
# forgotten. The best order is chosen by the held-out text itself, to the baseline's advantage.
set -eu
unset CDPATH

root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
data=${1:-$root/data}
sevenzip=${SEVENZIP:-7zz}
[ -f "$data/heldout/prose.txt" ] || {
  echo "ppm_baseline.sh: $data/heldout: no held-out text; run models/embedded/fetch.sh first" >&2
  exit 1
}
command -v "$sevenzip" >/dev/null || {
  echo "ppm_baseline.sh: $sevenzip: not found; install 7zip, or name it in SEVENZIP" >&2
  exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

train() {
  for name in austen bible holmes sawyer alice fairytales; do
    [ ! -f "$data/train/$name.txt" ] || cat "$data/train/$name.txt"
  done
}
compressed() {  # ORDER: bytes of an archive of standard input
  rm -f "$work/text.7z"
  "$sevenzip" a -t7z "-m0=PPMd:o=$1:mem=1g" -bd -sitext "$work/text.7z" >/dev/null
  wc -c <"$work/text.7z"
}

for order in 4 6 8 12 16; do
  train_bytes=$(train | compressed "$order")
  for file in "$data"/heldout/*.txt; do
    with=$({ train; cat "$file"; } | compressed "$order")
    alone=$(compressed "$order" <"$file")
    awk -v f="$(basename "$file")" -v b="$(wc -c <"$file")" -v o="$order" -v a="$alone" \
        -v w="$((with - train_bytes))" 'BEGIN {
      printf "%s: order %d, alone %.4f bits per byte, after the books %.4f\n", f, o,
             8 * a / b, 8 * w / b }'
  done
done
