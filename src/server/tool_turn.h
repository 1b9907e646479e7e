// A turn of the model in which it called tools, as it was sampled.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/answer.h"

namespace hadal::server {

struct ToolTurn {
  std::string reasoning = {}, content = {};
  std::vector<AnswerCall> calls = {};
  std::vector<std::int32_t> tokens = {};
  bool thinking = false;  // it began inside the reasoning

  std::size_t bytes() const;  // that it takes, about
};

Json ToolTurnJson(const ToolTurn& turn);
// Absent: it is none, or has tokens that a vocabulary of so many has not.
std::optional<ToolTurn> ParseToolTurn(const std::string& text, std::size_t vocab_size);

}  // namespace hadal::server
