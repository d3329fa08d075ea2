#include "moest/base/result_store.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "moest/base/error.h"

namespace moest {

ResultStore::ResultStore(Journal* journal, const Json& specification, std::string_view work,
                         const std::function<bool(const Json&, const Json&)>& is_result)
    : journal_(journal) {
  if (journal_ == nullptr) {
    return;
  }
  const std::vector<std::string>& lines = journal_->lines();
  if (lines.empty()) {
    journal_->append(specification.dump());
    return;
  }
  if (lines.front() != specification.dump()) {
    throw InputError(fmt::format("the store is that of another {}", work),
                     fmt::format("it was made for {}, and this is {}", lines.front(), specification.dump()),
                     "Give --store another file, or the same data and options.");
  }
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const Json line = Json::parse(lines[i], nullptr, false);
    const bool is_entry = line.is_object() && line.contains("of") && line.contains("is");
    if (!is_entry || !is_result(line["of"], line["is"])) {
      throw InputError(fmt::format("line {} of the store is damaged", i + 1),
                       fmt::format("it is no result of a {}", work),
                       "Remove the line, or give --store another file.");
    }
    known_[line["of"].dump()] = line["is"];
  }
}

const ResultStore::Json* ResultStore::find(const Json& key) const {
  const auto found = known_.find(key.dump());
  return found == known_.end() ? nullptr : &found->second;
}

void ResultStore::add(const Json& key, Json result) {
  const std::lock_guard lock(mutex_);
  if (journal_ != nullptr) {
    journal_->append(Json{{"of", key}, {"is", result}}.dump());
  }
  known_[key.dump()] = std::move(result);
}

}  // namespace moest
