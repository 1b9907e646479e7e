// Where the routed experts of a run come from: where the model is mapped, or, of a model whose
// experts stay on disk, a memory of so many bytes that holds some of them, with what was learnt of
// their use in earlier runs.
//
// The profile is read when this is made, and written from time to time and when it ends, beside the
// checkpoint or where the user says; one that cannot be read or written, or is of another
// checkpoint, is a note and no more. The model outlives this; one thread.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "model/disk_experts.h"
#include "model/expert_runner.h"
#include "model/weights.h"

namespace hadal::engine {

struct ExpertMemoryOptions {
  std::uint64_t bytes = 0;       // for held experts
  std::uint64_t loan_bytes = 0;  // for more, of memory that prefixes may want (expert_loan.h)
  std::string profile = {};      // a file; empty: kProfileName in the checkpoint's folder
  bool keep_profile = true;      // false: none is read or written
  double keep_seconds = 300;     // how old what was written may be when KeepSometimes is called
  std::function<void(std::string_view)> on_note = {};  // empty: into the log
};

inline constexpr std::string_view kProfileName = "hadal-experts.json";

class ExpertMemory {
 public:
  // kExhausted: no room for one expert. kNotFound, kIo: a file of the checkpoint, or there is
  // no profile and none can be written.
  static Result<ExpertMemory> Create(const model::Model& model, const ExpertMemoryOptions& options);
  ExpertMemory(ExpertMemory&& other) noexcept = default;
  ExpertMemory& operator=(ExpertMemory&&) = delete;
  ~ExpertMemory();

  // Between passes: writes the profile if it was long ago, so that a program that is killed has
  // learnt something too.
  void KeepSometimes();

  // For model::Forward::Create; null: the model is mapped.
  model::ExpertRunner* runner() const { return runner_.get(); }
  // None: the model is mapped.
  std::optional<model::DiskExpertFigures> figures() const;
  model::DiskExperts* source() const { return source_.get(); }  // null: likewise

 private:
  explicit ExpertMemory(const ExpertMemoryOptions& options) : options_(options) {}
  void ReadProfile();
  void KeepProfile() noexcept;
  void Note(std::string_view text) const;

  ExpertMemoryOptions options_;
  std::uint64_t checkpoint_ = 0;  // its digest
  Stopwatch since_kept_;
  bool noted_ = false;  // that it could not be written
  std::unique_ptr<model::DiskExperts> source_;
  std::unique_ptr<model::LocalExpertRunner> runner_;
};

}  // namespace hadal::engine
