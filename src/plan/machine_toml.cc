// The TOML half of machine.h.
#include <toml++/toml.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "base/quote.h"
#include "base/units.h"
#include "plan/machine.h"

namespace hadal::plan {
namespace {

constexpr double kMost = 1e18;
// Sums over a thousand machines with a thousand GPUs fit into 64 bits.
constexpr std::uint64_t kLeastSize = 1'000'000, kMostRam = std::uint64_t{1} << 50;
constexpr std::uint64_t kMostGpuMemory = std::uint64_t{1} << 42;

// Reads the keys of one [[machine]], and remembers the first thing that is wrong.
class Reader {
 public:
  Reader(const toml::table& table, std::string place) : table_(table), place_(std::move(place)) {}

  void SetPlace(const std::string& place) { place_ = place; }

  void Text(const char* key, std::string* out) {
    const toml::node* node = Find(key, true);
    if (node == nullptr) return;
    const auto text = node->value_exact<std::string>();
    if (!text || text->empty()) return Refuse(key, node, "a text");
    *out = *text;
  }
  void Choice(const char* key, const std::vector<std::string>& choices, std::size_t* out) {
    std::string text;
    Text(key, &text);
    if (error_) return;
    const auto found = std::ranges::find(choices, text);
    if (found == choices.end())
      return Refuse(key, Find(key, true), fmt::format("one of {}", fmt::join(choices, ", ")));
    *out = static_cast<std::size_t>(found - choices.begin());
  }
  // A size as text with a unit, from 1 MB.
  void Size(const char* key, bool required, std::uint64_t most, std::uint64_t* out) {
    const toml::node* node = Find(key, required);
    if (node == nullptr) return;
    const auto text = node->value_exact<std::string>();
    const auto size = ParseSize(text.value_or(""));
    if (!size.ok() || !text->ends_with('B') || *size < kLeastSize || *size > most)
      return Refuse(key, node,
                    fmt::format("a size as \"256GB\" or \"256GiB\", from {} to {}",
                                FormatBytes(kLeastSize), FormatBytesBinary(most)));
    *out = *size;
  }
  void Number(const char* key, bool required, double low, double high, double scale, double* out) {
    const toml::node* node = Find(key, required);
    if (node == nullptr) return;
    const auto number = node->value<double>();
    if (!number || !(*number >= low && *number <= high) || *number * scale > kMost)
      return Refuse(key, node, fmt::format("a number from {} to {}", low, high));
    *out = *number * scale;
  }
  void Count(const char* key, bool required, std::uint64_t high, std::uint64_t* out) {
    const toml::node* node = Find(key, required);
    if (node == nullptr) return;
    const auto number = node->value_exact<std::int64_t>();
    if (!number || *number < 1 || static_cast<std::uint64_t>(*number) > high)
      return Refuse(key, node, fmt::format("a whole number from 1 to {}", high));
    *out = static_cast<std::uint64_t>(*number);
  }
  void Optional(const char* key, std::optional<double>* out) {
    double number = 0;
    if (!table_.contains(key)) return static_cast<void>(known_.insert(key));
    Number(key, false, 1e-6, 1e9, 1, &number);
    *out = number;
  }
  bool Has(const char* key) const { return table_.contains(key); }
  void Require(bool holds, const char* key, const std::string& expected) {
    if (!holds) Refuse(key, table_.get(key), expected);
  }

  Status Finish() {
    for (const auto& [key, node] : table_)
      if (!error_ && !known_.contains(std::string(key.str())))
        error_ = Fail(Code::kInvalid, "{}: unknown key {}; expected one of {}", place_,
                      Quote(key.str()), fmt::join(known_, ", "));
    if (error_) return *error_;
    return Unit{};
  }

 private:
  const toml::node* Find(const char* key, bool required) {
    known_.insert(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr && required) Refuse(key, nullptr, "a value");
    return error_ ? nullptr : node;
  }
  void Refuse(const char* key, const toml::node* node, const std::string& expected) {
    if (error_) return;
    std::string found = "nothing";
    if (node != nullptr) {
      std::ostringstream text;
      node->visit([&](const auto& value) { text << value; });
      found = Quote(node->value<std::string>().value_or(text.str()));
    }
    error_ = Fail(Code::kInvalid, "{}: {}: found {}, expected {}", place_, key, found, expected);
  }

