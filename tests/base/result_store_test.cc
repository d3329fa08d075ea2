#include "moest/base/result_store.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "moest/base/error.h"

namespace moest {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Json = nlohmann::ordered_json;

class ResultStoreFile : public testing::Test {
 protected:
  ResultStoreFile() { fs::remove(path_); }
  ~ResultStoreFile() override { fs::remove(path_); }

  std::string path_ = fs::temp_directory_path() / ("moest_result_store_test_" + std::to_string(::getpid()));
  Json specification_{{"seed", 1}};
  static bool has_value(const Json&, const Json& result) {
    return result.contains("value") && result["value"].is_number();
  }
};

TEST_F(ResultStoreFile, FindsWhatWasAddedEarlier) {
  {
    Journal journal(path_);
    ResultStore store(&journal, specification_, "trial", has_value);
    EXPECT_EQ(store.find(3), nullptr);
    store.add(3, {{"value", 0.1}});
    store.add({{"a", 1}}, {{"value", 2}});
    EXPECT_EQ((*store.find(3))["value"], 0.1);
  }
  Journal journal(path_);
  const ResultStore store(&journal, specification_, "trial", has_value);
  EXPECT_EQ((*store.find(3))["value"], 0.1);
  EXPECT_EQ((*store.find({{"a", 1}}))["value"], 2);
  EXPECT_EQ(store.find(4), nullptr);
}

TEST_F(ResultStoreFile, IsInMemoryWithoutAJournal) {
  ResultStore store(nullptr, specification_, "trial", has_value);
  store.add(1, {{"value", 5}});
  EXPECT_EQ((*store.find(1))["value"], 5);
}

TEST_F(ResultStoreFile, RefusesAnotherSpecificationAndDamagedLines) {
  {
    Journal journal(path_);
    ResultStore(&journal, specification_, "trial", has_value).add(1, {{"value", 5}});
  }
  {
    Journal journal(path_);
    EXPECT_THAT(
        [&] {
          ResultStore(&journal, {{"seed", 2}}, "trial", has_value);
        },
        ThrowsMessage<InputError>(HasSubstr("the store is that of another trial")));
  }
  std::ofstream(path_, std::ios::app) << "{\"of\": 2, \"is\": {\"other\": 1}}\n";
  Journal journal(path_);
  EXPECT_THAT([&] { ResultStore(&journal, specification_, "trial", has_value); },
              ThrowsMessage<InputError>(HasSubstr("line 3 of the store is damaged")));
}

}  // namespace
}  // namespace moest
