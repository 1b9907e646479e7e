#include "chat/encode.h"

#include <algorithm>
#include <utility>

#include "base/quote.h"
#include "chat/prompt_json.h"
#include "chat/turns.h"

namespace hadal::chat {
namespace {

class Encoder {
 public:
  Encoder(const Dialect& dialect, const EncodeOptions& options) : d_(dialect), o_(options) {}

  Prompt Run(std::span<const Message> messages) && {
    std::vector<Turn> turns = MakeTurns(messages, d_.joins_turns);
    const bool offers =
        std::ranges::any_of(turns, [](const Turn& t) { return !t.message.tools.empty(); });
    const bool drop = o_.drop_thinking && !(d_.keeps_reasoning && offers);
    if (o_.thinking && drop) turns = DropOldThinking(std::move(turns));
    // Turns from here on keep their reasoning.
    const std::size_t thinks_from = drop || !d_.keeps_reasoning ? LastAsked(turns).value_or(0) : 0;
    if (o_.bos) out_.Control(d_.bos);
    if (o_.thinking && o_.max_effort) out_.Text(d_.max_effort);
    for (std::size_t i = 0; i < turns.size(); ++i) {
      const bool thinks = o_.thinking && i >= thinks_from;
      const bool after_task = i > 0 && !turns[i - 1].message.task.empty();
      AddTurn(turns[i], thinks && !after_task);
      if (!d_.joins_turns || i + 1 == turns.size() || ModelIsNext(turns[i + 1]))
        OpenReply(turns[i].message, thinks);
    }
    return std::move(out_);
  }

 private:
  static bool ModelIsNext(const Turn& next) {
    return next.message.role == Role::kAssistant || next.message.role == Role::kLatestReminder;
  }

  void AddTurn(const Turn& turn, bool thinks) {
    const Message& message = turn.message;
    switch (message.role) {
      case Role::kSystem:
        out_.Text(message.content);
        return AddOffers(message);
      case Role::kLatestReminder:
        out_.Control(d_.latest_reminder);
        return out_.Text(message.content);
      case Role::kAssistant:
        return AddReply(message, thinks);
      case Role::kDeveloper:
        out_.Control(d_.user);
        return AddDeveloper(message);
      case Role::kUser:
        out_.Control(d_.user);
        return AddParts(turn.parts);
      case Role::kTool:
        out_.Text(d_.results_begin);
        AddParts(turn.parts);
        return out_.Text(d_.results_end);
    }
  }

  void AddDeveloper(const Message& message) {
    if (!d_.developer_before.empty()) {
      AddOffers(message);
      out_.Text(d_.developer_before);
    }
    out_.Text(message.content);
    if (d_.developer_before.empty()) AddOffers(message);
  }

  void AddParts(const std::vector<TurnPart>& parts) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (i > 0) out_.Text(d_.between_parts);
      if (parts[i].result) out_.Text(d_.result_begin);
      out_.Text(parts[i].text);
      if (parts[i].result) out_.Text(d_.result_end);
    }
  }

  // Functions, and the schema of the reply.
  void AddOffers(const Message& message) {
    if (!message.tools.empty()) {
      out_.Text("\n\n");
      Expand(d_.tools_before);
      for (std::size_t i = 0; i < message.tools.size(); ++i) {
        if (i > 0) out_.Text("\n");
        out_.Text(PromptJson(message.tools[i]));
      }
      Expand(d_.tools_after);
    }
    if (message.response_format) {
      out_.Text("\n\n");
      out_.Text(d_.format_before);
      out_.Text(PromptJson(*message.response_format));
    }
  }

  // Text in which names in braces stand for control tokens.
  void Expand(std::string_view text) {
    const std::pair<std::string_view, std::string_view> tokens[] = {
        {"{dsml}", d_.dsml}, {"{think_begin}", d_.think_begin}, {"{think_end}", d_.think_end}};
    while (!text.empty()) {
      std::size_t at = text.size();
      const std::pair<std::string_view, std::string_view>* first = nullptr;
      for (const auto& token : tokens)
        if (const std::size_t found = text.find(token.first); found < at) {
          at = found;
          first = &token;
        }
      out_.Text(text.substr(0, at));
      if (first == nullptr) return;
      out_.Control(first->second);
      text.remove_prefix(at + first->first.size());
    }
  }

  // The model's turn; its opening is the end of the turn before (OpenReply).
  void AddReply(const Message& message, bool thinks) {
    if (!message.sampled.empty() && message.sampled_thinking == thinks) {
      Prompt before = std::exchange(out_, {});
      AddReplyText(message, thinks);
      const Prompt reply = std::exchange(out_, std::move(before));
      out_.Sampled(reply.Whole(), message.sampled);
    } else {
      AddReplyText(message, thinks);
    }
    if (!message.wo_eos) out_.Control(d_.eos);
  }

  void AddReplyText(const Message& message, bool thinks) {
    if (thinks) {
      out_.Text(message.reasoning);
      out_.Control(d_.think_end);
    }
    out_.Text(message.content);
    if (!message.tool_calls.empty()) {
      out_.Text("\n\n");
      AddCalls(message.tool_calls);
    }
  }

