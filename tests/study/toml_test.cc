#include "moest/study/toml.h"

#include <gmock/gmock.h>

#include "moest/base/error.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Json = nlohmann::ordered_json;

TEST(Toml, BecomesJsonOfTheSameValues) {
  const Json json = json_of_toml(R"(
a = 1
b = [0.1, -2.5e-3, 7]
c = "text"
d = true
[e.f]
g = {h = []}
[[i]]
j = 1
[[i]]
j = 2
)",
                                 "file.toml");
  EXPECT_EQ(json["a"], 1);
  EXPECT_TRUE(json["a"].is_number_integer());
  EXPECT_EQ(json["b"], Json::parse("[0.1, -0.0025, 7]"));
  EXPECT_EQ(json["c"], "text");
  EXPECT_EQ(json["d"], true);
  EXPECT_EQ(json["e"]["f"]["g"]["h"], Json::array());
  EXPECT_EQ(json["i"], Json::parse(R"([{"j": 1}, {"j": 2}])"));
}

TEST(Toml, NamesThePlaceOfWhatIsWrong) {
  EXPECT_THAT(
      [] { json_of_toml("a = 1\nb = [1,, 2]\n", "file.toml"); },
      ThrowsMessage<InputError>(AllOf(HasSubstr("file.toml, line 2, column 8"), HasSubstr("no TOML"))));
  EXPECT_THAT([] { json_of_toml("a = 1\na = 2\n", "file.toml"); },
              ThrowsMessage<InputError>(HasSubstr("file.toml, line 2")));
  for (const char* value : {"2026-01-01", "inf", "nan", "12:00:00"}) {
    EXPECT_THAT([&] { json_of_toml(std::string("x = 1\ny = ") + value, "file.toml"); },
                ThrowsMessage<InputError>(HasSubstr("line 2, column 5")))
        << value;
  }
}

}  // namespace
}  // namespace moest
