// What the writers of config.json share.
#pragma once
#include "arch/config.h"

namespace hadal::arch {

void SetTokens(const Config& config, Json* json);  // bos_token_id, eos_token_id

}  // namespace hadal::arch
