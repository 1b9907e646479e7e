// Bytes as the body of a request: read by each API, made a prompt and a generation, refused with a
// status that is the client's fault or answered; never a crash. The first byte says which API.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/check.h"
#include "base/log.h"
#include "server/chat_completions.h"
#include "server/messages_request.h"
#include "server/responses_request.h"

namespace {

using namespace hadal::server;

struct Parts {
  std::unique_ptr<ServedModel> model;
  ApiKeys keys;
  std::unique_ptr<Languages> languages;
  ToolMemory tool_memory;
  ResponseStore responses;
};

Parts& TheParts() {
  static Parts parts;
  if (parts.model == nullptr) {
    spdlog::set_level(spdlog::level::off);
    auto model = ServedModel::Open({.directory = HADAL_SOURCE_DIR "/models/embedded"});
    HADAL_CHECK(model.ok());
    parts.model = std::move(*model);
    parts.languages = std::make_unique<Languages>(*parts.model);
  }
  return parts;
}

ApiStatus Read(Api& api, std::uint8_t which, const std::string& text) {
  HADAL_TRY(const hadal::Json json, ParseBody(text));
  ChatRequest request;
  switch (which % 3) {
    case 0: {
      Fields body(json);
      HADAL_TRY(request, ReadChat(api, &body, 0));
      break;
    }
    case 1: {
      HADAL_TRY(request, ReadMessages(api, json, Caller{}));
      break;
    }
    default: {
      HADAL_TRY(ResponsesRequest responses, ReadResponses(api, json, Caller{}));
      request = std::move(responses.chat);
    }
  }
  HADAL_TRY(const Generation generation, MakeGeneration(api, std::move(request)));
  for (const RunRequest& run : generation.runs)
    HADAL_CHECK(hadal::engine::CheckRequest(run.engine, api.model.files().model.config).ok());
  return hadal::Unit{};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Parts& parts = TheParts();
  Api api{.model = *parts.model,
          .keys = parts.keys,
          .languages = *parts.languages,
          .tool_memory = parts.tool_memory,
          .responses = parts.responses,
          .options = {}};
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const ApiStatus status = Read(api, data[0], text);
  HADAL_CHECK(status.ok() || (status.error().status >= 400 && status.error().status < 500));
  return 0;
}
