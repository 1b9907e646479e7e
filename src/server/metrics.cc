#include "server/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/clock.h"

namespace hadal::server {
namespace {

// What stands in a label's quotes.
std::string Label(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

const char* ReasonOf(const EndedGeneration& ended, const Answer& answer) {
  if (ended.failed) return "error";
  if (ended.cancelled) return "abort";
  return answer.finish == Finish::kLength ? "length" : "stop";
}

struct ProcessMemory {
  double total = 0, resident = 0;
};
ProcessMemory ReadMemory() {
  ProcessMemory pages;
  std::ifstream("/proc/self/statm") >> pages.total >> pages.resident;
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  return {pages.total * page, pages.resident * page};
}

double OpenFiles() {
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  return error ? 0 : static_cast<double>(std::distance(begin(files), end(files)));
}

double MostFiles() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

void Plain(const char* kind, const char* name, double value, std::string* out) {
  *out += fmt::format("# TYPE {} {}\n{} {}\n", name, kind, name, value);
}

void Process(double start_seconds, std::string* out) {
  const ProcessMemory memory = ReadMemory();
  Plain("counter", "process_cpu_seconds_total", ProcessorSeconds(), out);
  Plain("gauge", "process_virtual_memory_bytes", memory.total, out);
  Plain("gauge", "process_resident_memory_bytes", memory.resident, out);
  Plain("gauge", "process_open_fds", OpenFiles(), out);
  Plain("gauge", "process_max_fds", MostFiles(), out);
  Plain("gauge", "process_start_time_seconds", start_seconds, out);
}

}  // namespace

Metrics::Metrics(const std::string& model_name, bool vllm_names)
    : prefix_(vllm_names ? "vllm:" : "hadal:"),
      labels_(fmt::format("model_name=\"{}\",engine=\"0\"", Label(model_name))),
      start_seconds_(static_cast<double>(UnixSeconds())) {
  for (const char* reason : {"stop", "length", "abort", "error"}) finished_[reason] = 0;
}

void Metrics::OnAnswered(const AnsweredRequest& answered) {
  // Paths that nobody serves are the client's invention: no label may grow with them.
  const bool known = answered.status != 404 && answered.status != 405 && answered.status != 403;
  ++http_[fmt::format("handler=\"{}\",method=\"{}\",status=\"{}\"",
                      known && answered.path.size() < 64 ? Label(answered.path) : "none",
                      known ? Label(answered.method) : "none", answered.status)];
}

void Metrics::OnEnded(const EndedGeneration& ended) {
  const Usage usage = UsageOf(ended.answers);
  prompt_tokens_ += usage.prompt_tokens;
  cached_tokens_ += usage.cached_tokens;
  reasoning_tokens_ += usage.reasoning_tokens;
  pauses_ += ended.pauses;
  for (const Answer& answer : ended.answers) {
    ++finished_[ReasonOf(ended, answer)];
    queue_.Add(answer.end.queue_seconds);
    prefill_.Add(answer.end.prefill_seconds);
    decode_.Add(answer.end.decode_seconds);
    inference_.Add(answer.end.prefill_seconds + answer.end.decode_seconds);
    generated_.Add(static_cast<double>(answer.end.generated_tokens));
  }
  if (ended.first_token_seconds > 0) first_token_.Add(ended.first_token_seconds);
  whole_.Add(ended.seconds);
  for (const double gap : ended.token_gaps) gap_.Add(gap);
  prompt_.Add(static_cast<double>(usage.prompt_tokens));
  max_tokens_.Add(static_cast<double>(ended.max_tokens));
  choices_.Add(static_cast<double>(ended.answers.size()));
}

void Metrics::Type(const char* kind, const char* name, std::string* out) const {
  *out += fmt::format("# TYPE {}{} {}\n", prefix_, name, kind);
}

void Metrics::Value(const char* name, double value, std::string* out,
                    const std::string& more) const {
  *out += fmt::format("{}{}{{{}{}}} {}\n", prefix_, name, labels_, more, value);
}

void Metrics::Gauges(const StatusParts& parts, std::string* out) const {
  const EngineFigures figures = parts.engine.figures();
  const RunCounts counts = CountsOf(parts.views);
  const auto limit = static_cast<double>(parts.engine.state_limit());
  const auto used = static_cast<double>(figures.state_bytes);  // what is kept gives way
  const std::pair<const char*, double> gauges[] = {
      {"num_requests_running", static_cast<double>(counts.running)},
      {"num_requests_waiting", static_cast<double>(counts.waiting)},
      {"num_requests_paused", static_cast<double>(counts.paused)},
      {"kv_cache_usage_perc", limit > 0 ? std::min(used / limit, 1.0) : 0},
      {"prefix_cache_states", static_cast<double>(figures.prefixes.states)}};
  for (const auto& [name, value] : gauges) {
    Type("gauge", name, out);
    Value(name, value, out);
  }
  if (figures.experts) {  // some of their memory is on loan, and may be of prefixes next
    Type("gauge", "experts_held_bytes", out);
    Value("experts_held_bytes",
          static_cast<double>(figures.experts->slots * figures.experts->slot_bytes), out);
  }
  Type("gauge", "cache_config_info", out);
  Value("cache_config_info", 1, out,
        fmt::format(",block_size=\"{}\",max_model_len=\"{}\",max_num_seqs=\"{}\"",
                    arch::kPageTokens, parts.model.context(), parts.options.parallel));
  Type("gauge", "kv_bytes", out);
  for (const auto& [kind, bytes] : KindsOf(StateOf(parts).bytes))
    Value("kv_bytes", static_cast<double>(bytes), out, fmt::format(",kind=\"{}\"", kind));
}

void Metrics::Counters(const StatusParts& parts, std::string* out) const {
  const EngineFigures figures = parts.engine.figures();
  const std::pair<const char*, double> counters[] = {
      {"prompt_tokens_total", static_cast<double>(figures.prompt_tokens)},
      {"generation_tokens_total", static_cast<double>(figures.generated_tokens)},
      {"prefix_cache_queries_total", static_cast<double>(prompt_tokens_)},
      {"prefix_cache_hits_total", static_cast<double>(cached_tokens_)},
      {"num_preemptions_total", static_cast<double>(pauses_)},
      {"reasoning_tokens_total", static_cast<double>(reasoning_tokens_)},
      {"prefix_cache_reread_tokens_total", static_cast<double>(figures.prefixes.reread_tokens)},
      {"prefix_cache_dropped_states_total", static_cast<double>(figures.prefixes.dropped)},
      {"engine_busy_seconds_total", figures.busy_seconds}};
  for (const auto& [name, value] : counters) {
    Type("counter", name, out);
    Value(name, value, out);
  }
  Type("counter", "prefix_cache_misses_total", out);
  for (std::size_t i = 0; i < cache::kPrefixMisses; ++i)
    Value("prefix_cache_misses_total", static_cast<double>(figures.prefixes.misses[i]), out,
          fmt::format(",reason=\"{}\"", cache::PrefixMissName(static_cast<cache::PrefixMiss>(i))));
  if (figures.disk) Disk(*figures.disk, out);
  Drafts(figures.drafts, out);
  Type("counter", "request_success_total", out);
  for (const auto& [reason, count] : finished_)
    Value("request_success_total", static_cast<double>(count), out,
          fmt::format(",finished_reason=\"{}\"", reason));
}

void Metrics::Disk(const cache::DiskFigures& disk, std::string* out) const {
  const std::pair<const char*, double> counters[] = {
      {"disk_cache_restored_states_total", static_cast<double>(disk.restored_states)},
      {"disk_cache_restored_tokens_total", static_cast<double>(disk.restored_tokens)},
      {"disk_cache_restored_bytes_total", static_cast<double>(disk.restored_bytes)},
      {"disk_cache_restore_seconds_total", disk.restore_seconds},
      {"disk_cache_written_states_total", static_cast<double>(disk.written.states)},
      {"disk_cache_written_bytes_total", static_cast<double>(disk.written.bytes)},
      {"disk_cache_skipped_states_total", static_cast<double>(disk.written.skipped)},
      {"disk_cache_failed_states_total", static_cast<double>(disk.written.failed)},
      {"disk_cache_broken_segments_total", static_cast<double>(disk.broken)},
      {"disk_cache_failed_reads_total", static_cast<double>(disk.failed)}};
  for (const auto& [name, value] : counters) {
    Type("counter", name, out);
    Value(name, value, out);
  }
  Type("counter", "disk_cache_lookups_total", out);
  for (std::size_t i = 1; i < cache::kDiskOutcomes; ++i)  // but kNotAsked
    Value(
        "disk_cache_lookups_total", static_cast<double>(disk.outcomes[i]), out,
        fmt::format(",outcome=\"{}\"", cache::DiskOutcomeName(static_cast<cache::DiskOutcome>(i))));
}

void Metrics::Drafts(const engine::DraftCounts& drafts, std::string* out) const {
  const std::pair<const char*, std::uint64_t> counters[] = {
      {"spec_decode_num_drafts_total", drafts.drafts},
      {"spec_decode_num_draft_tokens_total", drafts.tried},
      {"spec_decode_num_accepted_tokens_total", drafts.accepted}};
  for (const auto& [name, value] : counters) {
    Type("counter", name, out);
    Value(name, static_cast<double>(value), out);
  }
  constexpr const char* kByPosition = "spec_decode_num_accepted_tokens_per_pos_total";
  Type("counter", kByPosition, out);
  for (std::size_t i = 0; i < drafts.tried_at.size() && drafts.tried_at[i] > 0; ++i)
    Value(kByPosition, static_cast<double>(drafts.accepted_at[i]), out,
          fmt::format(",position=\"{}\"", i));
}

void Metrics::Histograms(const StatusParts& parts, std::string* out) const {
  const EngineFigures figures = parts.engine.figures();
  const std::pair<const char*, const Histogram*> histograms[] = {
      {"time_to_first_token_seconds", &first_token_},
      {"inter_token_latency_seconds", &gap_},
      {"time_per_output_token_seconds", &gap_},  // its older name
      {"e2e_request_latency_seconds", &whole_},
      {"request_queue_time_seconds", &queue_},
      {"request_prefill_time_seconds", &prefill_},
      {"request_decode_time_seconds", &decode_},
      {"request_inference_time_seconds", &inference_},
      {"request_prompt_tokens", &prompt_},
      {"request_generation_tokens", &generated_},
      {"request_params_max_tokens", &max_tokens_},
      {"request_params_n", &choices_},
      {"iteration_tokens_total", &figures.step_tokens}};
  for (const auto& [name, histogram] : histograms) histogram->Print(prefix_ + name, labels_, out);
}

void Metrics::Http(std::string* out) const {
  *out += "# TYPE http_requests_total counter\n";
  for (const auto& [labels, count] : http_)
    *out += fmt::format("http_requests_total{{{}}} {}\n", labels, count);
}

std::string Metrics::Text(const StatusParts& parts) const {
  std::string out;
  Gauges(parts, &out);
  Counters(parts, &out);
  Histograms(parts, &out);
  Http(&out);
  Process(start_seconds_, &out);
  return out;
}

}  // namespace hadal::server
