// hadal doctor: what this machine can do.
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "base/progress.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/note.h"
#include "io/disk_tuning.h"
#include "machine/report.h"

namespace hadal::cli {
namespace {

constexpr const char* kDoctorAbout =
    "Measure this machine: memory, arithmetic, disk.\n"
    "\n"
    "Figures are medians of several samples, of all threads together; other load on the machine "
    "shows\n"
    "in the spread. Without --quick it takes about half a minute, and how the disk is read best "
    "is\n"
    "kept for the runs that read experts from it.\n"
    "\n"
    "Examples:\n"
    "  hadal doctor\n"
    "  hadal doctor --quick --json | jq .read\n"
    "  hadal doctor --threads 1,2,4 --disk /mnt/models";

struct DoctorOptions {
  machine::MeasureOptions measure;
  std::string disk;
  bool no_disk = false, json = false;
};

void Keep(const machine::DiskRate& disk, bool quiet) {
  const Status kept = io::KeepTuning(disk.folder, {disk.best.tuning, disk.best.bytes_per_s});
  if (!kept.ok())
    PrintNote(fmt::format("{}; how the disk is read best is not kept", kept.error().what));
  else if (!quiet)
    PrintNote("how " + disk.folder + "'s disk is read best is kept in " + io::DiskTuningFile());
}

Status Doctor(const DoctorOptions& options) {
  machine::MeasureOptions measure = options.measure;
  if (!options.no_disk) {
    std::error_code ignored;
    measure.disk_folder = options.disk.empty()
                              ? std::filesystem::temp_directory_path(ignored).string()
                              : options.disk;
  }
  std::optional<Progress> progress;
  measure.on_progress = [&](std::size_t done, std::size_t total) {
    if (!progress) progress.emplace("measuring", total, options.json);
    progress->Set(done);
  };
  const auto report = machine::MeasureMachine(measure);
  progress.reset();
  if (!report.ok()) return report.error();
  if (report->disk && !options.measure.quick) Keep(*report->disk, options.json);
  std::cout << (options.json ? machine::ToJson(*report).Dump(2) + "\n" : machine::ToText(*report));
  return Unit{};
}

}  // namespace

void AddDoctor(Command app, Work* work) {
  auto options = std::make_shared<DoctorOptions>();
  const Command doctor = app.AddCommand("doctor", kDoctorAbout);
  doctor.AddFlag("--quick", options->measure.quick, "a few seconds, less exact");
  doctor
      .AddOption("--threads", options->measure.threads,
                 "numbers of threads to measure with (default: 1, 2, 4, ... and all)")
      .Delimiter(',')
      .Check(WholeNumber(1, 1024));
  const Option disk = doctor.AddOption(
      "--disk", options->disk, "the folder whose disk is read (default: that for temporary files)");
  doctor.AddFlag("--no-disk", options->no_disk, "leave the disk alone").Excludes(disk);
  doctor.AddFlag("--json", options->json, "print one JSON object");
  doctor.OnChosen([options, work] { *work = [options] { return Doctor(*options); }; });
}

}  // namespace hadal::cli
