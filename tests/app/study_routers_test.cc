// moest study with a store that moest-nn compare has made.
#include <gmock/gmock.h>

#include <cstdlib>

#include "moest/study/router_store.h"
#include "tests/app/run_program.h"
#include "tests/study/router_examples.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

/// Two routers over three seeds, of which the last run is missing.
class StoreOfRouters : public testing::Test {
 protected:
  StoreOfRouters() {
    RouterStore store(workspace_.path("r.db"), Database::Access::write);
    store.set_comparison(design());
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      store.add(row_of("linear", seed, 2.5), design());
      if (seed < 3) {
        store.add(row_of("cosine", seed, 1 + 0.125 * static_cast<double>(seed)), design());
      }
    }
  }

  Workspace workspace_;
};

TEST_F(StoreOfRouters, HasATableAndSaysWhatIsMissing) {
  const RunResult status = workspace_.moest({"study", "status", "r.db"});
  EXPECT_EQ(status.status, 0) << status.err;
  EXPECT_THAT(status.out,
              AllOf(HasSubstr("difference to linear"), HasSubstr("that are missing are there: cosine."),
                    HasSubstr("5 of 6 runs are there")));
  const Json json = Json::parse(workspace_.moest({"study", "status", "r.db", "--json"}).out);
  EXPECT_EQ(json["num_planned"], 6);
  EXPECT_EQ(json["num_done"], 5);
  EXPECT_EQ(json["contestants"][0]["mean"], 2.5);
  EXPECT_EQ(json["contestants"][1]["num_runs"], 2);
}

TEST_F(StoreOfRouters, IsReadAgainstAnotherReference) {
  const Json json =
      Json::parse(workspace_.moest({"study", "status", "r.db", "--reference", "cosine", "--json"}).out);
  EXPECT_EQ(json["reference"], "cosine");
  EXPECT_NEAR(json["contestants"][0]["difference"]["mean"].get<double>(), 2.5 - 1.1875, 1e-12);
  EXPECT_TRUE(json["contestants"][1]["difference"].is_null());
  const RunResult unknown = workspace_.moest({"study", "status", "r.db", "--reference", "cosin"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.err,
              HasSubstr("reference = cosin is unknown (known: cosine, linear) Did you mean `cosine`?"));
}

TEST_F(StoreOfRouters, CountsOnlyTheRunsOfItsDesign) {
  RouterComparison comparison = design();
  comparison.contestants.pop_back();
  comparison.num_seeds = 2;
  RouterStore(workspace_.path("r.db"), Database::Access::write).set_comparison(comparison);
  EXPECT_THAT(workspace_.moest({"study", "status", "r.db"}).out, HasSubstr("2 of 2 runs are there"));
}

TEST_F(StoreOfRouters, IsRefusedWithoutAComparison) {
  { const RouterStore store(workspace_.path("empty.db"), Database::Access::write); }
  const RunResult status = workspace_.moest({"study", "status", "empty.db"});
  EXPECT_EQ(status.status, 2);
  EXPECT_THAT(status.err, HasSubstr("empty.db holds no comparison yet"));
}

TEST_F(StoreOfRouters, HasAReport) {
  if (std::system("command -v gnuplot >/dev/null") != 0) {
    GTEST_SKIP() << "gnuplot is not installed";
  }
  const RunResult report = workspace_.moest({"study", "report", "r.db", "--output", "page"});
  EXPECT_EQ(report.status, 0) << report.err;
  EXPECT_THAT(report.err, HasSubstr("page/index.html"));
  EXPECT_THAT(workspace_.read("page/index.html"), HasSubstr("validation bits per character"));
  EXPECT_THAT(workspace_.read("page/tables/contestants.csv"), HasSubstr("cosine,,2,0,1.1875,"));
}

TEST_F(StoreOfRouters, HasNoRates) {
  const RunResult rates = workspace_.moest({"study", "rates", "r.db"});
  EXPECT_EQ(rates.status, 2);
  EXPECT_THAT(rates.err,
              AllOf(HasSubstr("store of a comparison of routers"), HasSubstr("moest study status r.db")));
}

}  // namespace
}  // namespace moest
