#include "server/thinking.h"

#include "base/quote.h"

namespace hadal::server {
namespace {

constexpr std::size_t kMostBudget = 1 << 30;

// What has been said so far: the first to say it counts.
struct Said {
  std::optional<bool> on, max_effort;
  std::optional<std::size_t> budget;

  void On(bool value) {
    if (!on) on = value;
  }
  void Effort(Fields* body, std::string_view key, const std::string& effort) {
    const bool none = effort == "none", max = effort == "max" || effort == "xhigh";
    if (!none && !max && effort != "minimal" && effort != "low" && effort != "medium" &&
        effort != "high" && effort != "auto")
      return body->Fail(key, "found " + Quote(effort) +
                                 ", expected none, minimal, low, medium, high, xhigh or max");
    On(!none);
    if (!max_effort) max_effort = max;
  }
  void Budget(const std::optional<std::size_t>& value) {
    if (!budget) budget = value;
  }
};

void ReadType(Fields* body, Said* said) {
  const Json* thinking = body->Find("thinking");
  if (thinking == nullptr) return;
  if (thinking->AsBool() != nullptr) return said->On(*thinking->AsBool());
  body->Inside("thinking", [&](Fields* fields) {
    std::string type = "enabled";
    fields->Text("type", &type);
    std::optional<std::size_t> budget;
    fields->Count("budget_tokens", {0, kMostBudget}, &budget);
    fields->Pass({"display"});
    if (type == "disabled")
      said->On(false);
    else if (type == "enabled")
      said->On(true);
    else if (type != "adaptive" && type != "auto")  // as the model, or the server, would
      fields->Fail("type",
                   "found " + Quote(type) + ", expected enabled, disabled, adaptive or auto");
    said->Budget(budget);
  });
}

void ReadReasoning(Fields* body, Said* said) {
  std::optional<std::string> effort;
  body->Text("reasoning_effort", &effort);
  if (effort) said->Effort(body, "reasoning_effort", *effort);
  body->Inside("reasoning", [&](Fields* fields) {
    std::optional<std::string> inner;
    std::optional<std::size_t> budget;
    std::optional<bool> enabled;
    fields->Flag("enabled", &enabled);
    if (enabled) said->On(*enabled);
    fields->Text("effort", &inner);
    if (inner) said->Effort(fields, "effort", *inner);
    fields->Count("max_tokens", {0, kMostBudget}, &budget);
    fields->Pass({"summary", "generate_summary", "exclude"});
    said->Budget(budget);
  });
}

void ReadTemplate(Fields* body, Said* said, Thinking* out) {
  body->Inside("chat_template_kwargs", [&](Fields* fields) {
    for (const char* key : {"thinking", "enable_thinking"}) {
      std::optional<bool> on;
      fields->Flag(key, &on);
      if (on) said->On(*on);
    }
    std::optional<std::string> effort;
    fields->Text("reasoning_effort", &effort);
    if (effort) said->Effort(fields, "reasoning_effort", *effort);
    fields->Flag("drop_thinking", &out->drop_thinking);
  });
}

void ReadThink(Fields* body, Said* said) {
  const Json* think = body->Find("think");
  if (think == nullptr) return;
  if (think->AsBool() != nullptr) return said->On(*think->AsBool());
  std::string effort;
  body->Text("think", &effort);
  if (!effort.empty()) said->Effort(body, "think", effort);
}

}  // namespace

Thinking ReadThinking(Fields* body, const Thinking& defaults) {
  Said said;
  Thinking out = defaults;
  ReadType(body, &said);
  ReadReasoning(body, &said);
  ReadTemplate(body, &said, &out);
  ReadThink(body, &said);
  for (const char* key : {"thinking_budget", "reasoning_budget"}) {
    std::optional<std::size_t> budget;
    body->Count(key, {0, kMostBudget}, &budget);
    said.Budget(budget);
  }
  out.on = said.on.value_or(defaults.on);
  out.max_effort = said.max_effort.value_or(defaults.max_effort);
  if (said.budget) out.budget = said.budget;
  if (out.budget && *out.budget == 0) out.on = false;
  return out;
}

}  // namespace hadal::server
