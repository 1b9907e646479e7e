// Reading a checkpoint's numbers for the reference models.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/checkpoint.h"
#include "io/decode.h"
#include "reference/numbers.h"

namespace hadal::reference {

// Reads by name; the first thing that is missing or odd is kept as the error, and what follows is
// empty.
class Reader {
 public:
  // scales: what the name of a weight's scales ends with.
  explicit Reader(const io::Checkpoint& checkpoint, std::string scales = ".scale")
      : checkpoint_(checkpoint), scales_(std::move(scales)) {}
  const std::optional<Error>& error() const { return error_; }

  double Number(const Json& json, const char* key) {
    const Json* found = json.Find(key);
    const auto value = found == nullptr ? std::nullopt : found->AsNumber();
    if (!value) Note(Fail(Code::kInvalid, "config.json: no number '{}'", key));
    return value.value_or(0);
  }
  std::size_t Count(const char* key) {
    return static_cast<std::size_t>(Number(checkpoint_.config(), key));
  }

  Matrix Mat(const std::string& name) {
    auto view = checkpoint_.Find(name);
    if (!view.ok()) return Note(view.error()), Matrix{};
    std::string scale_name = name;
    const std::size_t cut = name.rfind(".weight");
    if (cut != std::string::npos) scale_name = name.substr(0, cut) + scales_;
    Matrix m;
    m.quantised = view->dtype == DType::kF8E4M3 || view->dtype == DType::kI8;
    io::TensorView scale;
    if (m.quantised) {
      auto found = checkpoint_.Find(scale_name);
      if (!found.ok()) return Note(found.error()), Matrix{};
      scale = *found;
    }
    auto values = io::DecodeFloats(*view, m.quantised ? &scale : nullptr);
    if (!values.ok()) return Note(Within(name, values.error())), Matrix{};
    m.values = std::move(*values);
    m.rows = view->shape.empty() ? 1 : static_cast<std::size_t>(view->shape[0]);
    m.cols = m.rows == 0 ? 0 : m.values.size() / m.rows;
    return m;
  }
  Row Vec(const std::string& name) {
    const Matrix m = Mat(name);
    return Row(m.values.begin(), m.values.end());
  }
  std::vector<std::size_t> Ints(const std::string& name) {
    auto view = checkpoint_.Find(name);
    if (!view.ok()) return Note(view.error()), std::vector<std::size_t>{};
    auto values = io::DecodeInts(*view);
    if (!values.ok()) return Note(values.error()), std::vector<std::size_t>{};
    return std::vector<std::size_t>(values->begin(), values->end());
  }

 private:
  void Note(Error error) {
    if (!error_) error_ = std::move(error);
  }
  const io::Checkpoint& checkpoint_;
  std::string scales_;
  std::optional<Error> error_;
};

}  // namespace hadal::reference