  // Its last piece is a control token, so that the reply's text begins a piece of its own.
  void OpenReply(const Message& asked, bool thinks) {
    if (asked.role != Role::kTool && asked.role != Role::kUser && asked.role != Role::kDeveloper)
      return;
    AddOpening(asked, thinks);
    out_.EndTurn();
  }

  void AddOpening(const Message& asked, bool thinks) {
    if (!asked.task.empty()) {
      if (asked.task == d_.reply_task) {
        out_.Control(d_.assistant);
        out_.Control(o_.thinking ? d_.think_begin : d_.think_end);
      }
      return out_.Control(std::string(d_.task_begin) + asked.task + std::string(d_.task_end));
    }
    if (asked.role != Role::kTool) out_.Control(d_.assistant);
    out_.Control(thinks ? d_.think_begin : d_.think_end);
  }

  void OpenTag(std::string_view name, std::string_view end) {
    out_.Text("<");
    out_.Control(d_.dsml);
    out_.Text(name);
    out_.Text(end);
  }
  void CloseTag(std::string_view name) {
    out_.Text("</");
    out_.Control(d_.dsml);
    out_.Text(name);
    out_.Text(">");
  }

  void AddCalls(const std::vector<ToolCall>& calls) {
    OpenTag(d_.tool_calls, ">");
    for (const ToolCall& call : calls) {
      out_.Text("\n");
      OpenTag("invoke", " name=\"" + call.name + "\">");
      out_.Text("\n");
      AddArguments(call);
      out_.Text("\n");
      CloseTag("invoke");
    }
    out_.Text("\n");
    CloseTag(d_.tool_calls);
  }

  // A JSON object is written parameter by parameter; anything else whole, as one named "arguments".
  void AddArguments(const ToolCall& call) {
    const Result<Json> parsed = ParseJson(call.arguments);
    const Json whole = Json::MakeObject({{"arguments", call.arguments}});
    const Json& arguments = parsed.ok() && parsed->AsObject() != nullptr ? *parsed : whole;
    const char* between = "";
    for (const auto& [key, value] : *arguments.AsObject()) {
      const std::string* text = value.AsString();
      out_.Text(between);
      OpenTag("parameter",
              fmt::format(" name=\"{}\" string=\"{}\">", key, text != nullptr ? "true" : "false"));
      out_.Text(text != nullptr ? *text : PromptJson(value));
      CloseTag("parameter");
      between = "\n";
    }
  }

  const Dialect& d_;
  const EncodeOptions& o_;
  Prompt out_;
};

Status ReadFlag(const Json& json, const char* key, bool* out) {
  const Json* field = json.Find(key);
  if (field == nullptr || field->is_null()) return Unit{};
  if (field->AsBool() == nullptr)
    return Fail(Code::kInvalid, "{}: found {}, expected true or false", key, field->KindName());
  *out = *field->AsBool();
  return Unit{};
}

// *second: whether it is the second of the two known values; absent: left alone.
Status ReadEither(const Json& json, const char* key, const char* first, const char* other,
                  bool* second) {
  const Json* field = json.Find(key);
  if (field == nullptr || field->is_null()) return Unit{};
  const std::string* text = field->AsString();
  if (text == nullptr || (*text != first && *text != other))
    return Fail(Code::kInvalid, "{}: found {}, expected \"{}\" or \"{}\"", key,
                text == nullptr ? field->KindName() : Quote(*text), first, other);
  *second = *text == other;
  return Unit{};
}

}  // namespace

Result<EncodeOptions> ParseEncodeOptions(const Json& json) {
  EncodeOptions options;
  HADAL_TRY_STATUS(ReadEither(json, "thinking_mode", "chat", "thinking", &options.thinking));
  HADAL_TRY_STATUS(ReadFlag(json, "drop_thinking", &options.drop_thinking));
  HADAL_TRY_STATUS(ReadEither(json, "reasoning_effort", "high", "max", &options.max_effort));
  HADAL_TRY_STATUS(ReadFlag(json, "add_default_bos_token", &options.bos));
  return options;
}

Status CheckMessages(const Dialect& dialect, std::span<const Message> messages) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    if (message.role == Role::kLatestReminder && dialect.latest_reminder.empty())
      return Fail(Code::kUnsupported, "messages[{}]: role: the format of {} has no {}", i,
                  dialect.model_type, RoleName(message.role));
    if (!message.task.empty() &&
        std::ranges::find(dialect.tasks, message.task) == dialect.tasks.end())
      return Fail(Code::kUnsupported, "messages[{}]: task: the format of {} has no task {}", i,
                  dialect.model_type, Quote(message.task));
  }
  return Unit{};
}

Prompt Encode(const Dialect& dialect, std::span<const Message> messages,
              const EncodeOptions& options) {
  return Encoder(dialect, options).Run(messages);
}

}  // namespace hadal::chat
