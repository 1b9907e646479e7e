#!/usr/bin/env bash
# Checks (or with --fix rewrites) the C++ files against .clang-format.
#
#   tools/check_format.sh [--fix] [FILE...]
set -euo pipefail
mode=(--dry-run -Werror --ferror-limit=1)
if [[ ${1:-} == --fix ]]; then mode=(-i); shift; fi
if [[ $# -eq 0 ]]; then
  cd "$(dirname "$0")/.."
  mapfile -d '' -t files < <(
    find src tests bench fuzz '(' -name '*.cc' -o -name '*.h' -o -name '*.inc' ')' -print0)
  set -- "${files[@]}"
fi
clang-format "${mode[@]}" "$@" || { echo "check_format: not formatted; run 'make format'"; exit 1; }
echo "check_format: $# file(s), clean"
