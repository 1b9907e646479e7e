#include "datagen/tools.h"

#include <algorithm>
#include <cctype>

#include "chat/prompt_json.h"
#include "datagen/grammar.h"
#include "datagen/tool_words.h"
#include "datagen/words.h"

namespace hadal::datagen {
namespace {

// One parameter of a tool as this conversation names it.
struct Slot {
  std::string kind, name;
  const Parameter* parameter;
};

struct Tool {
  const Action* action;
  std::string name;
  std::vector<Slot> slots;
};

constexpr const char* kSystems[] = {
    "You are a helpful assistant.",
    "You help with everyday things.",
    "Use the tools when they fit.",
    "You are hadal, a small model. Answer briefly.",
    "Be friendly, and call a tool if it can do what is asked.",
    "Answer in one or two sentences.",
};

constexpr const char* kNoTool[] = {
    "I have no tool for that.",
    "None of my tools can do that.",
    "I am sorry, I cannot do that with the tools I have.",
    "There is no tool here that fits.",
    "Sorry, that is not something my tools can do.",
};

constexpr const char* kPolite[] = {"", "", "Please: ", "Hello! ", "Good morning. ", "Quickly: "};
constexpr const char* kAfter[] = {"", "", " Thank you.", " It is important.", " Please."};

std::string CamelCase(const std::string& snake) {
  std::string out;
  bool upper = false;
  for (const char c : snake) {
    if (c == '_') {
      upper = true;
    } else {
      out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
      upper = false;
    }
  }
  return out;
}

Tool MakeTool(Half half, const Action& action, bool camel, Random* random) {
  Tool tool{&action, {}, {}};
  const std::string& verb = AnyOf(action.verbs, random);
  tool.name = random->Below(4) == 0 ? action.object + "_" + verb : verb + "_" + action.object;
  if (camel) tool.name = CamelCase(tool.name);
  for (const std::string& kind : action.needs) {
    const Parameter& parameter = FindParameter(kind);
    const std::vector<const char*> names = ItemsOf(half, parameter.names);
    std::string name;
    do {
      name = AnyOf(names, random);
      if (camel) name = CamelCase(name);
      if (std::ranges::any_of(tool.slots, [&](const Slot& s) { return s.name == name; }))
        name = kind;  // two parameters may share a name: then the kind is the other's
    } while (std::ranges::any_of(tool.slots, [&](const Slot& s) { return s.name == name; }));
    tool.slots.push_back({kind, name, &parameter});
  }
  return tool;
}

Json Schema(Half half, const Tool& tool, Random* random) {
  Json properties = Json::MakeObject({});
  Json::Array required;
  for (const Slot& slot : tool.slots) {
    Json property =
        Json::MakeObject({{"type", slot.parameter->type},
                          {"description", AnyOf(ItemsOf(half, slot.parameter->about), random)}});
    if (!slot.parameter->choices.empty()) {
      Json::Array choices;
      for (const char* choice : slot.parameter->choices) choices.emplace_back(choice);
      property.Set("enum", std::move(choices));
    }
    if (std::string_view(slot.parameter->type) == "array")
      property.Set("items", Json::MakeObject({{"type", "string"}}));
    properties.Set(slot.name, std::move(property));
    required.emplace_back(slot.name);
  }
  return Json::MakeObject({{"name", tool.name},
                           {"description", tool.action->about},
                           {"parameters", Json::MakeObject({{"type", "object"},
                                                            {"properties", std::move(properties)},
                                                            {"required", std::move(required)}})}});
}

Json AnyValue(Half half, const Parameter& parameter, Random* random) {
  if (!parameter.choices.empty()) return AnyOf(parameter.choices, random);
  return parameter.value(half, random);
}

// Fields of a result: what a service would answer.
Json ResultValue(Half half, const std::string& kind, Random* random) {
  if (kind == "done") return random->Below(2) == 0 ? "ok" : "done";
  if (kind == "sky") {
    constexpr const char* kSkies[] = {"sunny", "cloudy", "rainy", "windy", "foggy", "snowy"};
    return AnyOf(kSkies, random);
  }
  if (kind == "degrees") return static_cast<std::int64_t>(random->Below(35));
  if (kind == "small") return static_cast<std::int64_t>(1 + random->Below(12));
  if (kind == "many") return static_cast<std::int64_t>(5 + random->Below(300));
  if (kind == "number") return static_cast<std::int64_t>(1000 + random->Below(9000));
  if (kind == "money") return FindParameter("money").value(half, random);
  if (kind == "hour") return FindParameter("hour").value(half, random);
  if (kind == "dish")
    return AnyWord(Words::kFoods, random) + " with " + AnyWord(Words::kFoods, random);
  if (kind == "title")
    return "The " + Capitalised(AnyWord(Words::kColours, random)) + " " +
           Capitalised(AnyWord(Words::kThings, random));
  if (kind == "place") return PlaceName(half, random);
  if (kind == "person") return PersonName(half, random).text;
  if (kind == "invented") return InventedWord(half, random);
  if (kind == "file") return InventedWord(half, random) + ".png";
  if (kind == "animal_fact")
    return "It likes " + AnyWord(Words::kFoods, random) + " and sleeps near " +
           PlaceName(half, random) + ".";
  HADAL_CHECK(false);
}

bool Fits(const Json& value, const Json& property) {
  const std::string& type = *property.Find("type")->AsString();
  const bool fits = type == "string"    ? value.AsString() != nullptr
                    : type == "integer" ? value.AsInt() != nullptr
                    : type == "number"  ? value.AsNumber().has_value()
                                        : value.AsArray() != nullptr;
  const Json* choices = property.Find("enum");
  return fits &&
         (choices == nullptr || std::ranges::any_of(*choices->AsArray(), [&](const Json& choice) {
            return *choice.AsString() == *value.AsString();
          }));
}

class TaskMaker {
 public:
  TaskMaker(Half half, Random* random)
      : half_(half), random_(random), actions_(ItemsOf(half, AllActions())) {}

