// The forward pass: one function for prefill, chunked prefill, decode and verification.
//
// A batch is a list of chunks: some new tokens of one sequence each, at whatever position that
// sequence has reached. Every token passes through every layer; its result depends on its own
// sequence alone, bit for bit, however the tokens are cut into chunks and batches and however many
// threads run.
//
//   const std::size_t max_tokens = 512;  // of a batch
//   HADAL_TRY(Forward forward, Forward::Create(model, Numerics::Stored(), threads, max_tokens));
//   forward.Run({{&state, prompt}});     // state.tokens grows by prompt.size()
//   forward.Logits(last_row, logits);
//
// A model may hold some layers only (arch/selection.h): streams then go from one Forward to the
// next.
//
// A Forward owns its scratch, one allocation for batches of max_tokens; it does not grow with
// context. One call at a time. The Model, the Threads and the memory behind the states outlive it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "arch/kv_layout.h"
#include "arch/numerics.h"
#include "base/result.h"
#include "base/threads.h"
#include "model/observer.h"
#include "model/sequence_state.h"
#include "model/weights.h"
#include "tensor/view.h"

namespace hadal::model {

struct Chunk {
  SequenceState* sequence;
  std::span<const std::int32_t> tokens;  // ids in [0, vocab_size), at least one
};

// Rows of the last Run whose next tokens are known, all of one sequence.
struct MtpChunk {
  SequenceState* sequence;
  std::size_t first_row;                      // of the last Run
  std::span<const std::int32_t> next_tokens;  // [i] follows row first_row + i; at least one
};

class ExpertRunner;

class Forward {
 public:
  // kExhausted: the system does not give the scratch. experts: where routed experts are computed,
  // which outlives this; null: here, with the weights that the model maps.
  static Result<Forward> Create(const Model& model, const arch::Numerics& numerics,
                                Threads& threads, std::size_t max_tokens,
                                ExpertRunner* experts = nullptr);
  ~Forward();
  Forward(Forward&& other) noexcept;
  Forward& operator=(Forward&& other) noexcept;

  const arch::KvLayout& layout() const;
  std::size_t max_tokens() const;
  std::size_t scratch_bytes() const;
  std::size_t scratch_peak_bytes() const;  // the most that was in use at once
  // scratch_bytes() of such a Forward, without making it.
  static std::size_t ScratchBytes(const arch::Config& config, const arch::KvLayout& layout,
                                  std::size_t max_tokens, std::size_t threads);
  void set_observer(Observer* observer);  // null: none

  // All tokens of the batch (at most max_tokens, HADAL_CHECK). Batch rows are the chunks' tokens
  // one after another. A sequence appears at most once. Advances every chunk's sequence->tokens.
  // stop, if any, is asked before each layer: if it says yes, Run ends there with kCancelled, and
  // the sequences can go on with a copy of their fixed blocks from before. Any other error is the
  // expert runner's; the batch's sequences are then of no more use.
  Status Run(std::span<const Chunk> batch, const std::function<bool()>& stop = {});
  // The same through the layers of a later part of a model: `streams` [tokens, stream_dim] are
  // what the part before it gave for this batch. The parts' states are their own (KvLayout of a
  // selection).
  Status RunFrom(std::span<const Chunk> chunks, View2<const float> streams,
                 const std::function<bool()>& stop = {});

  // The residual streams [tokens, stream_dim] of the last Run, after the last layer that is
  // here.
  View2<const float> streams() const;
  // Next-token logits [vocab_size] of one batch row of the last Run.
  void Logits(std::size_t row, std::span<float> logits);
  // The same of rows first_row, first_row + 1, ..., one a row of logits [rows, vocab_size]: the
  // head's weights are read once for several rows.
  void Logits(std::size_t first_row, View2<float> logits);

  // The MTP block over rows of the last Run, which are their sequences' positions mtp_tokens,
  // mtp_tokens + 1, ...; a sequence appears at most once. Keeps the streams of Run. Its own rows
  // are the chunks' one after another: MtpLogits(i) predicts the token after the i-th next token.
  // Advances every chunk's sequence->mtp_tokens.
  Status RunMtp(std::span<const MtpChunk> chunks);
  Status RunMtp(SequenceState& sequence, std::size_t first_row,
                std::span<const std::int32_t> next_tokens) {
    const MtpChunk chunk{&sequence, first_row, next_tokens};
    return RunMtp({&chunk, 1});
  }
  // Of the MTP block's rows these stay, as rows 0, 1, ...; ascending.
  void KeepMtpRows(std::span<const std::size_t> rows);
  // One position more, row i being sequences[i]'s: from the block's own streams in place of the
  // layers', for guesses farther ahead than the block was trained for. Room in the sequences'
  // pages is the caller's.
  Status RunMtpOn(std::span<SequenceState* const> sequences,
                  std::span<const std::int32_t> next_tokens);
  void MtpLogits(std::size_t index, std::span<float> logits);

  // Tokens that a later Run may read: experts that follow from a token alone (hash-routed layers)
  // are guesses for the expert runner. A hint: the tokens may never come.
  void AnnounceTokens(std::span<const std::int32_t> tokens);

  // Layer `layer` alone, from given streams [batch tokens, stream_dim] (for tests of one
  // layer): out gets the streams after it. Does not advance the sequences.
  Status RunLayer(std::size_t layer, std::span<const Chunk> chunks, View2<const float> in,
                  View2<float> out);

 private:
  struct Impl;
  explicit Forward(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal::model
