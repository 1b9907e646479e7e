#include "datagen/tools.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

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
  Action action;
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

constexpr const char* kPolite[] = {
    "", "", "", "", "Hello! ", "Good morning. ", "Quickly: ", "Hi. ", "Next: ", "Excuse me. "};
constexpr const char* kAfter[] = {
    "", "", " Thank you.", " It is important.", " Please.", " Many thanks.", " If you can."};

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

std::string MeaninglessName(Half half, const Parameter&, Random* random) {
  return InventedWord(half, random);
}

// Half of them mean nothing; the others have a noun that fits beside words that do not:
// "roof_town", "town_milk_lamp".
std::string UnforeseenName(Half half, const Parameter& parameter, Random* random) {
  if (random->Below(2) == 0) return InventedWord(half, random);
  const std::string noun = AnyOf(parameter.nouns, random), word = AnyWord(Words::kShort, random);
  const std::size_t form = random->Below(3);
  if (form == 0) return word + "_" + noun;
  return noun + "_" + word + (form == 1 ? "" : "_" + AnyWord(Words::kShort, random));
}

// One in so many is invented: verbs and subjects of actions (0: none is), tools' names, the names
// of a tool's parameters.
struct Invented {
  std::size_t actions, names, parameters;
  std::string (*parameter)(Half half, const Parameter& parameter, Random* random);
};
constexpr Invented kUsual = {
    .actions = 0, .names = 6, .parameters = 4, .parameter = MeaninglessName};
constexpr Invented kDrill = {
    .actions = 2, .names = 2, .parameters = 1, .parameter = UnforeseenName};

// What the two words of a tool's name say is not always in the name.
std::string ToolName(Half half, const Action& action, Invented invented, Random* random) {
  if (random->Below(invented.names) == 0) return InventedWord(half, random);
  const std::string& verb = AnyOf(action.verbs, random);
  return random->Below(4) == 0 ? action.object + "_" + verb : verb + "_" + action.object;
}

Tool MakeTool(Half half, Action action, bool camel, Invented invented, Random* random) {
  const auto cased = [&](const std::string& name) { return camel ? CamelCase(name) : name; };
  Tool tool{std::move(action), {}, {}};
  tool.name = cased(ToolName(half, tool.action, invented, random));
  const bool invented_parameters = random->Below(invented.parameters) == 0;
  for (const std::string& kind : tool.action.needs) {
    const Parameter& parameter = FindParameter(kind);
    const auto taken = [&](const std::string& name) {
      return std::ranges::any_of(tool.slots, [&](const Slot& s) { return s.name == name; });
    };
    std::string name = invented_parameters ? "" : cased(ParameterName(half, parameter, random));
    while (name.empty() || taken(name)) {
      do {
        name = cased(invented.parameter(half, parameter, random));
      } while (IsNounOfParameter(name));
    }
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
                          {"description", ParameterAbout(half, *slot.parameter, random)}});
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
                           {"description", tool.action.about},
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
  if (kind == "dish") {
    const std::string food = AnyWord(Words::kFoods, random);
    return food + " with " + AnyWord(Words::kFoods, random);
  }
  if (kind == "title") {
    const std::string colour = Capitalised(AnyWord(Words::kColours, random));
    return "The " + colour + " " + Capitalised(AnyWord(Words::kThings, random));
  }
  if (kind == "place") return PlaceName(half, random);
  if (kind == "person") return PersonName(half, random).text;
  if (kind == "invented") return InventedWord(half, random);
  if (kind == "file") return InventedWord(half, random) + ".png";
  if (kind == "animal_fact") {
    const std::string food = AnyWord(Words::kFoods, random);
    return "It likes " + food + " and sleeps near " + PlaceName(half, random) + ".";
  }
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

// Whether two tools would do the same: a request could mean either.
bool Alike(const Tool& a, const Tool& b) {
  return a.name == b.name ||
         (a.action.object == b.action.object && a.action.verbs == b.action.verbs);
}

class TaskMaker {
 public:
  TaskMaker(Half half, Invented invented, Random* random)
      : half_(half), invented_(invented), random_(random), camel_(random->Below(3) == 0) {}

  ToolTask Make(std::size_t offered, std::size_t turns) {
    // The last one is not on offer: it is asked for when no tool is to fit.
    while (tools_.size() <= offered) Add(MakeTool(half_, AnyAction(), camel_, invented_, random_));
    Tool missing = std::move(tools_.back());
    tools_.pop_back();
    for (const Tool& tool : tools_) task_.tools.push_back(Schema(half_, tool, random_));
    if (random_->Below(2) == 0) task_.system = AnyOf(ItemsOf(half_, kSystems), random_);
    for (std::size_t i = 0; i < turns; ++i) {
      const bool fits = random_->Below(100) < 80;
      task_.turns.push_back(Turn(fits ? AnyOf(tools_, random_) : missing, fits));
    }
    return std::move(task_);
  }

