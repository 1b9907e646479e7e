#include "talk/engine_answerer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/table.h"
#include "base/units.h"
#include "chat/encode.h"
#include "chat/prompt_tokens.h"
#include "chat/stream_parser.h"
#include "cost/engine_memory.h"
#include "engine/footprint.h"
#include "io/checkpoint_files.h"

namespace hadal::talk {
namespace {

constexpr std::uint64_t kDefaultContext = std::uint64_t{32} << 10;
constexpr std::size_t kRows = 256;  // of a pass: speed against scratch
constexpr std::uint64_t kKept = 5;  // conversations' states, whole ones, beside the current one's

// Text as it comes, told apart, and put together as a message.
class Reader {
 public:
  Reader(const chat::Dialect& dialect, bool thinking, const AnswerListener& listener,
         chat::Message* message)
      : parser_(dialect, {.thinking = thinking}), listener_(listener), out_(*message) {}

  void Push(std::string_view text) { Take(parser_.Push(text)); }
  void Finish() { Take(parser_.Finish()); }

 private:
  void Take(const std::vector<chat::StreamEvent>& events) {
    using Kind = chat::StreamEvent::Kind;
    for (const chat::StreamEvent& event : events) {
      const bool reasoning = event.kind == Kind::kReasoning;
      if (!reasoning && event.kind != Kind::kContent) continue;
      (reasoning ? out_.reasoning : out_.content) += event.text;
      if (listener_.on_text && !event.text.empty()) listener_.on_text(reasoning, event.text);
    }
  }

