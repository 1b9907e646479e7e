#!/bin/sh
# Writes the text that the next embedded model is trained on, beside the books of fetch.sh.
#
#   models/embedded-next/make_data.sh [HADAL] [DATA_DIR]   defaults: build/hadal, data/
#
# After models/embedded/fetch.sh. The same program writes the same text: for training
# DATA_DIR/made/PHASE/KIND.txt, of the half that training never sees made/heldout/KIND.txt.
set -eu
root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
hadal=${1:-$root/build/hadal}
data=${2:-$root/data}
books="--prose $data/train/fairytales.txt --prose $data/train/austen.txt"

# Phase 1: short texts; recall of pairs and sentences from the first step.
"$hadal" data --out "$data/made/1" --seed 1 --recall-bytes 700 pairs=2500 sentences=2500 \
  story=5000 dialogue=5000 questions=4000 lists=4000
# Phase 2: conversations with tools, and questions after a page.
# shellcheck disable=SC2086  # two options
"$hadal" data --out "$data/made/2" --seed 2 --recall-bytes 2500 --needles 8 $books needles=2500 \
  sentences=1500 pairs=1500 story=3000 dialogue=3000 questions=3000 lists=2000 tools=4000
# Phase 3: the same, and questions after many pages.
# shellcheck disable=SC2086
"$hadal" data --out "$data/made/3" --seed 3 --recall-bytes 12000 --needles 24 $books needles=800 \
  story=2000 dialogue=2000 questions=2000 lists=1000 tools=3000
"$hadal" data --out "$data/made/heldout" --half heldout --seed 1 story=60 dialogue=60 questions=40 \
  tools=20 lists=40 pairs=10 sentences=10 needles=10
