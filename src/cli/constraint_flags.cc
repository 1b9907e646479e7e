#include "cli/constraint_flags.h"

#include <memory>
#include <utility>

#include "base/json.h"
#include "cli/flags.h"
#include "grammar/json_schema.h"
#include "io/file.h"

namespace hadal::cli {
namespace {

Result<grammar::Grammar> Compiled(const std::string& path) {
  HADAL_TRY(const std::string text, io::ReadFile(path));
  const Result<Json> schema = ParseJson(text);
  if (!schema.ok()) return Within(path, schema.error());
  auto grammar = grammar::CompileSchema(*schema);
  if (!grammar.ok()) return Within(path, grammar.error());
  return grammar;
}

}  // namespace

void AddConstraintFlags(Command command, ConstraintFlags* flags) {
  const Option schema = command.AddOption("--json-schema", flags->schema_file,
                                          "the text must be JSON that this JSON Schema accepts");
  command.AddFlag("--json-object", flags->json_object, "the text must be a JSON object")
      .Excludes(schema);
}

Result<engine::ConstraintOptions> ConstraintWith(const ConstraintFlags& flags,
                                                 const text::Tokenizer& tokenizer) {
  if (flags.schema_file.empty() && !flags.json_object) return engine::ConstraintOptions{};
  grammar::Grammar grammar;
  if (flags.json_object) {
    grammar = grammar::ObjectGrammar();
  } else {
    HADAL_TRY(grammar, Compiled(flags.schema_file));
  }
  return engine::ConstraintOptions{
      .language = std::make_shared<engine::Language>(
          std::move(grammar), std::make_shared<const engine::Vocabulary>(tokenizer))};
}

}  // namespace hadal::cli
