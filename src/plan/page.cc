#include "plan/page.h"

#include <algorithm>
#include <utility>

#include "cost/accounting.h"

namespace hadal::plan {
namespace {

// Inside <script>, the text "</script" or "<!--" would end or change the element.
std::string ForScript(const Json& data) {
  std::string out;
  for (const char c : data.Dump()) c == '<' ? out += "\\u003c" : out += c;
  return out;
}

Json AccountingsJson() {
  Json::Array all;
  for (const cost::FlopAccounting& accounting : cost::FlopAccountings()) {
    Json facts{Json::Object{}};
    AddAccounting({.flops = &accounting}, &facts);
    all.push_back(*facts.Find("flops"));
  }
  return all;
}

Json KvFormatsJson() {
  Json::Array names;
  for (std::size_t f = 0; f < cost::kKvFormats; ++f)
    names.emplace_back(cost::KvFormatName(static_cast<cost::KvFormat>(f)));
  return names;
}

Json ComponentsJson() {
  Json::Array components;
  for (std::size_t c = 0; c < cost::kComponents; ++c) {
    const auto component = static_cast<cost::Component>(c);
    components.push_back(Json::MakeObject(
        {{"key", cost::ComponentKey(component)}, {"name", cost::ComponentName(component)}}));
  }
  return components;
}

std::pair<std::uint64_t, std::uint64_t> SliderEnds(const std::vector<PlannedModel>& models,
                                                   const std::vector<std::uint64_t>& contexts) {
  if (contexts.size() > 1) return {contexts.front(), contexts.back()};
  std::uint64_t last = contexts[0];
  for (const PlannedModel& model : models) last = std::max(last, model.cost.max_context);
  const std::uint64_t first = std::min<std::uint64_t>(contexts[0], 1024);
  return {first, std::max(last, 2 * first)};
}

}  // namespace

Json PageData(const std::vector<PlannedModel>& models, const std::vector<std::uint64_t>& contexts,
              const Accounting& accounting) {
  HADAL_CHECK(!models.empty() && !contexts.empty());
  Json::Array described;
  for (const PlannedModel& model : models) described.push_back(ModelJson(model));
  const auto [first, last] = SliderEnds(models, contexts);
  return Json::MakeObject({{"models", std::move(described)},
                           {"components", ComponentsJson()},
                           {"kv_formats", KvFormatsJson()},
                           {"accountings", AccountingsJson()},
                           {"first_context", first},
                           {"last_context", last},
                           {"context", contexts.back()},
                           {"kv", cost::KvFormatName(accounting.kv)},
                           {"flops", accounting.flops->name},
                           {"binary_units", accounting.units == ByteUnits::kBinary}});
}

Result<std::string> PlanPage(const std::vector<PlannedModel>& models,
                             const std::vector<std::uint64_t>& contexts,
                             const Accounting& accounting) {
  return AssemblePage(BuiltInPage(), PageData(models, contexts, accounting));
}

Result<std::string> AssemblePage(const PageSources& sources, const Json& data) {
  if (sources.chart_script.empty())
    return Fail(Code::kUnsupported,
                "--html: this hadal was built without the chart library uPlot; run "
                "`tools/install_deps.sh web` in the source tree, then build again");
  const std::string json = ForScript(data);
  const std::pair<std::string_view, std::string_view> parts[] = {
      {"{{chart_css}}", sources.chart_css},
      {"{{css}}", sources.css},
      {"{{data}}", json},
      {"{{chart_script}}", sources.chart_script},
      {"{{script}}", sources.script}};
  std::string page;
  std::string_view rest = sources.html;  // the parts stand in it in this order, once each
  for (const auto& [mark, text] : parts) {
    const std::size_t at = rest.find(mark);
    HADAL_CHECK(at != std::string_view::npos);
    page += rest.substr(0, at);
    page += text;
    rest.remove_prefix(at + mark.size());
  }
  return page += rest;
}

}  // namespace hadal::plan
