#include "text/tokenizer.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "text/tokenizer_json.h"
#include "text/utf8.h"

namespace hadal::text {
namespace {

constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{1} << 28;

// What one Encode works with; reused, since the cache in it is worth keeping.
struct Scratch {
  RegexScratch regex;
  BpeScratch bpe;
};

class ScratchPool {
 public:
  std::unique_ptr<Scratch> Take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<Scratch>();
    auto scratch = std::move(free_.back());
    free_.pop_back();
    return scratch;
  }
  void Give(std::unique_ptr<Scratch> scratch) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(scratch));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> free_;  // at most one per thread that ever encoded at once
};

Result<std::string> ReadTokenizerFile(const std::string& path) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error == std::errc::no_such_file_or_directory)
    return Fail(Code::kNotFound, "{}: no such file", path);
  if (error) return Fail(Code::kIo, "{}: {}", path, error.message());
  if (bytes > kMaxFileBytes)
    return Fail(Code::kCorrupt, "{}: {} bytes; a tokenizer.json has at most {}", path, bytes,
                kMaxFileBytes);
  std::string text(static_cast<std::size_t>(bytes), '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file || !file.read(text.data(), static_cast<std::streamsize>(text.size())))
    return Fail(Code::kIo, "{}: cannot be read", path);
  return text;
}

}  // namespace

struct Tokenizer::Impl {
  explicit Impl(TokenizerParts made) : parts(std::move(made)) {
    for (const auto& token : parts.added.tokens()) added.emplace(token.content, token.id);
    for (std::size_t id = 0; id < parts.bytes.size(); ++id)
      longest_bytes = std::max(longest_bytes, parts.bytes[static_cast<TokenId>(id)].size());
  }
  TokenizerParts parts;
  std::size_t longest_bytes = 1;
  std::unordered_map<std::string, TokenId> added;
  mutable ScratchPool scratch;
};

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::Parse(std::string_view tokenizer_json) {
  auto parts = ParseTokenizerJson(tokenizer_json);
  if (!parts.ok()) return Within("tokenizer.json", parts.error());
  return Tokenizer(std::make_unique<Impl>(std::move(parts).value()));
}

Result<Tokenizer> Tokenizer::Open(const std::string& path) {
  std::error_code error;
  const bool is_directory = std::filesystem::is_directory(path, error);
  const std::string file =
      is_directory ? (std::filesystem::path(path) / "tokenizer.json").string() : path;
  HADAL_TRY(const std::string text, ReadTokenizerFile(file));
  auto parts = ParseTokenizerJson(text);
  if (!parts.ok()) return Within(file, parts.error());
  return Tokenizer(std::make_unique<Impl>(std::move(parts).value()));
}

std::vector<TokenId> Tokenizer::Encode(std::string_view text, ControlTokens control) const {
  std::string repaired;
  if (ValidUtf8Prefix(text) != text.size()) {
    AppendLossy(text, &repaired);
    text = repaired;
  }
  std::vector<TokenId> ids;
  auto scratch = impl_->scratch.Take();
  const TokenizerParts& parts = impl_->parts;
  const auto encode = [&](std::string_view stretch) {
    parts.pre_tokenizer.Split(stretch, &scratch->regex, [&](std::string_view piece) {
      parts.bpe.Encode(piece, &scratch->bpe, &ids);
    });
  };
  if (control == ControlTokens::kRead)
    parts.added.Cut(text, encode, [&](TokenId id) { ids.push_back(id); });
  else if (!text.empty())
    encode(text);
  impl_->scratch.Give(std::move(scratch));
  return ids;
}

std::string Tokenizer::Decode(std::span<const TokenId> ids) const {
  std::string bytes, text;
  for (const TokenId id : ids) bytes.append(TokenBytes(id));
  AppendLossy(bytes, &text);
  return text;
}

std::string_view Tokenizer::TokenBytes(TokenId id) const { return impl_->parts.bytes[id]; }

std::optional<TokenId> Tokenizer::AddedToken(std::string_view content) const {
  const auto found = impl_->added.find(std::string(content));
  if (found == impl_->added.end()) return std::nullopt;
  return found->second;
}

std::size_t Tokenizer::vocab_size() const { return impl_->parts.bytes.size(); }

std::size_t Tokenizer::longest_token_bytes() const { return impl_->longest_bytes; }

std::size_t Tokenizer::LeastTokens(std::string_view text) const {
  return text.size() / impl_->longest_bytes + (text.size() % impl_->longest_bytes != 0 ? 1 : 0);
}

std::string StreamDecoder::Push(TokenId id) {
  pending_.append(tokenizer_->TokenBytes(id));
  const std::size_t held = IncompleteUtf8Tail(pending_);
  std::string text;
  AppendLossy(std::string_view(pending_).substr(0, pending_.size() - held), &text);
  pending_.erase(0, pending_.size() - held);
  return text;
}

std::string StreamDecoder::Finish() {
  std::string text;
  AppendLossy(pending_, &text);
  pending_.clear();
  return text;
}

}  // namespace hadal::text
