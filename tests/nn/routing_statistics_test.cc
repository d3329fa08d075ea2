#include "nn/routing_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace moest::nn {
namespace {

using testing::DoubleEq;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::Optional;

// Four tokens that use two of three experts each.
Routing example() {
  Routing routing;
  routing.experts = torch::tensor({{0, 1}, {1, 0}, {0, 2}, {0, 1}}, torch::kLong);
  routing.scores =
      torch::tensor({{3.0, 2.0, 1.5}, {1.0, 4.0, -1.0}, {5.0, 0.0, 4.0}, {2.0, 1.0, 0.5}}, torch::kDouble);
  routing.probabilities =
      torch::tensor({{0.5, 0.5, 0.0}, {0.0, 1.0, 0.0}, {1.0, 0.0, 0.0}, {0.25, 0.5, 0.25}}, torch::kDouble);
  return routing;
}

TEST(RoutingStatistics, AreThoseCountedByHand) {
  const RoutingStatistics statistics = routing_statistics(example());
  EXPECT_THAT(statistics.load, ElementsAre(DoubleEq(4.0 / 8), DoubleEq(3.0 / 8), DoubleEq(1.0 / 8)));
  const double entropy = -(0.5 * std::log(0.5) + 0.375 * std::log(0.375) + 0.125 * std::log(0.125));
  EXPECT_NEAR(statistics.load_entropy, entropy / std::log(3.0), 1e-15);
  EXPECT_NEAR(statistics.weight_entropy, (std::log(2.0) + 1.5 * std::log(2.0)) / 4 / std::log(3.0), 1e-15);
  EXPECT_THAT(statistics.co_activation, ElementsAre(ElementsAre(1, 0.75, 0.25), ElementsAre(0.75, 0.75, 0),
                                                    ElementsAre(0.25, 0, 0.25)));
  EXPECT_THAT(statistics.margin, Optional(DoubleNear((0.5 + 2 + 4 + 0.5) / 4, 1e-15)));
  EXPECT_EQ(statistics.change_rate, std::nullopt);
  EXPECT_EQ(statistics.dropped, 0);
}

TEST(RoutingStatistics, CountChangedExpertsWhateverTheirOrder) {
  const torch::Tensor before = torch::tensor({{1, 0}, {1, 2}, {1, 2}, {2, 0}}, torch::kLong);
  EXPECT_THAT(routing_statistics(example(), before).change_rate, Optional(DoubleEq(3.0 / 8)));
  EXPECT_THAT(routing_statistics(example(), example().experts).change_rate, Optional(0.0));
}

TEST(RoutingStatistics, ShareOfChoicesWithoutRoom) {
  Routing routing = example();
  routing.kept = torch::tensor({{true, true}, {false, true}, {true, true}, {true, true}});
  EXPECT_EQ(routing_statistics(routing).dropped, 0.125);
}

TEST(RoutingStatistics, HaveNoMarginWhereEveryExpertIsUsed) {
  Routing routing;
  routing.experts = torch::zeros({2, 1}, torch::kLong);
  routing.scores = torch::ones({2, 1});
  routing.probabilities = torch::ones({2, 1});
  const nlohmann::ordered_json json = statistics_json(routing_statistics(routing));
  EXPECT_EQ(
      json.dump(),
      R"({"load":[1.0],"load_entropy":0.0,"weight_entropy":0.0,"change_rate":null,"co_activation":[[1.0]],)"
      R"("margin":null,"dropped":0.0})");
}

}  // namespace
}  // namespace moest::nn
