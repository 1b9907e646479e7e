#include "cli/serve_page.h"

#include <utility>

#include "page/page.h"
#include "plan/page.h"
#include "plan/planned_model.h"

namespace hadal::cli {
namespace {

constexpr const char* kServed = "served";  // the key of the served model among the others

// The presets that it is compared with, and the served model last: web/chat/logic/machine.js.
Result<std::string> PlanJson(const std::string& model) {
  HADAL_TRY(std::vector<plan::PlannedModel> models,
            plan::FindModels({"v3.2", "gqa8", "v4-pro", "v4-flash"}));
  HADAL_TRY(plan::PlannedModel served,
            model.empty() ? plan::FindModel("embedded") : plan::ModelFromPath(model));
  served.key = kServed;
  models.push_back(std::move(served));
  HADAL_TRY(const plan::Accounting accounting,
            plan::MakeAccounting("published", "fp8-equivalent", false));
  Json data = plan::PageData(models, {1024, 1 << 20}, accounting);
  data.Set("served", kServed);
  return data.Dump();
}

server::Document FileDocument(const page::File& file, std::string path) {
  return {.path = std::move(path),
          .content_type = std::string(file.content_type),
          .etag = std::string(file.etag),
          .headers = {{"cache-control", std::string(page::kCacheControl)},
                      {"content-security-policy", std::string(page::kContentSecurityPolicy)},
                      {"x-content-type-options", "nosniff"},
                      {"referrer-policy", "no-referrer"}},
          .open = true,
          .bytes = file.bytes};
}

}  // namespace

std::vector<server::Document> PageDocuments(const std::string& model) {
  std::vector<server::Document> documents;
  for (const page::File& file : page::Files())
    documents.push_back(FileDocument(file, "/" + std::string(file.name)));
  documents.push_back(FileDocument(*page::Find(""), "/"));
  documents.push_back({.path = "/hadal/plan", .content_type = "application/json", .make = [model] {
                         return PlanJson(model);
                       }});
  return documents;
}

}  // namespace hadal::cli