  chat::StreamParser parser_;
  const AnswerListener& listener_;
  chat::Message& out_;
};

}  // namespace

Result<std::unique_ptr<EngineAnswerer>> EngineAnswerer::Create(const engine::ModelFiles& files,
                                                               Threads& threads,
                                                               const EngineOptions& options,
                                                               const std::atomic<bool>& stop) {
  std::unique_ptr<EngineAnswerer> made(new EngineAnswerer(files, options));
  const arch::Config& config = files.model.config;
  std::uint64_t& context = made->options_.context;
  if (context == 0)
    context = std::min<std::uint64_t>(kDefaultContext, config.max_position_embeddings);
  if (context > config.max_position_embeddings)
    return Fail(Code::kInvalid, "a context of {}: the model has {}", FormatCount(context),
                FormatCount(config.max_position_embeddings));
  const arch::KvLayout layout(config, arch::Numerics::Stored());
  const std::uint64_t whole = cost::AllocatedState(config, layout, context).total();
  HADAL_TRY(engine::MemoryPlan plan,
            engine::PlanMemory(files.model, layout,
                               {.tokens = context,
                                .chunk_tokens = kRows,
                                .threads = threads.count(),
                                .prefix_bytes = kKept * whole},
                               engine::kMostStreamedRows, options.ram_bytes));
  made->note_ = std::move(plan.note);
  HADAL_TRY(const std::shared_ptr<cache::DiskPrefixes> disk,
            engine::OpenDiskCache(files.model, made->model(), made->options_.disk));
  made->stop_ = &stop;
  made->use_.limit = context;
  HADAL_TRY(made->scheduler_,
            engine::Scheduler::Create(files.model, threads,
                                      {.tokenizer = &files.tokenizer,
                                       .eos_ids = files.eos_ids,
                                       .max_rows = plan.rows,
                                       .max_running = 1,
                                       .state_bytes = plan.footprint.state(),
                                       .keep_prefixes = true,
                                       .disk = disk,
                                       .interrupt = &stop,
                                       .experts = {.bytes = plan.expert_bytes,
                                                   .loan_bytes = plan.loan_bytes,
                                                   .profile = options.experts_profile},
                                       .speculate = options.speculate}));
  return made;
}

std::string EngineAnswerer::model() const { return io::NameOfFolder(files_.directory); }

std::string EngineAnswerer::about() const {
  return fmt::format("{} · {} of weights · context {}", model(),
                     FormatBytes(files_.model.checkpoint().tensor_bytes()),
                     FormatCount(options_.context));
}

std::size_t EngineAnswerer::Room(std::size_t prompt) const {
  const std::size_t left = prompt < options_.context ? options_.context - prompt : 0;
  return std::min(left, options_.max_tokens.value_or(left));
}

Result<engine::Outcome> EngineAnswerer::Run(engine::Request request) {
  std::optional<engine::Outcome> outcome;
  request.on_end = [&](engine::Outcome end) { outcome = std::move(end); };
  HADAL_TRY(const engine::RequestId id, scheduler_->Add(std::move(request)));
  while (!outcome) {
    if (stop_->load(std::memory_order_relaxed)) scheduler_->Cancel(id);
    scheduler_->Step();
  }
  if (outcome->error) return *outcome->error;
  return std::move(*outcome);
}

Result<Answer> EngineAnswerer::Reply(const Conversation& conversation,
                                     const AnswerListener& listener,
                                     const std::atomic<bool>& /*stop*/) {
  const bool thinking = conversation.effort != Effort::kNone;
  const chat::Dialect& dialect = chat::DialectOf(arch::ModelType(files_.model.config.architecture));
  HADAL_TRY_STATUS(chat::CheckMessages(dialect, conversation.messages));
  std::vector<std::uint64_t> turn_ends;
  HADAL_TRY(const std::vector<std::int32_t> prompt,
            chat::PromptTokens(files_.tokenizer,
                               chat::Encode(dialect, conversation.messages,
                                            {.thinking = thinking,
                                             .max_effort = conversation.effort == Effort::kMax}),
                               &turn_ends));
  const std::size_t room = Room(prompt.size());
  if (room == 0)
    return Fail(Code::kExhausted,
                "the conversation has {} tokens, the context {}: /undo, /new, or a larger --ctx",
                FormatCount(prompt.size()), FormatCount(options_.context));
  Answer answer{.message = {.role = chat::Role::kAssistant},
                .end = Answer::End::kStopped,
                .prompt_tokens = prompt.size()};
  Reader reader(dialect, thinking, listener, &answer.message);
  engine::Request request{.tokens = prompt, .sample = conversation.sample};
  request.turn_ends = std::move(turn_ends);
  request.stop.max_tokens = room;
  chat::AddTurnTokens(files_.tokenizer, dialect, &request.stop.token_ids);
  request.on_prompt = listener.on_prompt;
  request.on_token = [&](const engine::TokenEvent& event) { reader.Push(event.text); };
  HADAL_TRY(const engine::Outcome said, Run(std::move(request)));
  reader.Push(said.text);
  reader.Finish();
  answer.generated_tokens = said.generated_tokens;
  answer.read_tokens = said.read_tokens;
  answer.prefill_seconds = said.prefill_seconds;
  answer.decode_seconds = said.decode_seconds;
  if (said.reason == engine::FinishReason::kMaxTokens)
    answer.end = Answer::End::kLimit;
  else if (said.reason != engine::FinishReason::kCancelled)
    answer.end = Answer::End::kWhole;
  if (said.state && said.generated_tokens > 0)
    use_ = {.tokens = said.tokens.size(), .limit = use_.limit, .cache_bytes = said.state->bytes()};
  return answer;
}

std::string EngineAnswerer::UseTable() const {
  const cache::Pool& pool = *scheduler_->pool();
  Table table({"", ">", ""});
  table.Row(
      {"context", FormatCount(use_.tokens), fmt::format("of {} tokens", FormatCount(use_.limit))});
  table.Row({"cache", FormatBytes(use_.cache_bytes), "of this conversation while it is read"});
  table.Row({"  fixed", FormatBytes(use_.cache_bytes == 0 ? 0 : pool.layout().fixed_bytes),
             "windows and tails, whatever the context"});
  table.Row({"kept", FormatBytes(pool.used_bytes()), "states between messages, for /undo too"});
  table.Row({"scratch", FormatBytes(scheduler_->scratch_bytes()), ""});
  table.Row({"weights", FormatBytes(files_.model.checkpoint().tensor_bytes()), "mapped"});
  return table.Text();
}

}  // namespace hadal::talk
