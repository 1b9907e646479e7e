// What the tests of bit-identity share: small models, and sequences that walk through their tokens
// in chunks, batches and detours while all their logits are kept.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cache/checkpoint.h"
#include "cache/sequence.h"
#include "cache/snapshot.h"
#include "model/forward.h"
#include "reference/random_checkpoint.h"
#include "reference/v32/random_checkpoint.h"
#include "testing/temp_folder.h"

namespace hadal::tests {

using Tokens = std::vector<std::int32_t>;

inline constexpr std::size_t kVocab = 61;

// Models made once for the program: of V4 one of plain weights and one in the published formats; of
// V3.2 the published format with both kinds of scales.
enum class Small { kPlain, kPublished, kV32, kV32ExactScales };

inline Status WriteSmall(Small which, const std::string& path) {
  if (which == Small::kV32 || which == Small::kV32ExactScales) {
    reference::v32::CheckpointSpec spec{.seed = 23, .vocab = kVocab, .dim = 96, .index_topk = 24};
    if (which == Small::kV32ExactScales) spec.fp8 = ScaleRule::kExact;
    return reference::v32::WriteRandomCheckpoint(spec, path);
  }
  reference::CheckpointSpec spec;
  spec.seed = which == Small::kPublished ? 22 : 21;
  spec.vocab = kVocab;
  spec.window = 9;
  if (which == Small::kPublished) {
    spec.storage = reference::Storage::kPublished;
    spec.dim = 96;
    spec.o_lora = 64;
  }
  return reference::WriteRandomCheckpoint(spec, path);
}

inline const model::Model& SmallModel(Small which) {
  static const testing::TempFolder folders[4];
  static std::map<Small, model::Model> models;
  const auto found = models.find(which);
  if (found != models.end()) return found->second;
  const std::string& path = folders[static_cast<std::size_t>(which)].path();
  HADAL_CHECK(WriteSmall(which, path).ok());
  auto model = model::Model::Load(*io::Checkpoint::Open(path));
  HADAL_CHECK(model.ok());
  return models.emplace(which, std::move(*model)).first->second;
}

// All logits, main and MTP, of one sequence.
struct Logits {
  std::vector<float> main, mtp;
};

// A sequence on its way through some number of chunks.
class Walker {
 public:
  Walker(const arch::KvLayout& layout, Tokens tokens)
      : tokens_(std::move(tokens)), sequence_(cache::Sequence::Create(layout).value()) {
    HADAL_CHECK(sequence_.Reserve(tokens_.size()).ok());
    logits_.main.resize(tokens_.size() * kVocab);
    logits_.mtp.resize((tokens_.size() - 1) * kVocab);
  }
  // On from where `sequence` is.
  Walker(const arch::KvLayout& layout, Tokens tokens, cache::Sequence sequence)
      : Walker(layout, std::move(tokens)) {
    sequence_ = std::move(sequence);
    HADAL_CHECK(sequence_.Reserve(tokens_.size()).ok());
  }
  std::uint64_t position() const { return sequence_.tokens(); }
  std::size_t left() const { return tokens_.size() - at_; }
  model::Chunk Next(std::size_t count) {
    count_ = std::min(count, left());
    return {&sequence_.state(), std::span<const std::int32_t>(tokens_).subspan(at_, count_)};
  }
  std::size_t count() const { return count_; }
  // After the batch that Next was part of, whose rows begin at `row`.
  void Collect(model::Forward& forward, std::size_t row) {
    for (std::size_t i = 0; i < count_; ++i) forward.Logits(row + i, Row(logits_.main, at_ + i));
    const std::size_t pairs = std::min(count_, tokens_.size() - 1 - at_);
    if (pairs > 0) {
      HADAL_CHECK(forward
                      .RunMtp(sequence_.state(), row,
                              std::span<const std::int32_t>(tokens_).subspan(at_ + 1, pairs))
                      .ok());
      for (std::size_t i = 0; i < pairs; ++i) forward.MtpLogits(i, Row(logits_.mtp, at_ + i));
    }
    at_ += count_;
  }
  // Leaves the path and comes back to it: by way of a file; as a fork, or as what was forked, while
  // the other of the two goes on with other tokens; astray and back, taking the last steps once
  // more; or, at a page's end, by way of a checkpoint.
  static constexpr int kDetours = 5;
  void Detour(model::Forward& forward, int kind) {
    if (kind == 0) {
      static const testing::TempFolder folder;
      const std::string path = folder.File("snapshot");
      HADAL_CHECK(cache::SaveSnapshot(sequence_, 5, "", path).ok());
      auto pool = std::make_shared<cache::Pool>(forward.layout());
      sequence_ = cache::LoadSnapshot(path, 5, std::move(pool)).value().sequence;
    } else if (kind == 1 || kind == 2) {
      cache::Sequence other = sequence_.Fork().value();
      if (kind == 1) std::swap(other, sequence_);
      Astray(forward, other, 70);
    } else if (kind == 3) {
      GoAstrayAndBack(forward);
    } else if (sequence_.tokens() % arch::kPageTokens == 0) {
      const cache::Checkpoint checkpoint = cache::Checkpoint::Take(sequence_).value();
      Astray(forward, sequence_, 70);
      sequence_ = checkpoint.Restore().value();
    }
    HADAL_CHECK(sequence_.Reserve(left()).ok());
  }
  const Logits& logits() const { return logits_; }
  const Tokens& tokens() const { return tokens_; }

 private:
  static void Astray(model::Forward& forward, cache::Sequence& sequence, std::size_t most) {
    const Tokens noise(std::min(forward.max_tokens(), most), 3);
    HADAL_CHECK(sequence.Reserve(noise.size()).ok());
    const model::Chunk chunk{&sequence.state(), noise};
    HADAL_CHECK(forward.Run({&chunk, 1}).ok());
  }
  // The next token is known, and so stays the MTP block's entry of the last one. Over its whole way
  // a walker takes no more steps again than it has tokens: it arrives, however often it goes back.
  void GoAstrayAndBack(model::Forward& forward) {
    const std::uint64_t here = sequence_.tokens(), mtp = sequence_.state().mtp_tokens;
    Astray(forward, sequence_, 1 + here % arch::kReturnTokens);
    const std::uint64_t most = std::min<std::uint64_t>(here - sequence_.earliest().tokens, at_);
    const std::uint64_t again = left() == 0 ? 0 : std::min<std::uint64_t>(most, again_left_);
    HADAL_CHECK(sequence_.Truncate(here - again, mtp - again).ok());
    at_ -= again;
    again_left_ -= again;
  }
  static std::span<float> Row(std::vector<float>& rows, std::size_t row) {
    return std::span<float>(rows).subspan(row * kVocab, kVocab);
  }
  Tokens tokens_;
  cache::Sequence sequence_;
  std::size_t at_ = 0, count_ = 0;
  std::size_t again_left_ = tokens_.size();  // steps that may still be taken again
  Logits logits_;
};

inline Logits InOnePiece(const model::Model& model, const arch::Numerics& numerics,
                         const Tokens& tokens) {
  Threads threads(1);
  model::Forward forward = model::Forward::Create(model, numerics, threads, tokens.size()).value();
  Walker walker(forward.layout(), tokens);
  const model::Chunk chunk = walker.Next(tokens.size());
  HADAL_CHECK(forward.Run({&chunk, 1}).ok());
  walker.Collect(forward, 0);
  return walker.logits();
}

}  // namespace hadal::tests
