#include "model/disk_experts.h"

#include <algorithm>
#include <optional>

#include "base/exceptions.h"
#include "base/units.h"

namespace hadal::model {
namespace {

// Experts under way that nobody waits for yet: enough for any disk, few enough that what is asked
// for then does not come behind many. Of them half may be guesses, or what is hot, so that what is
// announced finds room.
constexpr std::size_t kMostAhead = 32, kMostGuessed = kMostAhead / 2;

constexpr Claim kClaims[] = {Claim::kAsked, Claim::kAnnounced, Claim::kGuessed, Claim::kNone};
constexpr io::Urgency kUrgency[] = {io::Urgency::kGuess, io::Urgency::kGuess, io::Urgency::kSoon,
                                    io::Urgency::kNow};  // by claim

constexpr std::uint64_t DiskExpertFigures::*kCounts[] = {
    &DiskExpertFigures::replaced, &DiskExpertFigures::wanted,
    &DiskExpertFigures::held,     &DiskExpertFigures::coming,
    &DiskExpertFigures::missed,   &DiskExpertFigures::missed_by_token,
    &DiskExpertFigures::guessed,  &DiskExpertFigures::guessed_right,
    &DiskExpertFigures::reads,    &DiskExpertFigures::read_bytes};

// So short that it needs none itself.
Error NoMemory() { return {Code::kExhausted, "no memory"}; }

std::vector<std::size_t> ExpertsOf(const ExpertPlaces& places) {
  std::vector<std::size_t> experts;
  for (std::size_t l = 0; l < places.layers(); ++l) experts.push_back(places.experts(l));
  return experts;
}

}  // namespace

io::Residency DenseWeights(const io::ReadingOptions& reading) {
  return {.wanted = [](std::string_view name,
                       const io::TensorInfo& info) { return !IsReadOnDemand(name, info); },
          .reading = reading};
}

DiskExpertFigures operator-(const DiskExpertFigures& a, const DiskExpertFigures& b) {
  DiskExpertFigures d = a;
  for (const auto count : kCounts) d.*count -= b.*count;
  d.wait_seconds -= b.wait_seconds;
  d.busy_seconds -= b.busy_seconds;
  return d;
}

DiskExpertFigures& operator+=(DiskExpertFigures& a, const DiskExpertFigures& b) {
  for (const auto count : kCounts) a.*count += b.*count;
  a.wait_seconds += b.wait_seconds;
  a.busy_seconds += b.busy_seconds;
  return a;
}

DiskExperts::DiskExperts(const Model& model, ExpertPlaces places, std::size_t own_slots,
                         std::size_t slots, io::DirectBuffer memory)
    : places_(std::move(places)),
      own_slots_(own_slots),
      memory_(std::move(memory)),
      scores_(ExpertsOf(places_)),
      slots_(ExpertsOf(places_), slots),
      guessed_(places_.layers()),
      parts_(slots),
      for_guess_(slots) {
  failed_.reserve(slots);
  for (std::size_t l = 0; l < places_.layers(); ++l)  // the MTP block's is behind the layers
    by_token_.push_back(l < model.layers.size() && !model.layers[l].ffn.tid2eid.empty());
  figures_.slot_bytes = places_.slot_bytes();
}

Result<std::unique_ptr<DiskExperts>> DiskExperts::Create(const Model& model,
                                                         const Options& options) {
  ExpertPlaces places = ExpertPlaces::Of(model);
  const std::uint64_t slot_bytes = std::max<std::uint64_t>(places.slot_bytes(), 1);
  const std::uint64_t all = places.count(), own = std::min(options.bytes / slot_bytes, all);
  if (own == 0 && all > 0)
    return Fail(Code::kExhausted, "an expert is {}, there is {} for those that are held",
                FormatBytes(slot_bytes), FormatBytes(options.bytes));
  const std::uint64_t slots = own + std::min(options.loan_bytes / slot_bytes, all - own);
  HADAL_TRY(io::DirectBuffer memory, io::DirectBuffer::Create(slots * slot_bytes, "held experts"));
  std::unique_ptr<DiskExperts> made(
      new DiskExperts(model, std::move(places), own, slots, std::move(memory)));
  for (const std::string& path : made->places_.files()) {
    HADAL_TRY(io::DirectFile file, io::DirectFile::Open(path));
    made->files_.push_back(std::move(file));
  }
  const auto done = [experts = made.get()](std::uint64_t slot, Status status) {
    experts->OnRead(slot, std::move(status));
  };
  if (options.reader) {
    HADAL_TRY(made->reader_, options.reader(done));
  } else {
    HADAL_TRY(made->reader_, io::ReadQueue::Create(done, options.tuning));
  }
  return made;
}

DiskExperts::~DiskExperts() {
  const std::lock_guard lock(mutex_);
  closing_ = true;
}

std::byte* DiskExperts::MemoryOf(std::size_t slot) const {
  return memory_.data() + slot * places_.slot_bytes();
}

void DiskExperts::StartRead(std::size_t slot, Claim claim) {
  if (reading_++ == 0) busy_ = Stopwatch();
  const ExpertId id = slots_[slot].id;
  const ExpertPlace& place = places_.At(id.layer, id.expert);
  HADAL_CHECK(!place.reads.empty());  // an expert that is not in the model's selection
  parts_[slot] = {.left = place.reads.size()};
  ++figures_.reads;
  std::size_t begun = 0;
  const Status all = Caught([&] {
    for (const ExpertRead& read : place.reads) {
      reader_->Submit({.id = slot,
                       .file = &files_[read.file],
                       .range = read.range,
                       .to = MemoryOf(slot) + read.at,
                       .urgency = kUrgency[static_cast<std::size_t>(claim)]});
      figures_.read_bytes += read.range.hull_bytes();
      ++begun;
    }
  });
  if (!all.ok()) EndParts(slot, place.reads.size() - begun, NoMemory());
}

// False: the first one that waits so has to go on waiting, or there is none.
bool DiskExperts::StartNext(Waiting waiting) {
  std::deque<ExpertId>& ids = waiting_[waiting];
  while (!ids.empty() && slots_.Find(ids.front())) ids.pop_front();
  const std::size_t most = waiting == kAskedFor       ? reading_ + 1
                           : waiting == kAnnouncedFor ? kMostAhead
                                                      : kMostGuessed;
  if (ids.empty() || reading_ >= most) return false;
  const Claim claim = kClaims[waiting];
  const bool replaces = slots_.free() == 0;
  const auto slot = slots_.Place(ids.front(), claim, scores_.Raw(ids.front()));
  if (!slot) return false;
  for_guess_[*slot] = waiting == kGuessedFor;
  if (replaces) ++figures_.replaced;
  ids.pop_front();
  StartRead(*slot, claim);
  return true;
}

void DiskExperts::Pump() noexcept {
  if (closing_) return;
  for (std::size_t waiting = 0; waiting < kWaitings; ++waiting) {
    while (StartNext(static_cast<Waiting>(waiting))) {
    }
    // Weaker claims take no place from what a stronger one still waits for.
    if (!waiting_[waiting].empty()) return;
  }
}

void DiskExperts::OnRead(std::uint64_t slot, Status status) noexcept {
  const std::lock_guard lock(mutex_);
  std::optional<Error> error;
  if (!status.ok() && !Caught([&] { error = status.error(); }).ok()) error = NoMemory();
  EndParts(slot, 1, std::move(error));
  if (parts_[slot].left > 0) return;
  Pump();
  changed_.notify_all();
}

// So many parts of an expert have come, or failed.
void DiskExperts::EndParts(std::size_t slot, std::size_t count, std::optional<Error> error) {
  Parts& parts = parts_[slot];
  if (!parts.error) parts.error = std::move(error);
  parts.left -= count;
  if (parts.left > 0) return;  // of one that failed too: they still write
  if (--reading_ == 0) figures_.busy_seconds += busy_.seconds();
  if (!parts.error) return slots_.SetReady(slot);
  // With no room for it nobody hears of it: then the expert is read again.
  if (failed_.size() < failed_.capacity())
    failed_.emplace_back(slots_[slot].id, *std::exchange(parts.error, std::nullopt));
  slots_.Free(slot);
}

void DiskExperts::RefreshScores() {
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    if (slots_[slot].taken) slots_.SetScore(slot, scores_.Raw(slots_[slot].id));
}

// Of a layer that is over, or of a pass that ended before it was.
void DiskExperts::DropClaims() {
  for (const ExpertId id : claimed_)
    if (const auto slot = slots_.Find(id)) slots_.SetClaim(*slot, Claim::kNone);
  claimed_.clear();
  waiting_[kAskedFor].clear();
  waiting_[kAnnouncedFor].clear();
  failed_.clear();
}

// The layer's guesses are over: they were right or not.
void DiskExperts::EndGuesses(std::uint32_t layer, std::span<const std::uint32_t> chosen) {
  for (const std::uint32_t expert : guessed_[layer]) {
    const bool right = std::ranges::find(chosen, expert) != chosen.end();
    if (right && !by_token_[layer]) ++figures_.guessed_right;
    const auto slot = slots_.Find({layer, expert});
    if (!slot) continue;
    slots_.SetClaim(*slot, Claim::kNone);
    for_guess_[*slot] = false;
  }
  guessed_[layer].clear();
  std::erase_if(waiting_[kGuessedFor], [&](ExpertId id) { return id.layer == layer; });
}

void DiskExperts::Announce(std::size_t layer, std::span<const std::uint32_t> experts) {
  const auto number = static_cast<std::uint32_t>(layer);
  const std::lock_guard lock(mutex_);
  if (layer <= last_layer_ && scores_.Age()) RefreshScores();
  last_layer_ = layer;
  DropClaims();
  figures_.wanted += experts.size();
  std::uint64_t missed = 0;
  for (const std::uint32_t expert : experts) {
    const auto slot = slots_.Find({number, expert});
    missed += !slot || for_guess_[*slot] ? 1 : 0;
  }
  figures_.missed += missed;
  if (by_token_[layer]) figures_.missed_by_token += missed;
  EndGuesses(number, experts);
  for (const std::uint32_t expert : experts) {
    const ExpertId id{number, expert};
    scores_.Use(id);
    claimed_.push_back(id);
    if (const auto slot = slots_.Find(id)) {
      ++(slots_[*slot].ready ? figures_.held : figures_.coming);
      slots_.SetScore(*slot, scores_.Raw(id));
      slots_.SetClaim(*slot, Claim::kAnnounced);
      if (!slots_[*slot].ready) reader_->Raise(*slot, io::Urgency::kSoon);
    } else {
      waiting_[kAnnouncedFor].push_back(id);
    }
  }
  Pump();
}

void DiskExperts::Guess(std::size_t layer, std::span<const std::uint32_t> experts) {
  const auto number = static_cast<std::uint32_t>(layer);
  const std::lock_guard lock(mutex_);
  std::vector<std::uint32_t>& guessed = guessed_[layer];
  // So few that guesses never push out what a small memory has for the present layer.
  const std::size_t most = slots_.open() / 4;
  for (const std::uint32_t expert : experts) {
    if (guessed.size() >= most) break;
    if (std::ranges::find(guessed, expert) != guessed.end()) continue;
    const ExpertId id{number, expert};
    guessed.push_back(expert);
    if (!by_token_[layer]) ++figures_.guessed;
    const auto slot = slots_.Find(id);
    if (!slot)
      waiting_[kGuessedFor].push_back(id);
    else if (slots_[*slot].claim == Claim::kNone)
      slots_.SetClaim(*slot, Claim::kGuessed);
  }
  Pump();
}

std::vector<HeldExpert> DiskExperts::TakeReady(std::uint32_t layer,
                                               std::span<const std::uint32_t> wanted) {
  std::vector<HeldExpert> held;
  held.reserve(wanted.size());  // before the first is held
  for (const std::uint32_t expert : wanted) {
    const auto slot = slots_.Find({layer, expert});
    if (!slot || !slots_[*slot].ready) continue;
    slots_.Hold(*slot);
    slots_.SetClaim(*slot, Claim::kNone);
    held.push_back({expert, places_.At(layer, expert).In(MemoryOf(*slot))});
  }
  return held;
}

void DiskExperts::AskFor(std::uint32_t layer, std::span<const std::uint32_t> wanted) {
  waiting_[kAskedFor].clear();
  for (const std::uint32_t expert : wanted) {
    const ExpertId id{layer, expert};
    if (std::ranges::find(claimed_, id) == claimed_.end()) claimed_.push_back(id);
    if (const auto slot = slots_.Find(id)) {
      slots_.SetClaim(*slot, Claim::kAsked);
      reader_->Raise(*slot, io::Urgency::kNow);
    } else {
      waiting_[kAskedFor].push_back(id);
    }
  }
  Pump();
}

std::optional<Error> DiskExperts::TakeFailure(std::uint32_t layer,
                                              std::span<const std::uint32_t> wanted) {
  const auto found = std::ranges::find_if(failed_, [&](const auto& failure) {
    return failure.first.layer == layer &&
           std::ranges::find(wanted, failure.first.expert) != wanted.end();
  });
  if (found == failed_.end()) return {};
  const Error error = found->second;
  std::erase_if(failed_, [id = found->first](const auto& failure) { return failure.first == id; });
  return error;
}

Result<std::vector<HeldExpert>> DiskExperts::Acquire(std::size_t layer,
                                                     std::span<const std::uint32_t> wanted,
                                                     const Stop& stop) {
  const auto number = static_cast<std::uint32_t>(layer);
  std::unique_lock lock(mutex_);
  while (true) {
    if (auto error = TakeFailure(number, wanted)) return *error;
    std::vector<HeldExpert> held = TakeReady(number, wanted);
    if (!held.empty()) return held;
    AskFor(number, wanted);
    if (reading_ == 0) {
      if (auto error = TakeFailure(number, wanted)) return *error;  // it could not even be begun
      return Fail(Code::kExhausted, "all {} experts that memory is there for are in use",
                  slots_.open());
    }
    if (stop && stop()) return Fail(Code::kCancelled, "stopped");
    const Stopwatch waiting;
    if (stop)
      changed_.wait_for(lock, kAskStop);
    else
      changed_.wait(lock);
    figures_.wait_seconds += waiting.seconds();
  }
}

void DiskExperts::Release(std::size_t layer, std::span<const HeldExpert> experts) noexcept {
  const std::lock_guard lock(mutex_);
  for (const HeldExpert& held : experts) {
    const auto slot = slots_.Find({static_cast<std::uint32_t>(layer), held.expert});
    HADAL_CHECK(slot.has_value());
    slots_.Release(*slot);
  }
  Pump();
}

std::uint64_t DiskExperts::lent_bytes() const {
  const std::lock_guard lock(mutex_);
  return (slots_.open() - own_slots_) * places_.slot_bytes();
}

std::size_t DiskExperts::lendable() const {
  const std::lock_guard lock(mutex_);
  return slots_.size() - slots_.open();
}

bool DiskExperts::GiveBack() {
  const std::lock_guard lock(mutex_);
  const auto slot = slots_.open() > own_slots_ ? slots_.Close() : std::nullopt;
  if (!slot) return false;
  memory_.Discard(*slot * places_.slot_bytes(), places_.slot_bytes());
  return true;
}

void DiskExperts::TakeMore(std::size_t slots) {
  const std::lock_guard lock(mutex_);
  for (; slots > 0; --slots)
    if (const auto slot = slots_.Open())
      memory_.Retake(*slot * places_.slot_bytes(), places_.slot_bytes());
  Pump();
}

std::optional<double> DiskExperts::LeastUses() const {
  const std::lock_guard lock(mutex_);
  const auto score = slots_.LeastScore();
  if (!score) return {};
  return scores_.InUses(*score);
}

DiskExpertFigures DiskExperts::figures() const {
  const std::lock_guard lock(mutex_);
  DiskExpertFigures now = figures_;
  now.slots = slots_.open();
  if (reading_ > 0) now.busy_seconds += busy_.seconds();
  return now;
}

std::vector<std::vector<float>> DiskExperts::Uses() const {
  const std::lock_guard lock(mutex_);
  return scores_.Uses();
}

void DiskExperts::Warm(const std::vector<std::vector<float>>& uses) {
  const std::lock_guard lock(mutex_);
  scores_.Restore(uses);
  for (const ExpertId id : scores_.Hottest(slots_.free())) waiting_[kHot].push_back(id);
  Pump();
}

}  // namespace hadal::model
