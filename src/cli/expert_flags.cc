#include "cli/expert_flags.h"

#include <memory>

#include "base/progress.h"
#include "base/units.h"

namespace hadal::cli {

void AddExpertsFrom(Command app, std::string* from) {
  app.AddOption("--experts", *from,
                "where experts are: mapped with all other weights; on disk, from where they are "
                "read when they are wanted, the others in memory; auto: on disk if the weights are "
                "more than --ram, or than memory has free")
      .Check(OneOf({"auto", "mapped", "disk"}))
      .ShowDefault();
}

void AddExpertFlags(Command app, ExpertFlags* flags) {
  AddExpertsFrom(app, &flags->from);
  AddExpertsProfile(app, &flags->profile, "hadal-experts.json beside the checkpoint");
}

void AddExpertsProfile(Command app, std::string* profile, const std::string& otherwise) {
  app.AddOption("--experts-profile", *profile,
                "where to keep how often experts are used, for the next run that reads them from "
                "disk (default: " +
                    otherwise + ")");
}

engine::OpenOptions OpenWith(const ExpertFlags& flags,
                             const std::optional<std::uint64_t>& ram_bytes,
                             const std::atomic<bool>& cancel, bool quiet) {
  const engine::ExpertsFrom from = flags.from == "disk"     ? engine::ExpertsFrom::kDisk
                                   : flags.from == "mapped" ? engine::ExpertsFrom::kMapped
                                                            : engine::ExpertsFrom::kAuto;
  const auto progress = std::make_shared<std::optional<Progress>>();
  return {.experts = from,
          .ram_bytes = ram_bytes,
          .on_reading =
              [progress, quiet](std::uint64_t done, std::uint64_t all) {
                if (!*progress) progress->emplace("reading the dense weights", all, quiet);
                const auto rate = static_cast<std::uint64_t>((*progress)->PerSecond(done));
                (*progress)->Set(done, FormatBytes(rate) + "/s");
                if (done == all) progress->reset();
              },
          .cancel = &cancel};
}

}  // namespace hadal::cli
