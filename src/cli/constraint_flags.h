// --json-schema and --json-object: what a text must be (engine/constraint.h).
#pragma once
#include <string>

#include "base/result.h"
#include "cli/command_line.h"
#include "engine/constraint.h"
#include "text/tokenizer.h"

namespace hadal::cli {

struct ConstraintFlags {
  std::string schema_file;
  bool json_object = false;
};

void AddConstraintFlags(Command command, ConstraintFlags* flags);

// Nothing if no flag was given. Errors have the file's name in front. The tokenizer outlives it.
Result<engine::ConstraintOptions> ConstraintWith(const ConstraintFlags& flags,
                                                 const text::Tokenizer& tokenizer);

}  // namespace hadal::cli
