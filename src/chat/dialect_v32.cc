#include "chat/dialect.h"

namespace hadal::chat {

// Source: DeepSeek-V3.2, encoding/encoding_dsv32.py. It has no reminders, no tasks and no words for
// the highest effort.
constexpr Dialect kDeepSeekV32{
    .model_type = "deepseek_v32",
    .bos = "<\uFF5Cbegin\u2581of\u2581sentence\uFF5C>",
    .eos = "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
    .user = "<\uFF5CUser\uFF5C>",
    .assistant = "<\uFF5CAssistant\uFF5C>",
    .latest_reminder = "",
    .think_begin = "<think>",
    .think_end = "</think>",
    .dsml = "\uFF5CDSML\uFF5C",
    .task_begin = "",
    .task_end = "",
    .tasks = {},
    .reply_task = "",
    .joins_turns = false,
    .keeps_reasoning = false,
    .tool_calls = "function_calls",
    .results_begin = "\n\n<function_results>\n",
    .results_end = "\n</function_results>\n\n",
    .result_begin = "<result>",
    .result_end = "</result>",
    .between_parts = "\n",
    .max_effort = "",
    .developer_before = "\n\n# The user's message is: ",
    .tools_before =
        "## Tools\n"
        "You have access to a set of tools you can use to answer the user's question.\n"
        "You can invoke functions by writing a \"<{dsml}function_calls>\" block like the "
        "following as part of your reply to the user:\n"
        "<{dsml}function_calls>\n"
        "<{dsml}invoke name=\"$FUNCTION_NAME\">\n"
        "<{dsml}parameter name=\"$PARAMETER_NAME\" "
        "string=\"true|false\">$PARAMETER_VALUE</{dsml}parameter>\n"
        "...\n"
        "</{dsml}invoke>\n"
        "<{dsml}invoke name=\"$FUNCTION_NAME2\">\n"
        "...\n"
        "</{dsml}invoke>\n"
        "</{dsml}function_calls>\n"
        "String and scalar parameters should be specified as is without any escaping or quotes, "
        "while lists and objects should use JSON format. The \"string\" attribute should be set "
        "to \"true\" for string type parameters and \"false\" for other types (numbers, "
        "booleans, arrays, objects).\n"
        "If the thinking_mode is enabled, then after function results you should strongly "
        "consider outputting a thinking block. Here is an example:\n"
        "<{dsml}function_calls>\n"
        "...\n"
        "</{dsml}function_calls>\n"
        "<function_results>\n"
        "...\n"
        "</function_results>\n"
        "{think_begin}...thinking about results{think_end}\n"
        "Here are the functions available in JSONSchema format:\n"
        "<functions>\n",
    .tools_after = "\n</functions>\n",
    .format_before =
        "## Response Format:\n\n"
        "You MUST strictly adhere to the following schema to reply:\n",
};

}  // namespace hadal::chat
