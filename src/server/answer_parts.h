// An answer's parts in the order in which they came, which is the order of their events in a
// stream: what APIs list whose answers are lists of blocks or items.
#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "server/answer.h"

namespace hadal::server {

struct AnswerPart {
  AnswerPiece::Kind kind = AnswerPiece::Kind::kContent;  // kCallBegin: a call
  std::string text = {};                                 // of reasoning and content
  AnswerCall call = {};
  std::vector<AnswerToken> tokens = {};  // of content: of those that came with it, and before it
  bool ended = false;                    // by itself: another came, or the call's own end
};

class AnswerParts {
 public:
  void Add(const AnswerDelta& delta);
  // The same in pieces: tokens first, which go to the next content.
  void Wait(const std::vector<AnswerToken>& tokens);
  void Add(const AnswerPiece& piece);
  const std::vector<AnswerPart>& list() const { return list_; }

 private:
  // The last one, if it is open and of this kind; else a new one.
  AnswerPart& Open(AnswerPiece::Kind kind);
  void End();

  std::vector<AnswerPart> list_;
  std::vector<AnswerToken> waiting_;  // whose text is held back
};

// The arguments of a call as a JSON object. Of a call that was cut: the members that are complete.
Json CallInput(const std::string& arguments);

}  // namespace hadal::server
