#include "plan/machine.h"

#include <gtest/gtest.h>

#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::plan {
namespace {

constexpr const char* kMachine = R"([[machine]]
name = "mine"
about = "a test"
figures = "measured"
source = "a test"
cores = 2
ram = "24GiB"
reserved = "1GB"
dram_gb_per_s = 46
f32_gflops = 495
bf16_gflops = 560.5
int8_gops = 1970
)";

std::string With(const std::string& line, const std::string& instead) {
  std::string text = kMachine;
  const std::size_t at = text.find(line);
  return line.empty() ? text + instead : text.replace(at, line.size(), instead);
}

TEST(Machines, TheBuiltInCatalogueIsValid) {
  const auto machines = ParseMachines(BuiltInMachines(), "machines.toml");
  ASSERT_TRUE(machines.ok()) << machines.error().what;
  EXPECT_GE(machines->size(), 5u);
  EXPECT_TRUE(FindMachine("server-256gb", "").ok());
}

TEST(Machines, UnitsAreAsWritten) {
  const auto machines = ParseMachines(kMachine, "x.toml");
  ASSERT_TRUE(machines.ok()) << machines.error().what;
  const Machine& m = (*machines)[0];
  EXPECT_TRUE(m.measured);
  EXPECT_EQ(m.ram_bytes, 24ull << 30);
  EXPECT_EQ(m.reserved_bytes, 1'000'000'000u);
  EXPECT_DOUBLE_EQ(m.dram_bytes_per_s, 46e9);
  EXPECT_DOUBLE_EQ(m.bf16_flops, 560.5e9);
  EXPECT_DOUBLE_EQ(m.int16_ops, 560.5e9);  // not told: as BF16
  EXPECT_EQ(m.nvme_bytes, 0u);
  EXPECT_EQ(m.gpus, 0u);
  EXPECT_EQ(m.decode_share, 1);
}

struct Bad {
  std::string toml;
  const char* says;
};

TEST(Machines, ErrorsNameTheMachineAndTheKey) {
  const Bad cases[] = {
      {"x = 1", "x.toml: unknown key 'x'; expected [[machine]]"},
      {"[[machine]", "x.toml: line 1: "},
      {"", "x.toml: machine: found nothing, expected [[machine]]"},
      {"[[machine]]\n", "x.toml: machine 1: name: found nothing, expected a value"},
      {With("cores = 2", "cores = 0"), "machine 'mine': cores: found '0', expected a whole number"},
      {With("cores = 2", "cores = 2.5"), "cores: found '2.5', expected a whole number"},
      {With("dram_gb_per_s = 46", "dram_gb_per_s = -1"), "dram_gb_per_s: found '-1', expected a"},
      {With("dram_gb_per_s = 46", "dram_gb_per_s = nan"), "dram_gb_per_s: found 'nan', expected"},
      {With("dram_gb_per_s = 46\n", ""), "dram_gb_per_s: found nothing, expected a value"},
      {With("\"24GiB\"", "24"), "ram: found '24', expected a size as"},
      {With("\"1GB\"", "\"24GiB\""), "reserved: found '24GiB', expected less than ram"},
      {With("\"measured\"", "\"guessed\""),
       "figures: found 'guessed', expected one of nominal, measured"},
      {With("", "colour = 1\n"), "unknown key 'colour'; expected one of about, "},
      {With("", "nvme = \"1TB\"\n"), "nvme_gb_per_s: found nothing, expected a value"},
      {With("", "gpus = 2\n"), "gpu_memory: found nothing, expected a value"},
      {With("", "gpu_gb_per_s = 900\n"), "gpus: found nothing, expected a value"},
      {With("", "decode_share = 1.5\n"), "decode_share: found '1.5', expected a number from"},
      {With("\"24GiB\"", "\"24\""), "ram: found '24', expected a size as"},
      {With("\"24GiB\"", "\"9000000TB\""), "ram: found '9000000TB', expected a size as"},
      {With("\"mine\"", "\"this\""), "name: found 'this', expected another name"},
      {With("\"mine\"", "\"a.json\""), "name: found 'a.json', expected another name"},
      {With("",
            "gpus = 1\ngpu_memory = \"80\"\ngpu_gb_per_s = 9\ngpu_fp8_tflops = 9\n"
            "gpu_bf16_tflops = 9\n"),
       "gpu_memory: found '80', expected a size as"},
      {std::string(kMachine) + kMachine, "machine 'mine': given twice"},
  };
  for (const Bad& bad : cases) {
    const auto machines = ParseMachines(bad.toml, "x.toml");
    ASSERT_FALSE(machines.ok()) << bad.toml;
    EXPECT_NE(machines.error().what.find(bad.says), std::string::npos) << machines.error().what;
    EXPECT_EQ(machines.error().what.find('\n'), std::string::npos) << machines.error().what;
  }
}

constexpr const char* kDoctor = R"({"processor": "Some CPU", "threads": 2,
  "ram_bytes": 24000000000, "available_bytes": 20000000000,
  "read": [{"threads": 1, "bytes_per_s": 40e9}, {"threads": 2, "bytes_per_s": 46e9}],
  "arithmetic": [
    {"op": "fp32_fma", "instruction": "avx2", "threads": 2, "ops_per_s": 250e9},
    {"op": "fp32_fma", "instruction": "avx512", "threads": 2, "ops_per_s": 495e9},
    {"op": "fp32_fma", "instruction": "avx512", "threads": 1, "ops_per_s": 900e9},
    {"op": "int16_dot", "instruction": "avx512", "threads": 2, "ops_per_s": 990e9},
    {"op": "int8_dot", "instruction": "avx512", "threads": 2, "ops_per_s": 1970e9}],
  "disk": null})";

