// Reading documents and holding some of them out (data.h).
#include <algorithm>
#include <filesystem>
#include <numeric>
#include <span>

#include "base/random.h"
#include "io/file.h"
#include "text/answer_marks.h"
#include "train/data.h"

namespace hadal::train {
namespace {

namespace fs = std::filesystem;

Result<std::vector<std::string>> ListFiles(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) return Fail(Code::kNotFound, "{}: no such file or directory", path);
  if (!fs::is_directory(status)) return std::vector<std::string>{path};
  std::vector<std::string> files;
  fs::recursive_directory_iterator entry(path, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const bool hidden = entry->path().filename().string().starts_with(".");
    std::error_code ignored;
    if (hidden && entry->is_directory(ignored)) entry.disable_recursion_pending();
    if (!hidden && entry->is_regular_file(ignored)) files.push_back(entry->path().string());
  }
  if (error) return Fail(Code::kIo, "{}: cannot be listed: {}", path, error.message());
  if (files.empty()) return Fail(Code::kNotFound, "{}: no files in this directory", path);
  std::sort(files.begin(), files.end());
  return files;
}

void AddDocument(std::string_view text, std::vector<std::string>* documents) {
  const std::size_t begin = text.find_first_not_of("\r\n");
  if (begin == std::string_view::npos) return;
  const std::size_t end = text.find_last_not_of("\r\n");
  documents->emplace_back(text.substr(begin, end - begin + 1));
}

void SplitInto(std::string_view text, const std::string& separator,
               std::vector<std::string>* documents) {
  while (!separator.empty()) {
    const std::size_t at = text.find(separator);
    if (at == std::string_view::npos) break;
    AddDocument(text.substr(0, at), documents);
    text.remove_prefix(at + separator.size());
  }
  AddDocument(text, documents);
}

Status CheckMarks(const std::string& file, std::span<const std::string> documents) {
  for (std::size_t i = 0; i < documents.size(); ++i)
    if (const auto marked = text::ReadAnswerMarks(documents[i]); !marked.ok())
      return Fail(Code::kInvalid, "{}: document {}: {}", file, i + 1, marked.error().what);
  return Unit{};
}

std::uint64_t HashText(std::string_view text, std::uint64_t seed) {
  std::uint64_t hash = MixBits(seed + 0x9E3779B97F4A7C15u);
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return MixBits(hash);
}

}  // namespace

Result<std::vector<std::string>> ReadDocuments(const std::vector<std::string>& paths,
                                               const std::string& separator) {
  std::vector<std::string> documents;
  for (const std::string& path : paths) {
    HADAL_TRY(const std::vector<std::string> files, ListFiles(path));
    for (const std::string& file : files) {
      HADAL_TRY(const std::string text, io::ReadFile(file, std::uint64_t{1} << 36));
      if (const std::size_t zero = text.find('\0'); zero != std::string::npos)
        return Fail(Code::kInvalid, "{}: found a zero byte at offset {}, expected plain text", file,
                    zero);
      const std::size_t first = documents.size();
      SplitInto(text, separator, &documents);
      HADAL_TRY_STATUS(CheckMarks(file, std::span(documents).subspan(first)));
    }
  }
  if (documents.empty())
    return Fail(Code::kInvalid, "{}: found no text, expected at least one document",
                paths.empty() ? std::string("no files") : paths.front());
  return documents;
}

Result<std::vector<std::string>> HoldOut(std::vector<std::string>* documents, double fraction,
                                         std::uint64_t seed) {
  std::vector<std::uint64_t> hashes;
  double total_bytes = 0;
  for (const std::string& document : *documents) {
    hashes.push_back(HashText(document, seed));
    total_bytes += static_cast<double>(document.size());
  }
  std::vector<std::size_t> order(documents->size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return hashes[a] < hashes[b]; });

  std::vector<bool> held(documents->size(), false);
  std::size_t count = 0;
  double held_bytes = 0;
  while (count < order.size()) {
    const bool equal_to_last = count > 0 && hashes[order[count]] == hashes[order[count - 1]];
    if (held_bytes >= fraction * total_bytes && !equal_to_last) break;
    held[order[count]] = true;
    held_bytes += static_cast<double>((*documents)[order[count]].size());
    ++count;
  }
  if (count == 0 || count == documents->size())
    return Fail(
        Code::kInvalid,
        "data.heldout_fraction {}: holds out {} of {} documents, expected some and not all; "
        "give data.separator, or held-out files in data.heldout",
        fraction, count, documents->size());
  std::vector<std::string> heldout, kept;
  for (std::size_t i = 0; i < held.size(); ++i)
    (held[i] ? heldout : kept).push_back(std::move((*documents)[i]));
  *documents = std::move(kept);
  return heldout;
}

}  // namespace hadal::train
