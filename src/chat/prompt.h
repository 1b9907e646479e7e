// A prompt as pieces of two kinds: control tokens, which the encoding puts there, and text, which
// people and models wrote. A tokenizer must look for control tokens in pieces of the first kind
// alone, so that nobody forges a role by writing "<｜User｜>".
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hadal::chat {

struct PromptPiece {
  bool control = false;
  std::string text;
  std::vector<std::int32_t> tokens = {};  // that the text was once made of; empty: not known
};

class Prompt {
 public:
  void Control(std::string_view token) { pieces_.push_back({true, std::string(token)}); }
  // Neighbouring text is one piece: how it is tokenized must not depend on how it was put together.
  void Text(std::string_view text) {
    if (text.empty()) return;
    if (pieces_.empty() || pieces_.back().control || !pieces_.back().tokens.empty())
      pieces_.push_back({false, {}});
    pieces_.back().text += text;
  }

  // Text, of which it is known how a model wrote it.
  void Sampled(std::string text, std::vector<std::int32_t> tokens) {
    pieces_.push_back({false, std::move(text), std::move(tokens)});
  }

  // A turn of somebody else than the model has ended: from here on it has the word.
  void EndTurn() { turn_ends_.push_back(pieces_.size()); }

  const std::vector<PromptPiece>& pieces() const { return pieces_; }
  const std::vector<std::size_t>& turn_ends() const { return turn_ends_; }  // behind so many pieces
  std::string Whole() const {
    std::string whole;
    for (const PromptPiece& piece : pieces_) whole += piece.text;
    return whole;
  }

 private:
  std::vector<PromptPiece> pieces_;
  std::vector<std::size_t> turn_ends_;
};

}  // namespace hadal::chat
