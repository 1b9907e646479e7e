#include "machine/report.h"

#include "base/table.h"
#include "base/units.h"

namespace hadal::machine {
namespace {

std::string Giga(double per_second) { return fmt::format("{:.1f}", per_second / 1e9); }

const char* Title(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kF32Fma:
      return "FP32 FMA";
    case Arithmetic::kBf16Dot:
      return "BF16 dots";
    case Arithmetic::kInt16Dot:
      return "int16 dots";
    case Arithmetic::kInt8Dot:
      return "int8 dots";
  }
  return "?";
}

Json ToJson(const DiskRate& disk) {
  Json::Array trials;
  for (const DiskTrial& trial : disk.trials)
    trials.push_back(Json::MakeObject({{"depth", std::uint64_t{trial.tuning.depth}},
                                       {"block_bytes", trial.tuning.block_bytes},
                                       {"bytes_per_s", trial.bytes_per_s}}));
  return Json::MakeObject({{"folder", disk.folder},
                           {"bytes", disk.bytes},
                           {"direct", disk.direct},
                           {"bytes_per_s", disk.best.bytes_per_s},
                           {"depth", std::uint64_t{disk.best.tuning.depth}},
                           {"block_bytes", disk.best.tuning.block_bytes},
                           {"backend", disk.best.backend},
                           {"trials", std::move(trials)}});
}

// "16 x 1 MiB": so many reads under way, of so many bytes each.
std::string UnderWay(const io::ReadTuning& tuning) {
  return fmt::format("{} x {}", tuning.depth, FormatBytesBinary(tuning.block_bytes));
}

void AddRows(const DiskRate& disk, Table* rates) {
  const char* unit = disk.direct ? "GB/s" : "GB/s, perhaps from memory";
  for (const DiskTrial& trial : disk.trials)
    rates->Row({"disk read", UnderWay(trial.tuning) + " under way", "", Giga(trial.bytes_per_s), "",
                "", unit});
  rates->Row({"disk, best",
              fmt::format("{}, {}, {} file", UnderWay(disk.best.tuning), disk.best.backend,
                          FormatBytes(disk.bytes)),
              "", Giga(disk.best.bytes_per_s), "", "", unit});
}

}  // namespace

Json ToJson(const MachineReport& report) {
  Json::Array features, reads, arithmetic;
  for (const std::string& feature : report.computer.features) features.emplace_back(feature);
  for (const ReadRate& rate : report.reads)
    reads.push_back(Json::MakeObject({{"threads", std::uint64_t{rate.threads}},
                                      {"bytes_per_s", rate.bytes_per_s.median},
                                      {"min", rate.bytes_per_s.min},
                                      {"max", rate.bytes_per_s.max}}));
  for (const ArithmeticRate& rate : report.arithmetic)
    arithmetic.push_back(Json::MakeObject({{"op", ArithmeticName(rate.arithmetic)},
                                           {"instruction", rate.instruction},
                                           {"threads", std::uint64_t{rate.threads}},
                                           {"ops_per_s", rate.ops_per_s.median},
                                           {"min", rate.ops_per_s.min},
                                           {"max", rate.ops_per_s.max}}));
  Json json = Json::MakeObject({{"processor", report.computer.processor},
                                {"threads", std::uint64_t{report.computer.threads}},
                                {"threads_by", report.computer.threads_by},
                                {"ram_bytes", report.computer.ram_bytes},
                                {"available_bytes", report.computer.available_bytes},
                                {"ram_by", report.computer.ram_by},
                                {"last_cache_bytes", report.computer.last_cache_bytes},
                                {"features", std::move(features)},
                                {"buffer_bytes", report.buffer_bytes},
                                {"read", std::move(reads)},
                                {"arithmetic", std::move(arithmetic)}});
  json.Set("disk", nullptr);
  if (report.disk) json.Set("disk", ToJson(*report.disk));
  json.Set("seconds", report.seconds);
  return json;
}

std::string ToText(const MachineReport& report) {
  const Computer& computer = report.computer;
  std::string features;
  for (const std::string& feature : computer.features) features += " " + feature;
  Table about({"", ""});
  about.Row({"processor", computer.processor.empty() ? "unknown" : computer.processor});
  about.Row(
      {"threads", fmt::format("{}, by {}", FormatCount(computer.threads), computer.threads_by)});
  about.Row({"instructions", features.empty() ? "plain" : features.substr(1)});
  about.Row({"memory", fmt::format("{}, {} free, by {}", FormatBytes(computer.ram_bytes),
                                   FormatBytes(computer.available_bytes), computer.ram_by)});
  if (computer.last_cache_bytes != 0)
    about.Row({"last cache", FormatBytes(computer.last_cache_bytes)});

  Table rates({"", "with", ">threads", ">median", ">min", ">max", ""});
  for (const ReadRate& rate : report.reads)
    rates.Row({"memory read", FormatBytes(report.buffer_bytes) + " buffer",
               std::to_string(rate.threads), Giga(rate.bytes_per_s.median),
               Giga(rate.bytes_per_s.min), Giga(rate.bytes_per_s.max), "GB/s"});
  for (const ArithmeticRate& rate : report.arithmetic)
    rates.Row({Title(rate.arithmetic), rate.instruction, std::to_string(rate.threads),
               Giga(rate.ops_per_s.median), Giga(rate.ops_per_s.min), Giga(rate.ops_per_s.max),
               rate.arithmetic >= Arithmetic::kInt16Dot ? "GOP/s" : "GFLOP/s"});
  if (report.disk) AddRows(*report.disk, &rates);
  return about.Text() + "\n" + rates.Text();
}

}  // namespace hadal::machine