  ToolTask Make() {
    Shuffle(&actions_, random_);
    const bool camel = random_->Below(3) == 0;
    const std::size_t offered = 1 + random_->Below(3);
    std::vector<Tool> tools;
    // Two tools must not share a name; the next action is asked about when none fits.
    for (std::size_t i = 0; tools.size() <= offered; ++i) {
      Tool tool = MakeTool(half_, actions_[i], camel, random_);
      if (std::ranges::none_of(tools, [&](const Tool& t) { return t.name == tool.name; }))
        tools.push_back(std::move(tool));
    }
    const bool fits = random_->Below(100) < 85;
    const Tool asked = fits ? tools[random_->Below(offered)] : tools.back();
    tools.pop_back();
    for (const Tool& tool : tools) task_.tools.push_back(Schema(half_, tool, random_));
    if (random_->Below(2) == 0) task_.system = AnyOf(ItemsOf(half_, kSystems), random_);
    Ask(asked);
    if (fits) {
      Answer(asked);
    } else {
      task_.reply = AnyOf(ItemsOf(half_, kNoTool), random_);
    }
    return std::move(task_);
  }

 private:
  void Ask(const Tool& tool) {
    for (const Slot& slot : tool.slots) {
      const Json value = AnyValue(half_, *slot.parameter, random_);
      cast_[slot.kind] = {Spoken(value)};
      arguments_.Set(slot.name, value);
    }
    std::string request = AnyOf(tool.action->requests, random_);
    std::vector<Slot> order = tool.slots;
    Shuffle(&order, random_);
    for (const Slot& slot : order)
      request += " " + Expand(AnyOf(slot.parameter->phrases, random_),
                              {{"v", cast_.find(slot.kind)->second}}, random_);
    const bool question =
        request.starts_with("What") || request.starts_with("How") || request.starts_with("When");
    task_.request =
        AnyOf(kPolite, random_) + request + (question ? "?" : ".") + AnyOf(kAfter, random_);
  }

  void Answer(const Tool& tool) {
    task_.calls = {{.id = "call_1", .name = tool.name, .arguments = arguments_.Dump()}};
    Json result = Json::MakeObject({});
    for (const std::string& field : tool.action->gives) {
      const std::size_t colon = field.find(':');
      const std::string name = field.substr(0, colon);
      const Json value = ResultValue(half_, field.substr(colon + 1), random_);
      cast_[name] = {Spoken(value)};
      result.Set(name, value);
    }
    task_.result = chat::PromptJson(result);
    task_.reply = Expand(tool.action->reply, cast_, random_);
  }

  Half half_;
  Random* random_;
  std::vector<Action> actions_;
  Cast cast_;
  Json arguments_ = Json::MakeObject({});
  ToolTask task_;
};

}  // namespace

ToolTask MakeToolTask(Half half, Random* random) { return TaskMaker(half, random).Make(); }

bool ObeysSchema(const Json& arguments, const Json& tool) {
  const Json& properties = *tool.Find("parameters")->Find("properties");
  const Json::Object* given = arguments.AsObject();
  return given != nullptr && given->size() == properties.AsObject()->size() &&
         std::ranges::all_of(*given, [&](const auto& argument) {
           const Json* property = properties.Find(argument.first);
           return property != nullptr && Fits(argument.second, *property);
         });
}

Conversation ToolQuestion(const ToolTask& task) {
  Conversation talk;
  talk.System(task.system, task.tools);
  talk.User(task.request);
  return talk;
}

Conversation ToolConversation(const ToolTask& task) {
  Conversation talk = ToolQuestion(task);
  if (!task.calls.empty()) {
    talk.Call(task.calls);
    talk.ToolResult(task.result, task.calls.front().id);
  }
  talk.Assistant(task.reply);
  return talk;
}

}  // namespace hadal::datagen
