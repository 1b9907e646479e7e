#include "plan/machine.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "arch/config_fields.h"
#include "base/quote.h"
#include "io/file.h"

namespace hadal::plan {
namespace {

constexpr std::uint64_t kMaxFileBytes = 16 << 20;

// The figure of the entry with the most threads (all of `rates` where `op` is empty), 0 for none.
double Best(const Json& doctor, const char* list, const char* figure, const std::string& op) {
  const Json* rates = doctor.Find(list);
  double best = 0;
  std::int64_t threads = 0;
  if (rates == nullptr || rates->AsArray() == nullptr) return 0;
  for (const Json& rate : *rates->AsArray()) {
    const Json* name = rate.Find("op");
    if (!op.empty() && (name == nullptr || name->AsString() == nullptr || *name->AsString() != op))
      continue;
    const Json* count = rate.Find("threads");
    const Json* value = rate.Find(figure);
    if (count == nullptr || count->AsInt() == nullptr || value == nullptr) continue;
    const double number = value->AsNumber().value_or(0);
    if (*count->AsInt() < threads || !std::isfinite(number)) continue;
    best = *count->AsInt() > threads ? number : std::max(best, number);
    threads = *count->AsInt();
  }
  return best;
}

Error Missing(const std::string& name, const char* what) {
  return Fail(Code::kInvalid,
              "{}: {}: found nothing, expected a rate above 0 as `hadal doctor "
              "--json` prints it",
              name, what);
}

}  // namespace

Result<Machine> MachineFromDoctor(const Json& doctor, const std::string& name) {
  arch::Fields fields(doctor, name);
  std::size_t threads = 0, ram = 0;
  constexpr std::size_t kMany = std::size_t{1} << 50;
  fields.Size("threads", 1, 1 << 16, &threads);
  fields.Size("ram_bytes", 1, kMany, &ram);
  std::optional<std::size_t> available;
  fields.OptionalSize("available_bytes", 1, kMany, &available);
  if (!fields.ok()) return fields.error();
  Machine machine{.name = name,
                  .about = {},
                  .source = "hadal doctor",
                  .measured = true,
                  .engine = {},
                  .watts = {},
                  .usd = {},
                  .usd_per_hour = {},
                  .notes = {}};
  if (const Json* processor = doctor.Find("processor"); processor && processor->AsString())
    machine.about = *processor->AsString();
  machine.cores = threads;
  machine.ram_bytes = ram;
  machine.reserved_bytes = available && *available < ram ? ram - *available : 0;
  machine.notes.push_back("reserved memory: what was in use when the machine was measured");
  machine.dram_bytes_per_s = Best(doctor, "read", "bytes_per_s", "");
  const auto best = [&](kernels::Arithmetic arithmetic) {
    return Best(doctor, "arithmetic", "ops_per_s",
                std::string(kernels::ArithmeticName(arithmetic)));
  };
  machine.f32_flops = best(kernels::Arithmetic::kF32Fma);
  machine.bf16_flops = best(kernels::Arithmetic::kBf16Dot);
  machine.int16_ops = best(kernels::Arithmetic::kInt16Dot);
  machine.int8_ops = best(kernels::Arithmetic::kInt8Dot);
  if (machine.dram_bytes_per_s <= 0) return Missing(name, "read");
  if (machine.f32_flops <= 0) return Missing(name, "arithmetic: fp32_fma");
  if (machine.bf16_flops <= 0) {
    machine.bf16_flops = machine.f32_flops;
    machine.notes.push_back("no BF16 dots: counted at the FP32 rate");
  }
  if (machine.int16_ops <= 0) machine.int16_ops = machine.bf16_flops;
  if (machine.int8_ops <= 0) {
    machine.int8_ops = machine.f32_flops;
    machine.notes.push_back("no int8 dots: counted at the FP32 rate");
  }
  if (const Json* disk = doctor.Find("disk"); disk != nullptr && !disk->is_null()) {
    const Json* rate = disk->Find("bytes_per_s");
    machine.nvme_bytes_per_s = rate == nullptr ? 0 : rate->AsNumber().value_or(0);
    if (!(machine.nvme_bytes_per_s > 0)) return Missing(name, "disk: bytes_per_s");
    machine.nvme_bytes = std::uint64_t{1} << 50;
    machine.nvme_size_known = false;
    machine.notes.push_back("the size of the disk was not measured: counted as large enough");
  }
  return machine;
}

Result<std::vector<Machine>> Catalogue(const std::string& path) {
  std::vector<Machine> machines;
  if (!path.empty()) {
    HADAL_TRY(const std::string text, io::ReadFile(path, kMaxFileBytes));
    HADAL_TRY(machines, ParseMachines(text, path));
  }
  HADAL_TRY(const std::vector<Machine> built_in, ParseMachines(BuiltInMachines(), "machines.toml"));
  for (const Machine& machine : built_in) {
    const bool replaced = std::ranges::any_of(
        machines, [&](const Machine& other) { return other.name == machine.name; });
    if (!replaced) machines.push_back(machine);
  }
  return machines;
}

Result<Machine> FindMachine(const std::string& name, const std::string& catalogue_path) {
  if (name.ends_with(".json")) {
    HADAL_TRY(const std::string text, io::ReadFile(name, kMaxFileBytes));
    const Result<Json> json = ParseJson(text);
    if (!json.ok()) return Within(name, json.error());
    // `hadal bench --json` holds the same under a key.
    const Json* measured = json->Find("machine");
    return MachineFromDoctor(measured == nullptr ? *json : *measured, name);
  }
  HADAL_TRY(std::vector<Machine> machines, Catalogue(catalogue_path));
  std::string names;
  for (Machine& machine : machines) {
    if (machine.name == name) return std::move(machine);
    names += machine.name + ", ";
  }
  return Fail(
      Code::kNotFound,
      "--machine: found {}, expected one of this, {}or a .json file of `hadal doctor --json`",
      Quote(name), names);
}

Json MachineJson(const Machine& m) {
  const auto optional = [](const std::optional<double>& v) { return v ? Json(*v) : Json(); };
  Json::Array notes;
  for (const std::string& note : m.notes) notes.emplace_back(note);
  return Json::MakeObject({{"name", m.name},
                           {"about", m.about},
                           {"source", m.source},
                           {"figures", m.measured ? "measured" : "nominal"},
                           {"cores", m.cores},
                           {"ram_bytes", m.ram_bytes},
                           {"reserved_bytes", m.reserved_bytes},
                           {"dram_bytes_per_s", m.dram_bytes_per_s},
                           {"f32_flops", m.f32_flops},
                           {"bf16_flops", m.bf16_flops},
                           {"int16_ops", m.int16_ops},
                           {"int8_ops", m.int8_ops},
                           {"nvme_bytes", m.nvme_size_known ? Json(m.nvme_bytes) : Json()},
                           {"nvme_bytes_per_s", m.nvme_bytes_per_s},
                           {"gpus", m.gpus},
                           {"gpu_bytes", m.gpu_bytes},
                           {"gpu_bytes_per_s", m.gpu_bytes_per_s},
                           {"gpu_fp8_flops", m.gpu_fp8_flops},
                           {"gpu_bf16_flops", m.gpu_bf16_flops},
                           {"decode_share", m.decode_share},
                           {"prefill_share", m.prefill_share},
                           {"engine", m.engine ? EngineRatesJson(*m.engine) : Json()},
                           {"watts", optional(m.watts)},
                           {"usd", optional(m.usd)},
                           {"usd_per_hour", optional(m.usd_per_hour)},
                           {"notes", std::move(notes)}});
}

}  // namespace hadal::plan
