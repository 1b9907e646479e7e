#!/usr/bin/env bash
# Builds, and shows how far it is: ninja's own line on a terminal, otherwise a line every few
# seconds (and all that compilers say).
#
#   tools/build.sh BUILD_DIR [argument of cmake --build...]
set -euo pipefail
[[ $# -ge 1 ]] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
if [[ -t 1 ]]; then exec cmake --build "$@"; fi

every=5 last=0 step='^\[([0-9]+)/([0-9]+)\] '
cmake --build "$@" | while IFS= read -r line; do
  if [[ $line =~ $step ]]; then
    if ((BASH_REMATCH[1] < BASH_REMATCH[2] && SECONDS - last < every)); then continue; fi
    last=$SECONDS
  fi
  printf '%s\n' "$line"
done
