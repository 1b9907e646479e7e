// Experts that do not fit into memory: read when they are wanted, and kept as far as a budget goes.
//
// Whole experts lie in slots of one allocation, which is never more than Options::bytes; reads go
// past the page cache (io/read_queue.h). What is announced is read before it is asked for, what is
// guessed after that; which expert goes for another is in model/resident_experts.h. Everything a
// pass needs comes, in some order, from one slot on: results do not depend on the budget, on what
// was held before, or on when reads come back.
//
// Some of the slots may be on loan, in memory that is another's: between passes one is given back,
// with the expert that is used least, or taken again.
//
// A read that fails is the error of the Acquire that asks for its expert; the next one may try
// again. Announce, Acquire, Release, Guess and loans are of one thread; reads come back on others.
// The model outlives this.
#pragma once
#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "io/checkpoint.h"
#include "io/direct_file.h"
#include "io/read_queue.h"
#include "model/expert_places.h"
#include "model/expert_scores.h"
#include "model/expert_source.h"
#include "model/resident_experts.h"

namespace hadal::model {

// Since the beginning; what happened between two moments is the difference of two of these.
struct DiskExpertFigures {
  std::uint64_t slots = 0, slot_bytes = 0;  // of the memory, now
  std::uint64_t replaced = 0;               // experts that went for others
  std::uint64_t wanted = 0;                 // experts announced, each once a layer and pass
  std::uint64_t held = 0;                   // of those, in memory when they were announced
  std::uint64_t coming = 0;                 // of those, being read already, for a guess was right
  // Of those, that had to be read for it, before or after they were announced: what was wanted and
  // is not of these was kept from earlier passes. And of these, the ones of layers that route by
  // the token's id, which are known before the pass.
  std::uint64_t missed = 0, missed_by_token = 0;
  // Experts of layers that route by scores; of those, announced by their layer then. What the
  // token's id tells is no guess.
  std::uint64_t guessed = 0, guessed_right = 0;
  std::uint64_t reads = 0, read_bytes = 0;  // experts; whole disk blocks
  double wait_seconds = 0;                  // computing waited for a read
  double busy_seconds = 0;                  // at least one read was under way
};
// Of slots and slot_bytes the first one's.
DiskExpertFigures operator-(const DiskExpertFigures& a, const DiskExpertFigures& b);
DiskExpertFigures& operator+=(DiskExpertFigures& a, const DiskExpertFigures& b);

// For io::Checkpoint::OpenUnmapped: everything but what is read on demand.
io::Residency DenseWeights(const io::ReadingOptions& reading = {});

class DiskExperts final : public ExpertSource {
 public:
  struct Options {
    std::uint64_t bytes = 0;       // of slots; more than all experts is taken for all
    std::uint64_t loan_bytes = 0;  // of more slots, which are there at first
    io::ReadTuning tuning = {};
    // Who reads; empty: an io::ReadQueue.
    std::function<Result<std::unique_ptr<io::Reader>>(io::Reader::Done)> reader = {};
  };
  // kExhausted: not one expert fits, or the system does not give the memory. kNotFound, kIo.
  static Result<std::unique_ptr<DiskExperts>> Create(const Model& model, const Options& options);
  ~DiskExperts() override;

  void Announce(std::size_t layer, std::span<const std::uint32_t> experts) override;
  Result<std::vector<HeldExpert>> Acquire(std::size_t layer, std::span<const std::uint32_t> wanted,
                                          const Stop& stop) override;
  void Release(std::size_t layer, std::span<const HeldExpert> experts) noexcept override;
  void Guess(std::size_t layer, std::span<const std::uint32_t> experts) override;
  bool WantsGuesses() const override { return true; }

  // On loan, now; and how many slots more there may be.
  std::uint64_t lent_bytes() const;
  std::size_t lendable() const;
  // A slot, and its memory is the system's. False: none is on loan, or no expert may go now.
  bool GiveBack();
  void TakeMore(std::size_t slots);  // of those that are lendable
  // Of the expert that would go for another (model/expert_scores.h). None: none may go.
  std::optional<double> LeastUses() const;

  DiskExpertFigures figures() const;
  // How often each was used: model/expert_profile.h keeps it. Any thread.
  std::vector<std::vector<float>> Uses() const;
  // Before the first pass: what was learnt, and reads of the hottest as long as there are free
  // slots.
  void Warm(const std::vector<std::vector<float>>& uses);

 private:
  // Nobody asks for what is hot; it is read into free slots when there is nothing else to do.
  enum Waiting : std::size_t { kAskedFor, kAnnouncedFor, kGuessedFor, kHot, kWaitings };

  DiskExperts(const Model& model, ExpertPlaces places, std::size_t own_slots, std::size_t slots,
              io::DirectBuffer memory);
  void Pump() noexcept;
  bool StartNext(Waiting waiting);
  void StartRead(std::size_t slot, Claim claim);
  void OnRead(std::uint64_t slot, Status status) noexcept;
  void EndParts(std::size_t slot, std::size_t count, std::optional<Error> error);
  void DropClaims();
  void EndGuesses(std::uint32_t layer, std::span<const std::uint32_t> chosen);
  void RefreshScores();
  std::vector<HeldExpert> TakeReady(std::uint32_t layer, std::span<const std::uint32_t> wanted);
  void AskFor(std::uint32_t layer, std::span<const std::uint32_t> wanted);
  std::optional<Error> TakeFailure(std::uint32_t layer, std::span<const std::uint32_t> wanted);
  std::byte* MemoryOf(std::size_t slot) const;

  const ExpertPlaces places_;
  const std::size_t own_slots_;  // that are not on loan
  std::vector<bool> by_token_;   // [layer]: routed by the token's id
  std::vector<io::DirectFile> files_;
  const io::DirectBuffer memory_;

  mutable std::mutex mutex_;  // of all below but reader_
  std::condition_variable changed_;
  ExpertScores scores_;
  ResidentExperts slots_;
  std::array<std::deque<ExpertId>, kWaitings> waiting_;  // without a slot
  std::vector<ExpertId> claimed_;                    // announced or asked for by the present layer
  std::vector<std::vector<std::uint32_t>> guessed_;  // [layer]
  struct Parts {                                     // of an expert that is read
    std::size_t left = 0;
    std::optional<Error> error = {};
  };
  std::vector<Parts> parts_;     // [slot]
  std::vector<bool> for_guess_;  // [slot]: read for a guess whose layer has not been announced
  std::vector<std::pair<ExpertId, Error>> failed_;  // at most as many as there are slots
  std::size_t reading_ = 0;                         // experts
  std::size_t last_layer_ = 0;
  bool closing_ = false;
  DiskExpertFigures figures_;
  Stopwatch busy_;  // while reading_ > 0

  std::unique_ptr<io::Reader> reader_;  // ends first: it calls OnRead
};

}  // namespace hadal::model
