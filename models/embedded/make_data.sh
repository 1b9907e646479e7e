#!/bin/sh
# Writes the text that the embedded model is trained on, beside the books of fetch.sh.
#
#   models/embedded/make_data.sh [HADAL] [DATA_DIR]   defaults: build/hadal, data/
#
# After models/embedded/fetch.sh. The same program writes the same text: for training
# DATA_DIR/made/PHASE/KIND.txt. The window holds some 500 bytes: needles lie further (--nearest).
# The numbers behind kinds are shares of the phase's bytes.
set -eu
root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
hadal=${1:-$root/build/hadal}
data=${2:-$root/data}
books="--prose $data/train/fairytales.txt --prose $data/train/austen.txt"

# Phase 1, rows of 256 tokens: what fits into them. A tool's schema does not.
"$hadal" data --out "$data/made/1" --seed 1 --bytes 13M --recall-bytes 600 --needles 3 \
  questions=30 dialogue=20 story=20 lists=25 needles=5
# Phase 2, rows of 512: the first tools, one request each.
# shellcheck disable=SC2086  # two options
"$hadal" data --out "$data/made/2" --seed 2 --bytes 27M --recall-bytes 1500 --needles 6 $books \
  --nearest 600 --tool-turns 1 tools=30 questions=20 dialogue=12 story=20 lists=12 needles=6
# Phase 3, rows of 1,024: several requests under one list of tools.
# shellcheck disable=SC2086
"$hadal" data --out "$data/made/3" --seed 3 --bytes 27M --recall-bytes 3300 --needles 12 $books \
  --nearest 600 tools=60 questions=13 dialogue=7 story=12 lists=4 needles=4
# Phases 4 and 5, rows of 1,024: more of the same, in other words.
# shellcheck disable=SC2086
"$hadal" data --out "$data/made/4" --seed 4 --bytes 40M --recall-bytes 3300 --needles 12 $books \
  --nearest 600 tools=62 questions=12 dialogue=6 story=10 lists=7 needles=3
# shellcheck disable=SC2086
"$hadal" data --out "$data/made/5" --seed 5 --bytes 40M --recall-bytes 3300 --needles 12 $books \
  --nearest 600 tools=60 questions=14 dialogue=7 story=10 lists=6 needles=3
