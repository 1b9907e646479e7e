#!/bin/sh
# What `xz -9e` makes of the held-out text after it has seen the books of the training text: the
# bits per byte that the embedded model is compared with.
#
#   models/embedded/xz_baseline.sh [DATA_DIR]    after fetch.sh
#
#   bits per byte = 8 * (size(xz(train + heldout)) - size(xz(train))) / bytes(heldout)
#
# The dictionary (64 MiB) holds all of the books. The tales come last in it, nearest to the held-out
# tales, which is to xz's advantage; chat.txt is left out, as it repeats the tales.
set -eu
unset CDPATH

root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
data=${1:-$root/data}
[ -f "$data/heldout/prose.txt" ] || {
  echo "xz_baseline.sh: $data/heldout: no held-out text; run models/embedded/fetch.sh first" >&2
  exit 1
}

train() {
  for name in austen bible holmes sawyer alice fairytales; do
    [ ! -f "$data/train/$name.txt" ] || cat "$data/train/$name.txt"
  done
}
compressed() { xz --format=xz --check=none --lzma2=preset=9e,dict=64MiB --stdout | wc -c; }

train_bytes=$(train | compressed)
echo "books: $(train | wc -c) bytes, xz $train_bytes"
for file in "$data"/heldout/*.txt; do
  bytes=$(wc -c <"$file")
  alone=$(compressed <"$file")
  with=$({ train; cat "$file"; } | compressed)
  awk -v f="$(basename "$file")" -v b="$bytes" -v a="$alone" -v w="$((with - train_bytes))" 'BEGIN {
    printf "%s: %d bytes, xz alone %.4f bits per byte, xz after the books %.4f\n", f, b,
           8 * a / b, 8 * w / b }'
done