TEST(Machines, DoctorsFiguresOfAllThreadsAndTheBestInstruction) {
  const auto machine = MachineFromDoctor(*ParseJson(kDoctor), "doctor.json");
  ASSERT_TRUE(machine.ok()) << machine.error().what;
  EXPECT_TRUE(machine->measured);
  EXPECT_EQ(machine->about, "Some CPU");
  EXPECT_EQ(machine->cores, 2u);
  EXPECT_EQ(machine->reserved_bytes, 4'000'000'000u);
  EXPECT_DOUBLE_EQ(machine->dram_bytes_per_s, 46e9);
  EXPECT_DOUBLE_EQ(machine->f32_flops, 495e9);
  EXPECT_DOUBLE_EQ(machine->bf16_flops, 495e9);  // none measured: said in a note
  EXPECT_DOUBLE_EQ(machine->int16_ops, 990e9);
  EXPECT_DOUBLE_EQ(machine->int8_ops, 1970e9);
  EXPECT_EQ(machine->notes.size(), 2u);
}

// `hadal bench --json` holds what doctor prints under a key.
TEST(Machines, ABenchReportHoldsItsMachine) {
  const testing::TempFolder folder;
  const std::string path = folder.path() + "/bench.json";
  ASSERT_TRUE(io::WriteFile(path, fmt::format(R"({{"machine": {}}})", kDoctor)).ok());
  const auto machine = FindMachine(path, "");
  ASSERT_TRUE(machine.ok()) << machine.error().what;
  EXPECT_DOUBLE_EQ(machine->dram_bytes_per_s, 46e9);
}

TEST(Machines, DoctorWithoutAFigureIsAnError) {
  for (const char* part : {"\"read\"", "\"fp32_fma\"", "\"threads\": 2,\n", "\"ram_bytes\""}) {
    std::string text = kDoctor;
    for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos;)
      text.replace(at, std::string(part).size(), part[1] == 't' ? "" : "\"other\"");
    const auto json = ParseJson(text);
    ASSERT_TRUE(json.ok()) << part;
    const auto machine = MachineFromDoctor(*json, "doctor.json");
    ASSERT_FALSE(machine.ok()) << part;
    EXPECT_EQ(machine.error().what.find("doctor.json: "), 0u) << machine.error().what;
  }
}

TEST(Machines, AFileReplacesAndAdds) {
  const testing::TempFolder folder;
  const std::string path = folder.path() + "/mine.toml";
  ASSERT_TRUE(io::WriteFile(path, With("\"mine\"", "\"server-256gb\"")).ok());
  const auto machine = FindMachine("server-256gb", path);
  ASSERT_TRUE(machine.ok());
  EXPECT_EQ(machine->cores, 2u);
  EXPECT_TRUE(FindMachine("desktop-64gb", path).ok());
  const auto missing = FindMachine("mine", path);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(
      missing.error().what.find("--machine: found 'mine', expected one of this, server-256gb, "),
      0u)
      << missing.error().what;
}

}  // namespace
}  // namespace hadal::plan