 private:
  void Add(Tool tool) {
    if (std::ranges::none_of(tools_, [&](const Tool& other) { return Alike(tool, other); }))
      tools_.push_back(std::move(tool));
  }

  bool Invents() { return invented_.actions > 0 && random_->Below(invented_.actions) == 0; }

  // One in four is of the table, where none is invented. Of the others every third does something
  // else to what the first one is for, so that the object alone does not tell which tool is meant.
  Action AnyAction() {
    static const auto training = ItemsOf(Half::kTraining, AllActions());
    static const auto heldout = ItemsOf(Half::kHeldOut, AllActions());
    if (invented_.actions == 0 && random_->Below(4) == 0)
      return AnyOf(half_ == Half::kTraining ? training : heldout, random_);
    if (!subject_ || random_->Below(3) != 0)
      subject_ = Invents() ? Subject{'t', InventedWord(half_, random_)} : AnySubject(random_);
    return ComposedAction(half_, *subject_, Invents(), random_);
  }

  ToolTurn Turn(const Tool& tool, bool fits) {
    Cast cast;
    Json arguments = Json::MakeObject({});
    for (const Slot& slot : tool.slots) {
      const Json value = AnyValue(half_, *slot.parameter, random_);
      cast[slot.kind] = {Spoken(value)};
      arguments.Set(slot.name, value);
    }
    ToolTurn turn{.request = Request(tool, cast), .calls = {}, .result = {}, .reply = {}};
    if (!fits) {
      turn.reply = AnyOf(ItemsOf(half_, kNoTool), random_);
      return turn;
    }
    turn.calls = {
        {.id = fmt::format("call_{}", ++calls_), .name = tool.name, .arguments = arguments.Dump()}};
    turn.result = chat::PromptJson(Result(tool, &cast));
    turn.reply = Expand(tool.action.reply, cast, random_);
    return turn;
  }

  std::string Request(const Tool& tool, const Cast& cast) {
    std::string request = AnyOf(tool.action.requests, random_);
    std::vector<Slot> order = tool.slots;
    Shuffle(&order, random_);
    for (const Slot& slot : order)
      request += " " + Expand(AnyOf(slot.parameter->phrases, random_),
                              {{"v", cast.find(slot.kind)->second}}, random_);
    constexpr const char* kQuestions[] = {"What",  "How",   "When", "Can",
                                          "Could", "Would", "Will", "May"};
    const bool question = std::ranges::any_of(
        kQuestions, [&](const char* word) { return request.starts_with(word); });
    const std::string before = AnyOf(kPolite, random_);
    return before + request + (question ? "?" : ".") + AnyOf(kAfter, random_);
  }

  Json Result(const Tool& tool, Cast* cast) {
    Json result = Json::MakeObject({});
    for (const std::string& field : tool.action.gives) {
      const std::size_t colon = field.find(':');
      const std::string name = field.substr(0, colon);
      const Json value = ResultValue(half_, field.substr(colon + 1), random_);
      (*cast)[name] = {Spoken(value)};
      result.Set(name, value);
    }
    return result;
  }

  Half half_;
  Invented invented_;
  Random* random_;
  bool camel_;
  std::optional<Subject> subject_;
  std::vector<Tool> tools_;
  std::size_t calls_ = 0;
  ToolTask task_;
};

void AddTurn(const ToolTurn& turn, Conversation* talk) {
  talk->User(turn.request);
  if (!turn.calls.empty()) {
    talk->Call(turn.calls);
    talk->ToolResult(turn.result, turn.calls.front().id);
  }
  talk->Assistant(turn.reply);
}

}  // namespace

ToolTask MakeToolTask(Half half, std::size_t turns, Random* random) {
  TaskMaker maker(half, kUsual, random);
  const std::size_t offered = 1 + random->Below(3);
  return maker.Make(offered, turns);
}

ToolTask MakeToolDrill(Half half, std::size_t turns, Random* random) {
  TaskMaker maker(half, kDrill, random);
  const std::size_t offered = 2 + random->Below(2);
  return maker.Make(offered, turns);
}

bool ObeysSchema(const Json& arguments, const Json& tool) {
  const Json& properties = *tool.Find("parameters")->Find("properties");
  const Json::Object* given = arguments.AsObject();
  return given != nullptr && given->size() == properties.AsObject()->size() &&
         std::ranges::all_of(*given, [&](const auto& argument) {
           const Json* property = properties.Find(argument.first);
           return property != nullptr && Fits(argument.second, *property);
         });
}

Conversation ToolConversation(const ToolTask& task) {
  Conversation talk;
  talk.System(task.system, task.tools);
  for (const ToolTurn& turn : task.turns) AddTurn(turn, &talk);
  return talk;
}

Conversation ToolQuestion(const ToolTask& task, std::size_t turn) {
  Conversation talk;
  talk.System(task.system, task.tools);
  for (std::size_t i = 0; i < turn; ++i) AddTurn(task.turns[i], &talk);
  talk.User(task.turns[turn].request);
  return talk;
}

}  // namespace hadal::datagen
