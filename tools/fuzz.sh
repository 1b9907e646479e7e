#!/bin/sh
# Builds the fuzz targets (preset fuzz: clang, address and undefined-behaviour sanitizers) and runs each
# for some seconds, from the seeds in fuzz/corpus/. What they find on the way is kept in
# build/fuzz/corpus/ for the next run. A finding is left in build/fuzz/findings/ and fails the script.
#
#   tools/fuzz.sh [seconds a target, 60 if not given] [target...]
set -eu
cd "$(dirname "$0")/.."

seconds=${1:-60}
case $seconds in
  '' | *[!0-9]* | 0)
    echo "fuzz.sh: found '$seconds', expected a number of seconds above 0" >&2
    exit 2
    ;;
esac
[ $# -eq 0 ] || shift

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target fuzzers

[ $# -gt 0 ] || set -- $(cd fuzz && ls fuzz_*.cc | sed 's/\.cc$//')
mkdir -p build/fuzz/findings
failed=
for target in "$@"; do
  seeds=fuzz/corpus/$target
  kept=build/fuzz/corpus/$target
  mkdir -p "$kept"
  dict=
  [ ! -f "fuzz/$target.dict" ] || dict=-dict=fuzz/$target.dict
  echo "== $target, $seconds s"
  if ! build/fuzz/fuzz/"$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -max_len=8192 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/findings/$target-" $dict "$kept" "$seeds"; then
    failed="$failed $target"
  fi
done

if [ -n "$failed" ]; then
  echo "fuzz.sh: findings in:$failed (see build/fuzz/findings/)" >&2
  exit 1
fi
echo "fuzz.sh: nothing found"
