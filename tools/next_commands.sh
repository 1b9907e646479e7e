#!/usr/bin/env bash
# What to try behind `make run`, which has built one command.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ ! -x build/hadal ]]; then
  printf '\nThis was `hadal run` alone; the others come with\n  %s\n' "make build"
fi
cat <<'NEXT'

Next:
  build/hadal chat                                  talk to it in the terminal
  build/hadal serve                                 OpenAI's and Anthropic's API, and a page
  build/hadal eval needle -m models/recall --haystack FILE
                                                    what a small model finds again in a long file
  build/hadal plan compare v3.2 v4-flash --context 4K..1M
                                                    what a context costs the published models
NEXT
