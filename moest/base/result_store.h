// Results that were computed earlier, by a key, in a journal that the work goes on from.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "moest/base/journal.h"

namespace moest {

/// The first line of the journal is the specification of the work, every other one {"of": key, "is": result}.
class ResultStore {
 public:
  using Json = nlohmann::ordered_json;

  /// Without a journal the results are in memory only. is_result(key, result) says whether a line is whole.
  /// Throws InputError for a journal of another specification (`work` says what it is one of, "comparison"
  /// say), or a damaged line.
  ResultStore(Journal* journal, const Json& specification, std::string_view work,
              const std::function<bool(const Json& key, const Json& result)>& is_result);

  /// nullptr if it has to be computed.
  const Json* find(const Json& key) const;
  /// For one thread at a time with other calls of add(), and not while another one looks for a result.
  void add(const Json& key, Json result);

 private:
  Journal* journal_;
  std::map<std::string, Json> known_;
  std::mutex mutex_;
};

}  // namespace moest
