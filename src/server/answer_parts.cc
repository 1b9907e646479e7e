#include "server/answer_parts.h"

#include <iterator>
#include <string_view>
#include <utility>

namespace hadal::server {
namespace {

using Kind = AnswerPiece::Kind;

// How much of a JSON object's text, which may end anywhere, is whole members: up to the last comma
// between two of them; 0: none is.
std::size_t WholeMembers(std::string_view text) {
  std::size_t whole = 0, depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth > 0) --depth;
    } else if (c == ',' && depth == 1) {
      whole = i;
    }
  }
  return whole;
}

}  // namespace

void AnswerParts::Add(const AnswerDelta& delta) {
  Wait(delta.tokens);
  for (const AnswerPiece& piece : delta.pieces) Add(piece);
}

void AnswerParts::Wait(const std::vector<AnswerToken>& tokens) {
  waiting_.insert(waiting_.end(), tokens.begin(), tokens.end());
}

void AnswerParts::Add(const AnswerPiece& piece) {
  switch (piece.kind) {
    case Kind::kReasoning:
      Open(Kind::kReasoning).text += piece.text;
      return;
    case Kind::kContent: {
      AnswerPart& part = Open(Kind::kContent);
      part.text += piece.text;
      part.tokens.insert(part.tokens.end(), std::make_move_iterator(waiting_.begin()),
                         std::make_move_iterator(waiting_.end()));
      waiting_.clear();
      return;
    }
    case Kind::kCallBegin:
      End();
      Open(Kind::kCallBegin).call = {piece.call_id, piece.text, ""};
      return;
    case Kind::kArguments:
      list_.back().call.arguments += piece.text;
      return;
    case Kind::kCallEnd:
      return End();
  }
}

AnswerPart& AnswerParts::Open(Kind kind) {
  if (!list_.empty() && !list_.back().ended && list_.back().kind == kind) return list_.back();
  End();
  return list_.emplace_back(AnswerPart{.kind = kind});
}

void AnswerParts::End() {
  if (!list_.empty()) list_.back().ended = true;
}

Json CallInput(const std::string& arguments) {
  // A number that the text ends in may have had more digits.
  const bool in_number = !arguments.empty() && arguments.back() >= '0' && arguments.back() <= '9';
  const std::string members = arguments.substr(0, WholeMembers(arguments)) + "}";
  for (const std::string& text : {arguments, in_number ? members : arguments + "}", members}) {
    auto json = ParseJson(text);
    if (json.ok() && json->AsObject() != nullptr) return std::move(*json);
  }
  return Json::MakeObject({});
}

}  // namespace hadal::server
