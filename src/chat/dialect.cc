#include "chat/dialect.h"

namespace hadal::chat {

constexpr Dialect kDeepSeekV4{
    .model_type = "deepseek_v4",
    .bos = "<\uFF5Cbegin\u2581of\u2581sentence\uFF5C>",
    .eos = "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
    .user = "<\uFF5CUser\uFF5C>",
    .assistant = "<\uFF5CAssistant\uFF5C>",
    .latest_reminder = "<\uFF5Clatest_reminder\uFF5C>",
    .think_begin = "<think>",
    .think_end = "</think>",
    .dsml = "\uFF5CDSML\uFF5C",
    .task_begin = "<\uFF5C",
    .task_end = "\uFF5C>",
    .tasks = {"action", "query", "authority", "domain", "title", "extracted_url", "read_url"},
    .reply_task = "action",
    .joins_turns = true,
    .keeps_reasoning = true,
    .tool_calls = "tool_calls",
    .results_begin = "",
    .results_end = "",
    .result_begin = "<tool_result>",
    .result_end = "</tool_result>",
    .between_parts = "\n\n",
    .max_effort =
        "Reasoning Effort: Absolute maximum with no shortcuts permitted.\n"
        "You MUST be very thorough in your thinking and comprehensively decompose the "
        "problem to resolve the root cause, rigorously stress-testing your logic against "
        "all potential paths, edge cases, and adversarial scenarios.\n"
        "Explicitly write out your entire deliberation process, documenting every "
        "intermediate step, considered alternative, and rejected hypothesis to ensure "
        "absolutely no assumption is left unchecked.\n"
        "\n",
    .developer_before = "",
    .tools_before =
        "## Tools\n"
        "\n"
        "You have access to a set of tools to help answer the user's question. You can "
        "invoke tools by writing a \"<{dsml}tool_calls>\" block like the following:\n"
        "\n"
        "<{dsml}tool_calls>\n"
        "<{dsml}invoke name=\"$TOOL_NAME\">\n"
        "<{dsml}parameter name=\"$PARAMETER_NAME\" "
        "string=\"true|false\">$PARAMETER_VALUE</{dsml}parameter>\n"
        "...\n"
        "</{dsml}invoke>\n"
        "<{dsml}invoke name=\"$TOOL_NAME2\">\n"
        "...\n"
        "</{dsml}invoke>\n"
        "</{dsml}tool_calls>\n"
        "\n"
        "String parameters should be specified as is and set `string=\"true\"`. For all "
        "other types (numbers, booleans, arrays, objects), pass the value in JSON format "
        "and set `string=\"false\"`.\n"
        "\n"
        "If thinking_mode is enabled (triggered by {think_begin}), you MUST output your "
        "complete reasoning inside {think_begin}...{think_end} BEFORE any tool calls or final "
        "response.\n"
        "\n"
        "Otherwise, output directly after {think_end} with tool calls or final response.\n"
        "\n"
        "### Available Tool Schemas\n"
        "\n",
    .tools_after =
        "\n"
        "\n"
        "You MUST strictly follow the above defined tool name and parameter schemas to "
        "invoke tool calls.\n",
    .format_before =
        "## Response Format:\n\n"
        "You MUST strictly adhere to the following schema to reply:\n",
};

constexpr const Dialect* kDialects[] = {&kDeepSeekV4, &kDeepSeekV32};

const Dialect& DialectOf(std::string_view model_type) {
  for (const Dialect* dialect : kDialects)
    if (dialect->model_type == model_type) return *dialect;
  return kDeepSeekV4;
}

std::vector<std::string> DialectNames() {
  std::vector<std::string> names;
  for (const Dialect* dialect : kDialects) names.emplace_back(dialect->model_type);
  return names;
}

std::string CallsBegin(const Dialect& d) {
  return "\n\n<" + std::string(d.dsml) + std::string(d.tool_calls) + ">";
}

std::string CallEnd(const Dialect& d) { return "</" + std::string(d.dsml) + "invoke>"; }

std::string CallsEnd(const Dialect& d) {
  return "</" + std::string(d.dsml) + std::string(d.tool_calls) + ">";
}

std::vector<std::string> ControlTokens(const Dialect& d) {
  std::vector<std::string> tokens;
  for (const std::string_view token :
       {d.bos, d.eos, d.user, d.assistant, d.think_begin, d.think_end, d.dsml, d.latest_reminder})
    if (!token.empty()) tokens.emplace_back(token);
  for (const std::string_view task : d.tasks)
    if (!task.empty())
      tokens.push_back(std::string(d.task_begin) + std::string(task) + std::string(d.task_end));
  return tokens;
}

}  // namespace hadal::chat
