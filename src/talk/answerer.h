// Who answers in a conversation: an engine in this process, or a server.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "chat/message.h"
#include "talk/conversation.h"

namespace hadal::talk {

// What is said while an answer is made. Both may be empty.
struct AnswerListener {
  std::function<void(std::size_t done, std::size_t total)> on_prompt = {};  // tokens read
  std::function<void(bool reasoning, std::string_view text)> on_text = {};  // whole characters
};

struct Answer {
  enum class End { kWhole, kStopped, kLimit };  // kStopped: by the user, kLimit: by a token limit

  chat::Message message;
  End end = End::kWhole;
  // read_tokens: of the prompt, for this answer; the others were known from earlier ones.
  std::size_t prompt_tokens = 0, read_tokens = 0, generated_tokens = 0;
  bool about = false;  // its tokens were not told, and are counted as they came
  double prefill_seconds = 0, decode_seconds = 0;

  double tokens_per_s() const {  // the first token comes out of the prompt
    return decode_seconds > 0 && generated_tokens > 1
               ? static_cast<double>(generated_tokens - 1) / decode_seconds
               : 0;
  }
};

struct ContextUse {
  std::uint64_t tokens = 0, limit = 0;  // limit 0: not known
  std::uint64_t cache_bytes = 0;        // of the conversation's state; 0: not known
};

class Answerer {
 public:
  virtual ~Answerer() = default;

  virtual std::string model() const = 0;
  virtual std::string about() const = 0;  // of the model, for a first line
  // The next message of the assistant. `stop`, once true, ends it soon: what there is is the
  // answer.
  virtual Result<Answer> Reply(const Conversation& conversation, const AnswerListener& listener,
                               const std::atomic<bool>& stop) = 0;
  virtual ContextUse use() const = 0;        // behind the last answer
  virtual std::string UseTable() const = 0;  // the same in detail
  // Whether it draws as the conversation says; otherwise others may choose what is not said.
  virtual bool knows_draws() const { return true; }
};

}  // namespace hadal::talk
