// An engine in this process that answers, and keeps what it has read of a conversation
// (engine/prefixes.h). One thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/threads.h"
#include "engine/disk_cache.h"
#include "engine/model_files.h"
#include "engine/scheduler.h"
#include "talk/answerer.h"

namespace hadal::talk {

struct EngineOptions {
  std::uint64_t context = 0;  // tokens of a conversation; 0: 32K, or the model's if that is less
  std::optional<std::size_t> max_tokens = {};  // of an answer; absent: what is left of the context
  std::optional<std::uint64_t> ram_bytes = {};
  std::string experts_profile = {};  // engine/expert_memory.h
  engine::DiskCacheOptions disk = {};
  engine::SpeculateOptions speculate = {};
};

class EngineAnswerer : public Answerer {
 public:
  // Files, threads and `stop`, which is what Reply will be given, outlive it. kInvalid: a context
  // that the model does not have. kExhausted: no memory for it, with a table.
  static Result<std::unique_ptr<EngineAnswerer>> Create(const engine::ModelFiles& files,
                                                        Threads& threads,
                                                        const EngineOptions& options,
                                                        const std::atomic<bool>& stop);

  const std::string& note() const { return note_; }  // a line that the user should see, or nothing
  std::string model() const override;
  std::string about() const override;
  Result<Answer> Reply(const Conversation& conversation, const AnswerListener& listener,
                       const std::atomic<bool>& stop) override;
  ContextUse use() const override { return use_; }
  std::string UseTable() const override;

 private:
  EngineAnswerer(const engine::ModelFiles& files, const EngineOptions& options)
      : files_(files), options_(options) {}

  std::size_t Room(std::size_t prompt) const;  // tokens that an answer may have
  Result<engine::Outcome> Run(engine::Request request);

  const engine::ModelFiles& files_;
  EngineOptions options_;
  const std::atomic<bool>* stop_ = nullptr;
  std::string note_;
  std::unique_ptr<engine::Scheduler> scheduler_;
  ContextUse use_;
};

}  // namespace hadal::talk
