#!/bin/sh
# Writes the text that the recall model is trained on, between sentences of the tales and novels.
#
#   models/recall/make_data.sh [HADAL] [DATA_DIR]   defaults: build/hadal, data/
#
# After models/embedded/fetch.sh. The same program writes the same text: DATA_DIR/recall/PHASE.
# A needle lies beyond the window, which holds some 130 bytes, when it is asked for (--nearest).
set -eu
root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
hadal=${1:-$root/build/hadal}
data=${2:-$root/data}

make() {  # PHASE BYTES DOCUMENT_BYTES NEEDLES NEAREST KINDS...
  phase=$1 bytes=$2 document=$3 needles=$4 nearest=$5
  shift 5
  "$hadal" data --out "$data/recall/$phase" --seed "$phase" --bytes "$bytes" \
    --recall-bytes "$document" --needles "$needles" --nearest "$nearest" \
    --prose "$data/train/fairytales.txt" --prose "$data/train/austen.txt" "$@"
}
make 1 12M 500 8 180 pairs=100
make 2 24M 1200 12 180 pairs=20 sentences=80
make 3 30M 3000 30 250 sentences=50 needles=50
make 4 60M 14000 64 300 sentences=30 needles=70
make 5 60M 14000 80 300 sentences=30 needles=70
