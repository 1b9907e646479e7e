# The front door: `make run` and `make test` work from a fresh clone on Debian or Ubuntu.
#
# Variables: HADAL_WITH_TORCH=OFF leaves the trainer and LibTorch out; ASSUME_YES=1 installs
# packages without asking; HADAL_WITH_BROWSER=OFF leaves Chromium and its test out;
# HADAL_SKIP_DEPS=1 never installs any; JOBS=N parallel jobs; PROMPT="..." for run;
# EVIDENCE="--depth 0,4K" for evidence-v32; EXPERIMENTS="optimizer fp4" and QUICK=1 for evidence;
# BENCHES="..." and BENCH_FLAGS="--benchmark_filter=..." for bench, HADAL_BENCH="-m DIR ..." for its
# last step.
JOBS ?= $(shell nproc)
export PROMPT ?= Tell me a story about a fox.
EXPERIMENTS ?= optimizer attention fp4 residuals
QUICK_ENGINE = --depth 0,1K --repeat 1 --out build/evidence/quick/attention/results/engine.csv
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
HADAL_BENCH ?= --quick
RELEASE := build/release
DEPS := tools/install_deps.sh
TORCH := $(if $(HADAL_WITH_TORCH),-DHADAL_WITH_TORCH=$(HADAL_WITH_TORCH))
TRAIN := $(if $(filter OFF off 0 no,$(HADAL_WITH_TORCH)),,train)
BROWSER := $(if $(filter OFF off 0 no,$(HADAL_WITH_BROWSER)),,browser)
# Of minutes even in an emulator: what `make clang` and `make test-aarch64` run.
FAST_TESTS := base tensor io kernels text arch cache engine units
# Where threads meet.
TSAN_TESTS := base io engine
# A minute or two each under a sanitizer, and no step that other tests of the scheduler do not make:
# `make test` runs them.
SLOW_SCHEDULES := ALonePassMakesRoom MakingRoomStarves LongPassesThatMakeRoom \
  StatesThatFillTheMemory KeepingPrefixesCostsNoPasses
