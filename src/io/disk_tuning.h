// How the disks of this machine are read best: what `hadal doctor` measured, kept for the runs that
// read from them.
//
// One small JSON file with a line of figures per disk. A disk is what the system numbers it by; a
// number may come to mean another disk, and a file may hold anything: only speed depends on what is
// read here, and what makes no sense is as if it were not there.
#pragma once
#include <optional>
#include <string>

#include "base/result.h"
#include "io/read_queue.h"

namespace hadal::io {

struct DiskTuning {
  ReadTuning tuning;
  double bytes_per_s = 0;  // when it was measured
};

std::string DiskTuningFile();  // of this user; empty: no home

// Of the disk that holds `path`. None: nothing was kept for it.
std::optional<DiskTuning> KeptTuning(const std::string& path,
                                     const std::string& file = DiskTuningFile());
// Its tuning, or the default.
ReadTuning TuningFor(const std::string& path);
// What is kept for other disks stays. kIo, kNotFound, kExhausted.
Status KeepTuning(const std::string& path, const DiskTuning& measured,
                  const std::string& file = DiskTuningFile());

}  // namespace hadal::io
