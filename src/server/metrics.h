// What Prometheus reads at /metrics: names and meanings are vLLM's, behind the prefix hadal: or, so
// that its dashboards work, vllm:. Belongs to the loop's thread.
// Source: vLLM, docs/design/metrics.md.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "server/front.h"
#include "server/generations.h"
#include "server/histogram.h"
#include "server/info_api.h"

namespace hadal::server {

class Metrics {
 public:
  Metrics(const std::string& model_name, bool vllm_names);

  void OnAnswered(const AnsweredRequest& answered);
  void OnEnded(const EndedGeneration& ended);
  std::string Text(const StatusParts& parts) const;

 private:
  void Type(const char* kind, const char* name, std::string* out) const;
  void Value(const char* name, double value, std::string* out, const std::string& more = {}) const;
  void Gauges(const StatusParts& parts, std::string* out) const;
  void Counters(const StatusParts& parts, std::string* out) const;
  void Disk(const cache::DiskFigures& disk, std::string* out) const;
  void Drafts(const engine::DraftCounts& drafts, std::string* out) const;
  void Histograms(const StatusParts& parts, std::string* out) const;
  void Http(std::string* out) const;

  const std::string prefix_, labels_;
  const double start_seconds_;                     // since 1970
  std::map<std::string, std::uint64_t> finished_;  // by reason
  std::map<std::string, std::uint64_t> http_;      // by labels
  std::uint64_t prompt_tokens_ = 0, cached_tokens_ = 0, reasoning_tokens_ = 0, pauses_ = 0;
  Histogram first_token_{LatencyBounds()}, whole_{LatencyBounds()}, queue_{LatencyBounds()},
      prefill_{LatencyBounds()}, decode_{LatencyBounds()}, inference_{LatencyBounds()};
  Histogram gap_{TokenTimeBounds()};
  Histogram prompt_{TokenBounds()}, generated_{TokenBounds()}, max_tokens_{TokenBounds()},
      choices_{TokenBounds()};
};

}  // namespace hadal::server
