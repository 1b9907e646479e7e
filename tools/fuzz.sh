#!/bin/bash
# Builds the fuzz targets (preset fuzz: clang, address and undefined-behaviour sanitizers) and runs
# each for some seconds, as many at once as there are processors, from the seeds in fuzz/corpus/.
# What they find on the way is kept in build/fuzz/corpus/ for the next run. A finding is left in
# build/fuzz/findings/ and fails the script; what a target says is in build/fuzz/logs/.
#
#   tools/fuzz.sh [seconds a target, 60 if not given] [target...]
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
if [[ ! $seconds =~ ^[1-9][0-9]*$ ]]; then
  echo "fuzz.sh: found '$seconds', expected a number of seconds above 0" >&2
  exit 2
fi
shift $(($# > 0 ? 1 : 0))
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
  for source in fuzz/fuzz_*.cc; do targets+=("$(basename "$source" .cc)"); done
fi

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target fuzzers
mkdir -p build/fuzz/findings build/fuzz/logs

run() {  # TARGET
  local target=$1 kept=build/fuzz/corpus/$1 log=build/fuzz/logs/$1.log dictionary=() runs
  [[ ! -f fuzz/$target.dict ]] || dictionary=(-dict="fuzz/$target.dict")
  mkdir -p "$kept"
  if build/fuzz/fuzz/"$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -max_len=8192 -verbosity=0 -print_funcs=0 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/findings/$target-" "${dictionary[@]}" "$kept" \
    "fuzz/corpus/$target" >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "fuzz.sh: $target: $runs runs in $seconds s, nothing found"
  else
    tail -n 60 "$log" >&2
    echo "fuzz.sh: $target: FOUND something, see $log and build/fuzz/findings/" >&2
    return 1
  fi
}

jobs=$(nproc) running=() failed=no
finish_oldest() {
  wait "${running[0]}" || failed=yes
  running=("${running[@]:1}")
}
for target in "${targets[@]}"; do
  if [[ ${#running[@]} -ge $jobs ]]; then finish_oldest; fi
  run "$target" &
  running+=($!)
done
while [[ ${#running[@]} -gt 0 ]]; do finish_oldest; done
[[ $failed == no ]]
