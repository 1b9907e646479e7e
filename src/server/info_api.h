// What the server says of itself: health, version, models, and its state for people and pages.
#pragma once
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "cache/segment_store.h"
#include "cost/engine_memory.h"
#include "server/engine_thread.h"
#include "server/generations.h"
#include "server/served_model.h"

namespace hadal::server {

Json HealthJson();
Json VersionJson(const ServedModel& model);
// The model, and the list of models, as clients of either API read them.
Json ModelCard(const ServedModel& model, ErrorShape shape);
Json ModelsJson(const ServedModel& model, ErrorShape shape);

// Texts that are under way, one a choice, as the list of generations has them. Paused: their client
// does not take them.
struct RunCounts {
  std::size_t running = 0, waiting = 0, paused = 0;
};
RunCounts CountsOf(const std::vector<GenerationView>& views);

// Speeds of the last minutes, a sample a second.
class SpeedHistory {
 public:
  struct Sample {
    double decode_tokens_per_s = 0, prompt_tokens_per_s = 0;
    std::size_t running = 0, waiting = 0;
  };
  void Add(const EngineFigures& figures, const RunCounts& counts);  // every second
  const std::deque<Sample>& samples() const { return samples_; }

 private:
  static constexpr std::size_t kSamples = 300;
  EngineFigures last_;
  Stopwatch clock_;
  std::deque<Sample> samples_;
};

// What is kept for clients, in memory: grammars, turns with calls of tools, conversations that
// responses are gone on from.
struct KeptForClients {
  std::size_t grammars = 0, turns = 0, responses = 0;
};

struct StatusParts {
  const ServedModel& model;
  const EngineThread& engine;
  const std::vector<GenerationView> views;  // of the generations, as they are now
  const SpeedHistory& history;
  const EngineOptions& options;
  double uptime_seconds = 0;
  std::size_t connections = 0;
  bool draining = false;
  KeptForClients kept = {};
  std::size_t tool_disk_bytes = 0;  // turns with calls of tools, on disk
  cache::StoreTotals disk = {};     // states on disk; 0 without a folder
};
// Of the requests that run, as far as they have got: their states by kind, and their tokens.
struct RunningState {
  cost::StateBytes bytes;
  std::uint64_t tokens = 0;
};
RunningState StateOf(const StatusParts& parts);
// Kinds of such bytes, by name.
std::vector<std::pair<const char*, std::uint64_t>> KindsOf(const cost::StateBytes& bytes);

// What llama.cpp's clients ask for: the requests that run, one a slot, and what this server can do.
Json SlotsJson(const StatusParts& parts);
Json PropsJson(const StatusParts& parts);

// docs/serve.md describes it.
Json StatusJson(const StatusParts& parts);

}  // namespace hadal::server
