// The page of `hadal serve` as documents of the server: its files, and the models that its planner
// and its view of the machine compute with.
#pragma once
#include <string>
#include <vector>

#include "server/documents.h"

namespace hadal::cli {

// `model`: the served checkpoint's folder; empty: the embedded model.
std::vector<server::Document> PageDocuments(const std::string& model);

}  // namespace hadal::cli
