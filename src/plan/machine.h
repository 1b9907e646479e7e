// A machine to plan on: its memories, how fast they are read, and how fast it computes.
//
// Sources of machines: the catalogue that comes with the program (machines.toml), a file of the
// same form, or what `hadal doctor --json` measured.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "plan/engine_rates.h"

namespace hadal::plan {

struct Machine {
  std::string name, about, source;
  bool measured = false;  // its figures; otherwise they are nominal
  std::uint64_t cores = 0;
  std::uint64_t ram_bytes = 0, reserved_bytes = 0;
  double dram_bytes_per_s = 0;
  // Multiplications and additions a second. Of dots of int16, which data sheets do not tell: as
  // fast as BF16's, whose width they have, unless measured.
  double f32_flops = 0, bf16_flops = 0, int16_ops = 0, int8_ops = 0;
  std::uint64_t nvme_bytes = 0;  // 0: none
  bool nvme_size_known = true;   // false: its speed was measured, its size was not
  double nvme_bytes_per_s = 0;
  std::uint64_t gpus = 0;  // the figures are those of one
  std::uint64_t gpu_bytes = 0;
  double gpu_bytes_per_s = 0, gpu_fp8_flops = 0, gpu_bf16_flops = 0;
  double decode_share = 1, prefill_share = 1;  // of the limits above
  // Of the engine's kernels on this machine: predictions of decoding go by them and not by
  // decode_share, for the models that the engine runs.
  std::optional<EngineRates> engine;
  std::optional<double> watts, usd, usd_per_hour;
  std::vector<std::string> notes;  // what was derived
};

std::string_view BuiltInMachines();  // the text of machines.toml

// `name`: of the file, for errors. kInvalid, kCorrupt: "<name>: machine 'x': <key>: found ...,
// expected ...". Unknown keys are errors.
Result<std::vector<Machine>> ParseMachines(std::string_view toml, const std::string& name);
// What `hadal doctor --json` prints.
Result<Machine> MachineFromDoctor(const Json& doctor, const std::string& name);

// The built-in machines, and those of the file at `path` (empty: none) in front of them.
Result<std::vector<Machine>> Catalogue(const std::string& path);
// By name from the catalogue, or a .json file from `hadal doctor --json`. kNotFound: lists the
// names.
Result<Machine> FindMachine(const std::string& name, const std::string& catalogue_path);

Json MachineJson(const Machine& machine);

}  // namespace hadal::plan
