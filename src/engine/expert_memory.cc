#include "engine/expert_memory.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "arch/kv_layout.h"
#include "arch/numerics.h"
#include "base/exceptions.h"
#include "base/json.h"
#include "base/log.h"
#include "cache/fingerprint.h"
#include "io/checkpoint_files.h"
#include "io/disk_tuning.h"
#include "io/place.h"
#include "model/expert_profile.h"

namespace hadal::engine {

Result<ExpertMemory> ExpertMemory::Create(const model::Model& model,
                                          const ExpertMemoryOptions& options) {
  ExpertMemory memory(options);
  if (model.checkpoint().mapped()) return memory;
  HADAL_TRY(memory.source_, model::DiskExperts::Create(
                                model, {.bytes = options.bytes,
                                        .loan_bytes = options.loan_bytes,
                                        .tuning = io::TuningFor(model.checkpoint().directory())}));
  memory.runner_ = std::make_unique<model::LocalExpertRunner>(*memory.source_);
  if (!options.keep_profile) return memory;
  if (options.profile.empty())
    memory.options_.profile = io::InFolder(model.checkpoint().directory(), kProfileName);
  // Before the work that it is to keep; one that may only be read is of use too.
  else if (std::error_code ignored; !std::filesystem::exists(options.profile, ignored))
    HADAL_TRY_STATUS(io::CheckWritable(options.profile));
  memory.checkpoint_ = cache::Fingerprint(
      model, arch::KvLayout(model.config, arch::Numerics::Stored(), model.selection));
  memory.ReadProfile();
  return memory;
}

void ExpertMemory::Note(std::string_view text) const {
  if (options_.on_note) return options_.on_note(text);
  spdlog::warn("experts note={}", Json(text).Dump());
}

void ExpertMemory::ReadProfile() {
  const auto uses = model::ReadExpertProfile(options_.profile, checkpoint_, source_->Uses());
  if (uses.ok()) return source_->Warm(*uses);
  if (uses.error().code == Code::kNotFound) return;
  Note(fmt::format("{}; it is not used, nor written", uses.error().what));
  options_.keep_profile = false;
}

ExpertMemory::~ExpertMemory() { KeepProfile(); }

void ExpertMemory::KeepSometimes() {
  if (since_kept_.seconds() < options_.keep_seconds) return;
  KeepProfile();
  since_kept_ = Stopwatch();
}

void ExpertMemory::KeepProfile() noexcept {
  if (source_ == nullptr || !options_.keep_profile || source_->figures().wanted == 0) return;
  // Without memory for it nothing is kept, and nobody hears so.
  (void)Caught([this] {
    const Status written =
        model::WriteExpertProfile(options_.profile, checkpoint_, source_->Uses());
    if (!written.ok() && !std::exchange(noted_, true))
      Note(fmt::format("{}; what was learnt of the experts is not kept", written.error().what));
  });
}

std::optional<model::DiskExpertFigures> ExpertMemory::figures() const {
  if (source_ == nullptr) return {};
  return source_->figures();
}

}  // namespace hadal::engine