  const toml::table& table_;
  std::string place_;
  std::set<std::string> known_;
  std::optional<Error> error_;
};

Result<Machine> ReadMachine(const toml::table& table, const std::string& file, std::size_t index) {
  Reader reader(table, fmt::format("{}: machine {}", file, index));
  Machine m;
  std::size_t figures = 0;
  reader.Text("name", &m.name);
  // What --machine takes for something else.
  reader.Require(m.name != "this" && !m.name.ends_with(".json"), "name",
                 "another name than \"this\" or a .json file's");
  if (!m.name.empty()) reader.SetPlace(fmt::format("{}: machine {}", file, Quote(m.name)));
  reader.Text("about", &m.about);
  reader.Text("source", &m.source);
  reader.Choice("figures", {"nominal", "measured"}, &figures);
  m.measured = figures == 1;
  reader.Count("cores", true, 1 << 16, &m.cores);
  reader.Size("ram", true, kMostRam, &m.ram_bytes);
  reader.Size("reserved", true, kMostRam, &m.reserved_bytes);
  reader.Number("dram_gb_per_s", true, 0.1, 1e6, 1e9, &m.dram_bytes_per_s);
  reader.Number("f32_gflops", true, 0.1, 1e8, 1e9, &m.f32_flops);
  reader.Number("bf16_gflops", true, 0.1, 1e8, 1e9, &m.bf16_flops);
  m.int16_ops = m.bf16_flops;
  reader.Number("int8_gops", true, 0.1, 1e8, 1e9, &m.int8_ops);
  const bool disk = reader.Has("nvme") || reader.Has("nvme_gb_per_s");
  reader.Size("nvme", disk, kMostRam, &m.nvme_bytes);
  reader.Number("nvme_gb_per_s", disk, 0.001, 1e4, 1e9, &m.nvme_bytes_per_s);
  bool gpu = false;
  for (const char* key :
       {"gpus", "gpu_memory", "gpu_gb_per_s", "gpu_fp8_tflops", "gpu_bf16_tflops"})
    gpu = gpu || reader.Has(key);
  reader.Count("gpus", gpu, 1024, &m.gpus);
  reader.Size("gpu_memory", gpu, kMostGpuMemory, &m.gpu_bytes);
  reader.Number("gpu_gb_per_s", gpu, 1, 1e6, 1e9, &m.gpu_bytes_per_s);
  reader.Number("gpu_fp8_tflops", gpu, 0.1, 1e6, 1e12, &m.gpu_fp8_flops);
  reader.Number("gpu_bf16_tflops", gpu, 0.1, 1e6, 1e12, &m.gpu_bf16_flops);
  reader.Number("decode_share", false, 0.001, 1, 1, &m.decode_share);
  reader.Number("prefill_share", false, 0.001, 1, 1, &m.prefill_share);
  reader.Optional("watts", &m.watts);
  reader.Optional("usd", &m.usd);
  reader.Optional("usd_per_hour", &m.usd_per_hour);
  reader.Require(m.reserved_bytes < m.ram_bytes || m.ram_bytes == 0, "reserved", "less than ram");
  HADAL_TRY_STATUS(reader.Finish());
  return m;
}

}  // namespace

Result<std::vector<Machine>> ParseMachines(std::string_view toml, const std::string& name) {
  toml::table root;
  try {
    root = toml::parse(toml);
  } catch (const toml::parse_error& error) {
    return Fail(Code::kCorrupt, "{}: line {}: {}", name, error.source().begin.line,
                error.description());
  }
  for (const auto& [key, node] : root)
    if (key.str() != "machine")
      return Fail(Code::kInvalid, "{}: unknown key {}; expected [[machine]]", name,
                  Quote(key.str()));
  const toml::array* list = root["machine"].as_array();
  if (list == nullptr)
    return Fail(Code::kInvalid, "{}: machine: found nothing, expected [[machine]]", name);
  std::vector<Machine> machines;
  for (const toml::node& node : *list) {
    if (!node.is_table())
      return Fail(Code::kInvalid, "{}: machine: found a value, expected [[machine]]", name);
    HADAL_TRY(Machine machine, ReadMachine(*node.as_table(), name, machines.size() + 1));
    for (const Machine& other : machines)
      if (other.name == machine.name)
        return Fail(Code::kInvalid, "{}: machine {}: given twice", name, Quote(machine.name));
    machines.push_back(std::move(machine));
  }
  return machines;
}

}  // namespace hadal::plan