# The thread sanitizer hands on a signal later, when the process has ended by itself.
TSAN_LEFT_OUT := GoesWithASignalThatEndsTheProgram $(SLOW_SCHEDULES)
BENCHES := $(sort $(patsubst bench/%.cc,%,$(wildcard bench/*_bench.cc)))
CTEST := ctest --output-on-failure --no-tests=error -j$(JOBS)

.PHONY: help build run test bench evidence evidence-v32 train-deps format check cold-run \
  tidy asan tsan soak clang test-aarch64 fuzz deb install clean deps-engine links
.NOTPARALLEL:
.DEFAULT_GOAL := help

help:  ## list the targets
	@echo "hadal: run, train and size DeepSeek-V4-architecture models on CPUs"
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

build: deps-engine $(RELEASE)/build.ninja  ## build build/hadal; build/hadal-train with LibTorch
	cmake --build $(RELEASE) --target programs -j$(JOBS)
	@$(MAKE) -s links

run: deps-engine $(RELEASE)/build.ninja  ## build what that takes, answer PROMPT="..."
	@tools/build.sh $(RELEASE) --target hadal-run -j$(JOBS)
	$(RELEASE)/hadal-run run --chat --echo --stats --prompt "$$PROMPT"
	@tools/next_commands.sh

test:  ## build everything, run the tests; installs LibTorch unless HADAL_WITH_TORCH=OFF
	@$(DEPS) engine test web $(BROWSER) $(TRAIN) package
	cmake --preset release -DHADAL_BUILD_TESTS=ON $(TORCH)
	cmake --build $(RELEASE) -j$(JOBS)
	@$(MAKE) -s links
	tools/run_tests.py $(RELEASE) $(TEST_FLAGS) -j$(JOBS)

bench: deps-engine $(RELEASE)/build.ninja  ## measure kernels and generation
	@$(DEPS) bench
	cmake --preset release -DHADAL_BUILD_BENCH=ON $(TORCH)
	cmake --build $(RELEASE) --target programs $(BENCHES) -j$(JOBS)
	@$(MAKE) -s links
	@set -e; for bench in $(BENCHES); do \
	  echo "== $$bench"; $(RELEASE)/bench/$$bench $(BENCH_FLAGS); done
	@echo "== hadal bench"; build/hadal bench $(HADAL_BENCH)

evidence-v32: build  ## measure DeepSeek-V3.2 beside V4: the tables of docs/evidence.md
	@$(DEPS) test
	cmake --preset release -DHADAL_BUILD_TESTS=ON $(TORCH)
	cmake --build $(RELEASE) --target hadal_kv_memory_tests -j$(JOBS)
	tools/evidence_v32.py --program build/hadal \
	  --memory-tests $(RELEASE)/tests/hadal_kv_memory_tests $(EVIDENCE)

evidence: train-deps  ## train the experiments (a day; QUICK=1: minutes), draw docs/evidence.md
	@test -d data/train || models/embedded/fetch.sh
	@set -e; for name in $(EXPERIMENTS); do \
	  build/hadal-train --sweep experiments/$$name $(if $(QUICK),--quick); done
	tools/evidence_engine.py --program build/hadal $(if $(QUICK),$(QUICK_ENGINE))
	tools/evidence.py --collect data/runs/evidence $(if $(QUICK),--quick)

train-deps: deps-engine $(RELEASE)/build.ninja  ## install LibTorch and build `hadal train`
	@$(DEPS) train
	cmake --preset release -DHADAL_WITH_TORCH=ON
	cmake --build $(RELEASE) --target programs -j$(JOBS)
	@$(MAKE) -s links

format:  ## rewrite the C++ files in the project's format
	@$(DEPS) check
	tools/check_format.sh --fix

check:  ## what CI checks besides tests; clang-tidy of what changed
	@$(DEPS) engine test check
	tools/checks_test.py
	tools/check_layers.py
	tools/check_format.sh
	tools/check_lines.py
	tools/check_docs.py
	tools/evidence.py --check
	@test -e $(RELEASE)/build.ninja || cmake --preset release $(TORCH)
	tools/check_tidy.py $(RELEASE) --changed

cold-run:  ## how long `make run` takes in a fresh clone, with a cold compiler cache; has a limit
	@$(DEPS) engine
	tools/check_cold_run.py

tidy:  ## clang-tidy of everything, tests and trainer too: half an hour and more
	@$(DEPS) engine test train check
	cmake --preset release -DHADAL_BUILD_TESTS=ON -DHADAL_WITH_TORCH=ON
	tools/check_tidy.py $(RELEASE) --all

tsan:  ## the pool, reads of files and the engine under the thread sanitizer
	@$(DEPS) engine test
	cmake --preset tsan
	cmake --build build/tsan --target $(TSAN_TESTS:%=hadal_%_tests) -j$(JOBS)
	$(CTEST) --test-dir build/tsan -L unit -E '$(subst $() $(),|,$(TSAN_LEFT_OUT))'

clang:  ## build with clang, without precompiled headers, and run the fast tests
	@$(DEPS) engine test fuzz
	cmake --preset clang
	cmake --build build/clang --target hadal $(FAST_TESTS:%=hadal_%_tests) -j$(JOBS)
	$(CTEST) --test-dir build/clang -L unit

# Minutes each under a sanitizer, and no memory that others do not touch too: `make test` runs them.
ASAN_LEFT_OUT := StreamsTest TypicalMistakes tiny_long CallsFitTheirFunctions \
  EveryTrialIsCountedOnce MultiplyAdds $(SLOW_SCHEDULES)

asan:  ## build with clang, run tests under its address and undefined-behaviour sanitizers
	@$(DEPS) engine test fuzz
	cmake --preset asan
	cmake --build build/asan -j$(JOBS)
	ASAN_OPTIONS=allocator_may_return_null=1 $(CTEST) --test-dir build/asan -L 'unit|program' \
	  -E '$(subst $() $(),|,$(ASAN_LEFT_OUT))'

soak:  ## alone: two thousand requests to hadal serve, many cut short, after which nothing is left
	@$(DEPS) engine test
	cmake --preset release -DHADAL_BUILD_TESTS=ON $(TORCH)
	cmake --build $(RELEASE) --target hadal_server_tests -j$(JOBS)
	HADAL_SOURCE_DIR=$(CURDIR) $(RELEASE)/src/server/hadal_server_tests \
	  --gtest_filter='*TwoThousandRequests*'

test-aarch64:  ## build for 64-bit ARM and run tests under qemu; Debian on another processor
	@$(DEPS) engine test aarch64
	cmake --preset aarch64
	cmake --build build/aarch64 --target hadal hadal_bit_identity_tests hadal_machine_tests \
	  $(FAST_TESTS:%=hadal_%_tests) -j$(JOBS)
	NM=aarch64-linux-gnu-nm tools/check_isa_symbols.sh build/aarch64
	$(CTEST) --test-dir build/aarch64 -L unit -LE 'bit_identity|machine'
	$(CTEST) --test-dir build/aarch64 -R '^Loops|GoldenBits'
	QEMU_CPU=cortex-a76 $(CTEST) --test-dir build/aarch64 -L kernels
	tools/count_instructions.py --objdump aarch64-linux-gnu-objdump \
	  build/aarch64/src/kernels/libhadal_kernels.a

fuzz:  ## run every fuzz target for FUZZ_SECONDS (60) seconds
	@$(DEPS) engine fuzz
	tools/fuzz.sh $(FUZZ_SECONDS)

deb: deps-engine  ## build the Debian packages in build/deb
	@$(DEPS) web package
	@test -e $(RELEASE)/build.ninja || cmake --preset release -DHADAL_BUILD_TESTS=OFF $(TORCH)
	cmake --build $(RELEASE) --target programs -j$(JOBS)
	cpack --config $(RELEASE)/CPackConfig.cmake -B build/deb

install: build  ## install the programs under PREFIX (/usr/local)
	cmake --install $(RELEASE) --prefix $(PREFIX)

clean:  ## remove everything built
	rm -rf build

deps-engine:
	@$(DEPS) engine

# Configured without tests, which need packages that running does not; `make test` turns them on.
$(RELEASE)/build.ninja:
	cmake --preset release -DHADAL_BUILD_TESTS=OFF $(TORCH)

links:
	@for program in hadal hadal-train; do \
	  if [ -x $(RELEASE)/$$program ]; then ln -sfn release/$$program build/$$program; fi; \
	done
