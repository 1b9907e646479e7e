#!/usr/bin/env bash
# Files compiled for an instruction set may define symbols only in their own namespace.
#
#   tools/check_isa_symbols.sh BUILD_DIR [SOURCE_DIR]
#
# A weak symbol elsewhere (an inline function of a shared header, say) is merged by the linker with
# the copies of other files, and the one that survives may be the AVX-512 one: a crash on machines
# without it. Code that runs before main has the same fault. So, per object of *_avx*.cc, and in a
# build for 64-bit ARM of *_neon.cc and *_i8mm.cc:
#   - every global or weak symbol lies in the file's namespace (avx2 of
#     *_avx2.cc) of hadal::kernels, hadal::machine or hadal::train;
#   - there is no static initialiser.
# Check an optimised build without sanitizers; sanitizers add initialisers of their own. $NM is the
# nm to use.
set -euo pipefail
[[ $# -ge 1 && -d $1 ]] || {
  echo "usage: tools/check_isa_symbols.sh BUILD_DIR [SOURCE_DIR]" >&2
  exit 2
}

source_dir=${2:-$(dirname "$0")/../src}
names=(-name '*_avx*.cc') compiled=(-name '*_avx*.cc.o')
if [[ -n $(find "$1" -name '*_neon.cc.o' -print -quit) ]]; then
  names=(-name '*_neon.cc' -o -name '*_i8mm.cc')
  compiled=(-name '*_neon.cc.o' -o -name '*_i8mm.cc.o')
fi
# The trainer is built only where LibTorch is.
trainer=()
[[ -n $(find "$1" -path '*/train/*' \( "${compiled[@]}" \) -print -quit) ]] ||
  trainer=(! -path '*/train/*')
sources=$(find "$source_dir" \( "${names[@]}" \) "${trainer[@]}" | wc -l)
objects=0 problems=0
while IFS= read -r -d '' object; do
  objects=$((objects + 1))
  own=${object##*_} own=${own%.cc.o} own=${#own}$own  # as mangled: 4avx2
  # Mangled names: anything of the namespace, its local statics (Z), vtables and type infos (T?),
  # guard variables (GV). DW.ref.* is the compiler's pointer to an exception routine: data.
  owned="^_Z(T[VTIS]|GV)?Z?N[VKRO]*5hadal(7kernels|7machine|5train)$own"
  bad=$("${NM:-nm}" --defined-only "$object" | awk -v own="$owned" '
    $2 ~ /^[A-Zuvw]$/ && $3 !~ own && $3 !~ /^DW\.ref\./ { print $2, $3 }
    $3 ~ /^_GLOBAL__sub_I/ { print "static-initialiser", $3 }' | c++filt)
  if [[ -n $bad ]]; then
    problems=$((problems + $(wc -l <<<"$bad")))
    sed "s|^|${object##*/}: |" <<<"$bad"
  fi
done < <(find "$1" \( "${compiled[@]}" \) -print0)

if [[ $objects -lt $sources ]]; then
  echo "check_isa_symbols: $sources source(s) but $objects object(s) in $1; build it first" >&2
  exit 1
fi
[[ $problems -eq 0 ]] || { echo "check_isa_symbols: $problems symbol(s) outside"; exit 1; }
echo "check_isa_symbols: $objects object(s), clean"
