#include "moest/kernel/fused_pass.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "moest/base/build_info.h"
#include "moest/base/error.h"
#include "moest/base/random.h"
#include "tests/kernel/reference_links.h"
#include "tests/kernel/simd_targets.h"

namespace moest {
namespace {

using Real = long double;
// All but relu, whose kink spoils differences, and the high powers, whose fifth derivatives do.
constexpr Link kSmoothLinks[] = {Link::identity, Link::square, Link::sigmoid, Link::tanh,
                                 Link::gelu,     Link::silu,   Link::softplus};
constexpr double kEps = std::numeric_limits<double>::epsilon();

static_assert(!std::is_copy_constructible_v<FusedPass>);  // a copy would point into the original

/// A layout written out by hand, its samples and a point; columns 0 and 1 are the gate's, the experts see
/// what `shared` and the flags say.
struct Setting {
  MixtureLayout layout;
  SampleBlocks samples;
  std::vector<double> v;

  NormalEquations linearised(FusedPass& pass) const {
    NormalEquations result;
    pass.linearise(v, result);
    return result;
  }
};

enum class Features { shared, own, inputs_only, constant_only };
enum class Outer { none, weight, shift, weight_and_shift };

// Gates without a link are one less than experts.
Setting make_setting(int k, Features features, Outer outer, Link link, Eigen::Index n,
                     Link gate_link = Link::identity, int num_neurons = 1) {
  Setting setting{{}, SampleBlocks(n, 5), {}};
  MixtureLayout& layout = setting.layout;
  layout.feature_sets = {{0, 2, true}, {2, 3, true}, {2, 3, false}, {0, 0, true}};
  layout.constant_set = 3;
  const int expert_set = features == Features::shared        ? 0
                         : features == Features::own         ? 1
                         : features == Features::inputs_only ? 2
                                                             : 3;
  int next = 0;
  const auto take = [&](int size) { return std::exchange(next, next + size); };
  // Experts come first in v, and the outer parameters before the inner ones: no order is promised.
  for (int i = 0; i < k; ++i) {
    ExpertUnits expert;
    expert.shift = outer == Outer::shift || outer == Outer::weight_and_shift ? take(1) : -1;
    for (int m = 0; m < num_neurons; ++m) {
      NeuronUnits& neuron = expert.neurons.emplace_back();
      neuron.weight = outer == Outer::weight || outer == Outer::weight_and_shift ? take(1) : -1;
      neuron.inner = {expert_set, take(layout.feature_sets[static_cast<std::size_t>(expert_set)].size()),
                      link};
    }
    layout.experts.push_back(expert);
  }
  for (int i = 0; i < (gate_link == Link::identity ? k - 1 : k); ++i) {
    layout.gates.push_back({0, take(3), gate_link});
  }
  layout.num_parameters = next;

  Stream stream(7, static_cast<std::uint64_t>(n), "fused pass");
  const auto normals = [&] {
    Eigen::VectorXd values(n);
    for (double& value : values) {
      value = stream.normal();
    }
    return values;
  };
  for (int j = 0; j < 5; ++j) {
    setting.samples.set_feature(j, normals());
  }
  setting.samples.set_target(normals());
  for (int i = 0; i < next; ++i) {
    setting.v.push_back(stream.normal());
  }
  return setting;
}

// The gates see columns 0 and 1 only; where two scores are closer than the steps of the tests move them,
// the sample moves.
void move_away_from_ties(Setting& setting) {
  constexpr double kLeastGap = 0.05;
  const auto n = setting.samples.num_samples();
  Stream stream(11, 0, "away from ties");
  Eigen::MatrixXd features(n, 2);
  const auto has_tie = [&](Eigen::Index row) {
    std::vector<double> scores;
    for (const RidgeUnit& gate : setting.layout.gates) {
      const double* v = setting.v.data() + gate.offset;
      scores.push_back(v[0] * features(row, 0) + v[1] * features(row, 1) + v[2]);
    }
    scores.resize(setting.layout.experts.size(), 0.0);  // the anchored one
    std::sort(scores.begin(), scores.end());
    const auto gap = [](double a, double b) { return b - a < kLeastGap; };
    return std::adjacent_find(scores.begin(), scores.end(), gap) != scores.end();
  };
  for (Eigen::Index row = 0; row < n; ++row) {
    do {
      features.row(row) << stream.normal(), stream.normal();
    } while (has_tie(row));
  }
  setting.samples.set_feature(0, features.col(0));
  setting.samples.set_feature(1, features.col(1));
}

// f at one sample from the layout, in long double, without the kernel.
Real mean_at(const Setting& setting, std::span<const Real> v, Eigen::Index row) {
  const auto unit = [&](const RidgeUnit& ridge) {
    const FeatureSet& set = setting.layout.feature_sets[static_cast<std::size_t>(ridge.feature_set)];
    Real t = set.constant ? v[static_cast<std::size_t>(ridge.offset + set.num_columns)] : Real{0};
    for (int j = 0; j < set.num_columns; ++j) {
      const double* z = setting.samples.feature(static_cast<int>(row / kBlockSize), set.first_column + j);
      t += v[static_cast<std::size_t>(ridge.offset + j)] * z[row % kBlockSize];
    }
    return reference_link(ridge.link, t).value;
  };
  const bool separate = setting.layout.combiner == Combiner::separate;
  const auto k = setting.layout.experts.size();
  std::vector<Real> scores(k, Real{0});
  for (std::size_t i = 0; i < setting.layout.gates.size(); ++i) {
    scores[i] = unit(setting.layout.gates[i]);
    if (const auto& router = setting.layout.router) {
      scores[i] *= router->factor >= 0 ? v[static_cast<std::size_t>(router->factor)] : router->fixed_factor;
      scores[i] += i < router->biases.size() ? v[static_cast<std::size_t>(router->biases[i])] : Real{0};
    }
  }
  const auto is_kept = [&](std::size_t i) {
    int before = 0;
    for (std::size_t j = 0; j < k; ++j) {
      before += scores[j] > scores[i] || (scores[j] == scores[i] && j < i) ? 1 : 0;
    }
    return setting.layout.kept == 0 || before < setting.layout.kept;
  };
  // Of groups: the scores of experts, then those of the groups, each relative to the last of its softmax.
  std::vector<Real> masses_of_groups(k, Real{1});  // of an expert's group, less the masses in it
  for (std::size_t g = 0, i = 0; g < setting.layout.group_ends.size(); ++g) {
    const std::size_t first = i;
    const auto last = static_cast<std::size_t>(setting.layout.group_ends[g]) - 1;
    const Real of_group = std::exp(last + 1 < k ? std::exchange(scores[last], Real{0}) : Real{0});
    Real masses = 0;
    for (; i <= last; ++i) {
      masses += std::exp(scores[i]);
    }
    std::fill(masses_of_groups.begin() + static_cast<std::ptrdiff_t>(first),
              masses_of_groups.begin() + static_cast<std::ptrdiff_t>(i), of_group / masses);
  }
  Real total = 0;
  Real sum = 0;
  for (std::size_t i = 0; i < setting.layout.experts.size(); ++i) {
    const ExpertUnits& expert = setting.layout.experts[i];
    const Real mass = separate ? scores[i] : is_kept(i) ? masses_of_groups[i] * std::exp(scores[i]) : Real{0};
    Real h = expert.shift >= 0 ? v[static_cast<std::size_t>(expert.shift)] : Real{0};
    for (const NeuronUnits& neuron : expert.neurons) {
      const Real c = neuron.weight >= 0 ? v[static_cast<std::size_t>(neuron.weight)] : Real{1};
      h += c * unit(neuron.inner);
    }
    total += mass;
    sum += mass * h;
  }
  return separate ? sum : sum / total;
}

// Fourth-order differences with h = 2e-4: h^4/30 f5 is below 1e-12 for the fifth derivatives of these
// products of normal inputs, and rounding 1e-19/h far below. A wrong term would be of order 0.1.
std::vector<Real> row_at(const Setting& setting, Eigen::Index row) {
  std::vector<Real> v(setting.v.begin(), setting.v.end());
  std::vector<Real> result;
  for (Real& coordinate : v) {
    const Real h = 2e-4L;
    const Real centre = coordinate;
    const auto value = [&](Real shift) {
      coordinate = centre + shift;
      return mean_at(setting, v, row);
    };
    result.push_back((8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h));
    coordinate = centre;
  }
  return result;
}

// Largest discrepancy to long double sums, in units of the sums of magnitudes.
double discrepancy(const Setting& setting, const NormalEquations& equations) {
  const Eigen::Index p = setting.layout.num_parameters;
  const std::vector<Real> v(setting.v.begin(), setting.v.end());
  Eigen::Matrix<Real, Eigen::Dynamic, 1> gradient = Eigen::Matrix<Real, Eigen::Dynamic, 1>::Zero(p);
  Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic> gram(p, p);
  gram.setZero();
  Real rss = 0;
  const Eigen::Index n = setting.samples.num_samples();
  for (Eigen::Index s = 0; s < n; ++s) {
    const Real e =
        setting.samples.target(static_cast<int>(s / kBlockSize))[s % kBlockSize] - mean_at(setting, v, s);
    const std::vector<Real> row = row_at(setting, s);
    const Eigen::Map<const Eigen::Matrix<Real, Eigen::Dynamic, 1>> j(row.data(), p);
    rss += e * e;
    gradient += e * j;
    gram += j * j.transpose();
  }
  const auto size = static_cast<Real>(n) * (1 + gram.cwiseAbs().maxCoeff() / static_cast<Real>(n));
  const Real worst = std::max({std::abs(rss - equations.objective) / (1 + rss),
                               (gradient - equations.gradient.cast<Real>()).cwiseAbs().maxCoeff() / size,
                               (gram - equations.gram.cast<Real>()).cwiseAbs().maxCoeff() / size});
  return static_cast<double>(worst);
}

/// The same test on every instruction set of this processor.
class FusedPassOn : public testing::TestWithParam<std::int64_t> {
 private:
  ForcedTarget forced_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(EveryTarget, FusedPassOn, testing::ValuesIn(supported_targets()), target_name);

TEST_P(FusedPassOn, UsesTheInstructionSetThatIsForced) {
  EXPECT_EQ(simd_target(), hwy::TargetName(GetParam()));
  EXPECT_EQ(build_info().simd_target, simd_target());
}

TEST_P(FusedPassOn, AgreesWithADenseJacobianForEveryShapeOfLayout) {
  for (const int k : {1, 2, 4}) {
    for (const Features features :
         {Features::shared, Features::own, Features::inputs_only, Features::constant_only}) {
      for (const Outer outer : {Outer::none, Outer::weight, Outer::shift, Outer::weight_and_shift}) {
        for (const Link link : kSmoothLinks) {
          const Setting setting = make_setting(k, features, outer, link, 37);
          FusedPass pass(setting.layout, setting.samples);
          EXPECT_LT(discrepancy(setting, setting.linearised(pass)), 1e-11)
              << k << " " << static_cast<int>(features) << " " << static_cast<int>(outer) << " "
              << static_cast<int>(link);
        }
      }
    }
  }
}

TEST_P(FusedPassOn, AgreesWithADenseJacobianForEveryTailLength) {
  for (const Eigen::Index n : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 255, 256, 257, 700}) {
    const Setting setting = make_setting(3, Features::own, Outer::weight_and_shift, Link::tanh, n);
    FusedPass pass(setting.layout, setting.samples);
    EXPECT_LT(discrepancy(setting, setting.linearised(pass)), 1e-11) << n;
  }
}

// Tiles of sums are full, cut at the right, at the bottom and at both for these numbers of units and
// features.
TEST_P(FusedPassOn, AgreesWithADenseJacobianForManyExpertsAndFeatures) {
  for (const int k : {5, 7, 9}) {
    const Setting setting = make_setting(k, Features::shared, Outer::none, Link::tanh, 40);
    FusedPass pass(setting.layout, setting.samples);
    EXPECT_LT(discrepancy(setting, setting.linearised(pass)), 1e-11) << k;
  }
}

// J'f'' from long double: f'' by a difference of order 4 (h = 1e-3: h^4 f6 / 90 below 1e-10 for directions of
// order 1), J by row_at.
void expect_bend(const Setting& setting, const std::string& name) {
  FusedPass pass(setting.layout, setting.samples);
  Stream stream(3, 0, "direction");
  std::vector<double> direction;
  for (std::size_t i = 0; i < setting.v.size(); ++i) {
    direction.push_back(0.5 * stream.normal());
  }
  const auto along = [&](Real h, Eigen::Index row) {
    std::vector<Real> v(setting.v.begin(), setting.v.end());
    for (std::size_t i = 0; i < v.size(); ++i) {
      v[i] += h * direction[i];
    }
    return mean_at(setting, v, row);
  };
  const Real h = 1e-3L;
  std::vector<Real> expected(setting.v.size(), Real{0});
  for (Eigen::Index row = 0; row < setting.samples.num_samples(); ++row) {
    const Real second = (-along(2 * h, row) + 16 * along(h, row) - 30 * along(0, row) + 16 * along(-h, row) -
                         along(-2 * h, row)) /
                        (12 * h * h);
    const std::vector<Real> j = row_at(setting, row);
    for (std::size_t i = 0; i < j.size(); ++i) {
      expected[i] += second * j[i];
    }
  }
  Eigen::VectorXd bend;
  pass.bend(setting.v, direction, bend);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(bend[static_cast<Eigen::Index>(i)], static_cast<double>(expected[i]),
                1e-8 * (1 + std::abs(static_cast<double>(expected[i]))))
        << name;
  }
}

// Half the Hessian of e'e from differences of the gradient J'e, itself checked above: h = 1e-3 leaves h^4
// times a fifth derivative and 1e-16 n / h, both below 1e-8.
void expect_hessian(const Setting& setting, const std::string& name) {
  FusedPass pass(setting.layout, setting.samples);
  NormalEquations newton;
  pass.linearise(setting.v, newton, Curvature::newton);
  const NormalEquations gauss_newton = setting.linearised(pass);
  EXPECT_EQ(newton.objective, gauss_newton.objective);
  EXPECT_EQ(newton.gradient, gauss_newton.gradient);
  EXPECT_TRUE(newton.diagonal.isApprox(gauss_newton.gram.diagonal(), 1e-13));
  const auto gradient = [&](std::size_t i, double h) {
    std::vector<double> v = setting.v;
    v[i] += h;
    NormalEquations equations;
    pass.linearise(v, equations);
    return equations.gradient;
  };
  for (std::size_t i = 0; i < setting.v.size(); ++i) {
    const double h = 1e-3;
    const Eigen::VectorXd column =
        -(8 * (gradient(i, h) - gradient(i, -h)) - (gradient(i, 2 * h) - gradient(i, -2 * h))) / (12 * h);
    const double error = (newton.gram.col(static_cast<Eigen::Index>(i)) - column).cwiseAbs().maxCoeff();
    EXPECT_LT(error, 1e-7) << name << " " << i;
  }
}

TEST_P(FusedPassOn, BendsAndCurvesAsDifferencesSay) {
  for (const Features features : {Features::shared, Features::own, Features::constant_only}) {
    for (const Outer outer : {Outer::none, Outer::weight, Outer::weight_and_shift}) {
      for (const Link link : kSmoothLinks) {
        for (const int k : {1, 2, 4}) {
          const Setting setting = make_setting(k, features, outer, link, 19);
          const std::string name = fmt::format("{} {} {} {}", static_cast<int>(features),
                                               static_cast<int>(outer), static_cast<int>(link), k);
          expect_bend(setting, name);
          expect_hessian(setting, name);
        }
      }
    }
  }
}

// A gate with a link has a unit for each expert.
TEST_P(FusedPassOn, IsRightForGatesWithLinks) {
  for (const Link gate_link : {Link::log_sigmoid, Link::tanh, Link::gelu}) {
    for (const int k : {1, 2, 3, 5}) {
      for (const Outer outer : {Outer::none, Outer::weight_and_shift}) {
        const Setting setting = make_setting(k, Features::shared, outer, Link::tanh, 37, gate_link);
        const std::string name =
            fmt::format("{} {} {}", static_cast<int>(gate_link), k, static_cast<int>(outer));
        FusedPass pass(setting.layout, setting.samples);
        EXPECT_LT(discrepancy(setting, setting.linearised(pass)), 1e-11) << name;
        expect_bend(setting, name);
        expect_hessian(setting, name);
      }
    }
  }
}

TEST_P(FusedPassOn, IsRightForSeparateWeights) {
  for (const int k : {1, 2, 3, 5}) {
    for (const Link link : kSmoothLinks) {
      for (const Outer outer : {Outer::none, Outer::weight_and_shift}) {
        Setting setting = make_setting(k, Features::shared, outer, link, 37, Link::sigmoid);
        setting.layout.combiner = Combiner::separate;
        const std::string name = fmt::format("{} {} {}", k, static_cast<int>(link), static_cast<int>(outer));
        FusedPass pass(setting.layout, setting.samples);
        EXPECT_LT(discrepancy(setting, setting.linearised(pass)), 1e-11) << name;
        expect_bend(setting, name);
        expect_hessian(setting, name);
      }
    }
  }
}

// J'e and J'J of the rows are the sums that the pass makes without them.
TEST_P(FusedPassOn, HasTheRowsOfItsJacobian) {
  for (const Features features : {Features::shared, Features::own, Features::constant_only}) {
    const Setting setting = make_setting(3, features, Outer::weight_and_shift, Link::tanh, 300);
    FusedPass pass(setting.layout, setting.samples);
    const NormalEquations expected = setting.linearised(pass);
    Eigen::VectorXd gradient = Eigen::VectorXd::Zero(setting.layout.num_parameters);
    Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(gradient.size(), gradient.size());
    double rss = 0;
    Eigen::MatrixXd rows;
    Eigen::VectorXd residuals;
    for (int block = 0; block < setting.samples.num_blocks(); ++block) {
      pass.jacobian(setting.v, block, rows, residuals);
      ASSERT_EQ(rows.rows(), setting.samples.block_samples(block));
      gradient += rows.transpose() * residuals;
      gram += rows.transpose() * rows;
      rss += residuals.squaredNorm();
    }
    EXPECT_TRUE(gradient.isApprox(expected.gradient, 1e-11));
    EXPECT_TRUE(gram.isApprox(expected.gram, 1e-11));
    EXPECT_NEAR(rss, expected.objective, 1e-11 * rss);
    // It leaves nothing behind for the sums.
    EXPECT_EQ(setting.linearised(pass).objective, expected.objective);
  }
}

// The cost by its formula in long double, its gradient from row_at, and matrices as those of the weighted
// problem whose weights are the factors at this point.
TEST_P(FusedPassOn, IsRightForRobustLosses) {
  for (const Loss::Kind kind : {Loss::Kind::huber, Loss::Kind::cauchy}) {
    for (const double threshold : {1e-3, 0.8, 50.0}) {
      Setting setting = make_setting(3, Features::own, Outer::weight_and_shift, Link::tanh, 300);
      const Eigen::Index n = setting.samples.num_samples();
      Eigen::VectorXd target =
          Eigen::Map<const Eigen::VectorXd>(setting.samples.target(0), kBlockSize).replicate(2, 1).topRows(n);
      target[7] = 1e6;  // far off
      setting.samples.set_target(target);
      setting.samples.set_loss(0, {kind, threshold});
      const std::vector<Real> v(setting.v.begin(), setting.v.end());
      Real cost = 0;
      Eigen::VectorXd factors(n);
      std::vector<Real> gradient(setting.v.size(), Real{0});
      for (Eigen::Index row = 0; row < n; ++row) {
        const Real r = target[row] - mean_at(setting, v, row);
        const Real q = r / threshold;
        const bool is_huber = kind == Loss::Kind::huber;
        const bool is_large = std::abs(q) > 1;
        const Real factor = !is_huber ? 1 / (1 + q * q) : is_large ? 1 / std::abs(q) : Real{1};
        cost += !is_huber  ? threshold * threshold * std::log1p(q * q)
                : is_large ? threshold * (2 * std::abs(r) - threshold)
                           : r * r;
        factors[row] = static_cast<double>(factor);
        const std::vector<Real> j = row_at(setting, row);
        for (std::size_t p = 0; p < j.size(); ++p) {
          gradient[p] += factor * r * j[p];
        }
      }
      FusedPass pass(setting.layout, setting.samples);
      const NormalEquations robust = setting.linearised(pass);
      EXPECT_NEAR(robust.objective, static_cast<double>(cost), 1e-11 * static_cast<double>(cost));
      EXPECT_EQ(pass.residual_sum_of_squares(setting.v), robust.objective);
      for (std::size_t p = 0; p < gradient.size(); ++p) {
        const auto expected = static_cast<double>(gradient[p]);
        EXPECT_NEAR(robust.gradient[static_cast<Eigen::Index>(p)], expected, 1e-9 * (1 + std::abs(expected)));
      }
      Setting weighted = setting;
      weighted.samples.set_loss(0, {});
      weighted.samples.set_weights(factors);
      FusedPass reweighted(weighted.layout, weighted.samples);
      NormalEquations newton;
      NormalEquations expected;
      pass.linearise(setting.v, newton, Curvature::newton);
      reweighted.linearise(setting.v, expected, Curvature::newton);
      EXPECT_TRUE(newton.gram.isApprox(expected.gram, 1e-9));
      EXPECT_TRUE(robust.gram.isApprox(weighted.linearised(reweighted).gram, 1e-11));
      Eigen::VectorXd bend;
      Eigen::VectorXd expected_bend;
      pass.bend(setting.v, setting.v, bend);
      reweighted.bend(setting.v, setting.v, expected_bend);
      EXPECT_TRUE(bend.isApprox(expected_bend, 1e-10));
    }
  }
}

TEST_P(FusedPassOn, IsRightForGroups) {
  const std::vector<std::vector<int>> partitions{{1},    {1, 2},    {2},       {3},    {1, 3},
                                                 {2, 3}, {1, 2, 3}, {2, 3, 5}, {1, 5}, {4, 5}};
  for (const std::vector<int>& ends : partitions) {
    for (const Link link : kSmoothLinks) {
      for (const Outer outer : {Outer::none, Outer::weight_and_shift}) {
        Setting setting = make_setting(ends.back(), Features::shared, outer, link, 37);
        setting.layout.combiner = Combiner::hierarchical;
        setting.layout.group_ends = ends;
        const std::string name =
            fmt::format("{} {} {}", fmt::join(ends, ","), static_cast<int>(link), static_cast<int>(outer));
        FusedPass pass(setting.layout, setting.samples);
        EXPECT_LT(discrepancy(setting, setting.linearised(pass)), 1e-11) << name;
        expect_bend(setting, name);
        expect_hessian(setting, name);
      }
    }
  }
}

TEST_P(FusedPassOn, HasTheSoftmaxOfAllExpertsInOneGroupAndInGroupsOfOne) {
  for (const std::vector<int>& ends : {std::vector<int>{4}, std::vector<int>{1, 2, 3, 4}}) {
    Setting setting = make_setting(4, Features::shared, Outer::none, Link::tanh, 300);
    FusedPass flat(setting.layout, setting.samples);
    const NormalEquations expected = setting.linearised(flat);
    setting.layout.combiner = Combiner::hierarchical;
    setting.layout.group_ends = ends;
    FusedPass grouped(setting.layout, setting.samples);
    const NormalEquations given = setting.linearised(grouped);
    EXPECT_NEAR(given.objective, expected.objective, 1e-12 * expected.objective);
    EXPECT_TRUE(given.gram.isApprox(expected.gram, 1e-12));
    EXPECT_TRUE(given.gradient.isApprox(expected.gradient, 1e-12));
  }
}

// Experts of two and three neurons.
TEST_P(FusedPassOn, IsRightForExpertsOfSeveralNeurons) {
  for (const int num_neurons : {2, 3}) {
    for (const int k : {1, 2, 3, 5}) {
      for (const Features features : {Features::shared, Features::inputs_only}) {
        for (const Outer outer : {Outer::none, Outer::weight_and_shift}) {
          const Setting setting =
              make_setting(k, features, outer, Link::tanh, 37, Link::identity, num_neurons);
          const std::string name = fmt::format("{} {} {}", num_neurons, k, static_cast<int>(outer));
          FusedPass pass(setting.layout, setting.samples);
          EXPECT_LT(discrepancy(setting, setting.linearised(pass)), 1e-11) << name;
          expect_bend(setting, name);
          expect_hessian(setting, name);
        }
      }
    }
  }
}

TEST_P(FusedPassOn, IsRightForRouters) {
  for (const Link gate_link : {Link::identity, Link::tanh, Link::sigmoid, Link::gelu}) {
    for (const int k : {1, 2, 3, 5}) {
      for (const Outer outer : {Outer::none, Outer::weight_and_shift}) {
        for (const bool finds_factor : {false, true}) {
          Setting setting = make_setting(k, Features::own, outer, Link::tanh, 37, Link::tanh);
          for (RidgeUnit& gate : setting.layout.gates) {
            gate.link = gate_link;
          }
          RouterUnits& router = setting.layout.router.emplace();
          router.fixed_factor = 1.7;
          for (int i = 0; i + 1 < k; ++i) {
            router.biases.push_back(setting.layout.num_parameters++);
            setting.v.push_back(0.3 * i - 0.4);
          }
          if (finds_factor) {
            router.factor = setting.layout.num_parameters++;
            setting.v.push_back(1.3);
          }
          const std::string name =
              fmt::format("{} {} {}", static_cast<int>(gate_link), k, static_cast<int>(finds_factor));
          FusedPass pass(setting.layout, setting.samples);
          EXPECT_LT(discrepancy(setting, setting.linearised(pass)), 1e-11) << name;
          expect_bend(setting, name);
          expect_hessian(setting, name);
        }
      }
    }
  }
}

// Differences must not step over a tie, so samples beside one are drawn again.
TEST_P(FusedPassOn, IsRightForTheLargestScoresOnly) {
  for (const Link gate_link : {Link::identity, Link::log_sigmoid}) {
    for (const auto& [k, kept] : {std::pair(2, 1), {3, 1}, {3, 2}, {3, 3}, {5, 2}, {5, 4}}) {
      for (const Outer outer : {Outer::none, Outer::weight_and_shift}) {
        Setting setting = make_setting(k, Features::shared, outer, Link::tanh, 37, gate_link);
        setting.layout.kept = kept;
        move_away_from_ties(setting);
        const std::string name = fmt::format("{} {} of {}", static_cast<int>(gate_link), kept, k);
        FusedPass pass(setting.layout, setting.samples);
        EXPECT_LT(discrepancy(setting, setting.linearised(pass)), 1e-11) << name;
        expect_bend(setting, name);
        expect_hessian(setting, name);
      }
    }
  }
}

TEST_P(FusedPassOn, ShowsNothingOfTheGatesWhereOneExpertCounts) {
  Setting setting = make_setting(4, Features::own, Outer::none, Link::tanh, 300);
  setting.layout.kept = 1;
  FusedPass pass(setting.layout, setting.samples);
  NormalEquations newton;
  pass.linearise(setting.v, newton, Curvature::newton);
  for (const RidgeUnit& gate : setting.layout.gates) {
    EXPECT_TRUE(newton.gradient.segment(gate.offset, 3).isZero(0));
    EXPECT_TRUE(newton.gram.middleCols(gate.offset, 3).isZero(0));
    EXPECT_TRUE(newton.diagonal.segment(gate.offset, 3).isZero(0));
  }
}

// Scores of +-700 and beyond: weights 0, 1 or in between, never NaN, and sums that agree with long double.
TEST_P(FusedPassOn, SurvivesScoresOfSevenHundredAndMore) {
  for (const double scale : {350.0, 700.0, 1500.0}) {
    Setting setting = make_setting(3, Features::own, Outer::none, Link::tanh, 60);
    for (const RidgeUnit& gate : setting.layout.gates) {
      for (int j = 0; j < 3; ++j) {
        setting.v[static_cast<std::size_t>(gate.offset + j)] *= scale;
      }
    }
    FusedPass pass(setting.layout, setting.samples);
    const std::vector<Real> v(setting.v.begin(), setting.v.end());
    for (Eigen::Index row = 0; row < 60; ++row) {
      const BlockValues& values = pass.evaluate(setting.v, 0);
      // Rounding of a score of this size is a relative error of e^score.
      EXPECT_NEAR(values.mean[row], static_cast<double>(mean_at(setting, v, row)), 40 * scale * kEps)
          << scale;
    }
    EXPECT_TRUE(setting.linearised(pass).gram.allFinite());
  }
}

TEST_P(FusedPassOn, GivesTheSameBitsForAnyNumberOfThreads) {
  const Setting setting = make_setting(3, Features::own, Outer::weight, Link::tanh, 40 * 256 + 17);
  FusedPass pass(setting.layout, setting.samples);
  const NormalEquations one = setting.linearised(pass);
  Eigen::VectorXd one_bend;
  pass.bend(setting.v, setting.v, one_bend);
  for (const int threads : {2, 3, 8}) {
    FusedPass threaded(setting.layout, setting.samples, threads);
    const NormalEquations many = setting.linearised(threaded);
    EXPECT_EQ(many.objective, one.objective);
    EXPECT_EQ(many.gradient, one.gradient);
    EXPECT_EQ(many.gram, one.gram);
    EXPECT_EQ(threaded.residual_sum_of_squares(setting.v), one.objective);
    Eigen::VectorXd bend;
    threaded.bend(setting.v, setting.v, bend);
    EXPECT_EQ(bend, one_bend);
  }
}

TEST(FusedPass, IsCaughtByThisCheckWhenAnEntryIsSlightlyWrong) {
  const Setting setting = make_setting(2, Features::shared, Outer::none, Link::tanh, 50);
  FusedPass pass(setting.layout, setting.samples);
  const NormalEquations right = setting.linearised(pass);
  for (Eigen::Index i = 0; i < right.gradient.size(); ++i) {
    NormalEquations wrong = right;
    wrong.gradient[i] += 1e-6;
    EXPECT_GT(discrepancy(setting, wrong), 1e-11);
    wrong = right;
    wrong.gram(i, 0) += 1e-6;
    EXPECT_GT(discrepancy(setting, wrong), 1e-11);
  }
}

TEST(FusedPass, GivesAGramThatIsExactlySymmetric) {
  const Setting setting = make_setting(4, Features::own, Outer::weight_and_shift, Link::sigmoid, 300);
  FusedPass pass(setting.layout, setting.samples);
  const NormalEquations equations = setting.linearised(pass);
  EXPECT_EQ(equations.gram, Eigen::MatrixXd(equations.gram.transpose()));
}

TEST(FusedPass, GivesTheSameBitsTwiceAndFromAnotherPass) {
  const Setting setting = make_setting(3, Features::own, Outer::weight, Link::tanh, 700);
  FusedPass pass(setting.layout, setting.samples);
  const NormalEquations first = setting.linearised(pass);
  // Anything in between leaves no trace.
  const std::vector<double> other(setting.v.size(), 0.25);
  NormalEquations reused;
  pass.linearise(other, reused);
  pass.evaluate(other, 1);
  pass.linearise(setting.v, reused);
  FusedPass fresh(setting.layout, setting.samples);
  for (const NormalEquations& again : {reused, setting.linearised(fresh)}) {
    EXPECT_EQ(again.objective, first.objective);
    EXPECT_EQ(again.gradient, first.gradient);
    EXPECT_EQ(again.gram, first.gram);
  }
  EXPECT_EQ(pass.residual_sum_of_squares(setting.v), first.objective);
}

TEST(FusedPass, StillWorksAfterItWasMoved) {
  const Setting setting = make_setting(3, Features::own, Outer::weight, Link::tanh, 300);
  NormalEquations expected;
  FusedPass moved = [&] {
    FusedPass pass(setting.layout, setting.samples);
    expected = setting.linearised(pass);
    return FusedPass(std::move(pass));
  }();
  const std::vector<std::vector<double>> noise(200, std::vector<double>(kBlockSize, 1e300));
  NormalEquations result = setting.linearised(moved);
  EXPECT_EQ(result.gradient, expected.gradient);
  EXPECT_EQ(result.gram, expected.gram);

  const Setting other = make_setting(2, Features::shared, Outer::none, Link::sigmoid, 10);
  FusedPass target(other.layout, other.samples);
  target = std::move(moved);
  result = setting.linearised(target);
  EXPECT_EQ(result.gram, expected.gram);
  EXPECT_EQ(&target.samples(), &setting.samples);
  EXPECT_EQ(target.evaluate(setting.v, 0).weights.size(), 3u);
}

TEST(FusedPass, EvaluatesWeightsExpertsAndMeanConsistently) {
  const Setting setting = make_setting(4, Features::own, Outer::weight_and_shift, Link::tanh, 300);
  const std::vector<Real> v(setting.v.begin(), setting.v.end());
  FusedPass pass(setting.layout, setting.samples);
  for (int block = 0; block < 2; ++block) {
    const BlockValues& values = pass.evaluate(setting.v, block);
    ASSERT_EQ(values.weights.size(), 4u);
    ASSERT_EQ(values.experts.size(), 4u);
    for (int s = 0; s < setting.samples.block_samples(block); ++s) {
      double total = 0;
      double mean = 0;
      for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_GE(values.weights[i][s], 0);
        total += values.weights[i][s];
        mean += values.weights[i][s] * values.experts[i][s];
      }
      EXPECT_NEAR(total, 1, 4 * kEps);
      EXPECT_NEAR(mean, values.mean[s], 1e-13);
      EXPECT_NEAR(static_cast<double>(mean_at(setting, v, Eigen::Index{block} * kBlockSize + s)),
                  values.mean[s], 1e-13);
    }
  }
}

TEST(FusedPass, IgnoresPaddingWhateverTheExpertsGiveThere) {
  // At x = 0 the experts are 1e6 and the samples fit exactly: only padding could add to a sum.
  Setting setting = make_setting(1, Features::constant_only, Outer::none, Link::identity, 3);
  setting.v = {1e6};
  setting.samples.set_target(Eigen::Vector3d::Constant(1e6));
  FusedPass pass(setting.layout, setting.samples);
  const NormalEquations equations = setting.linearised(pass);
  EXPECT_EQ(equations.objective, 0);
  EXPECT_EQ(equations.gradient[0], 0);
  EXPECT_EQ(equations.gram(0, 0), 3);
}

TEST(FusedPass, GivesAResultThatIsNotFiniteOnOverflowAndRecovers) {
  Setting setting = make_setting(2, Features::own, Outer::none, Link::identity, 20);
  FusedPass pass(setting.layout, setting.samples);
  const NormalEquations expected = setting.linearised(pass);
  const std::vector<double> good = setting.v;
  for (double& value : setting.v) {
    value *= 1e300;
  }
  EXPECT_FALSE(std::isfinite(setting.linearised(pass).objective));
  setting.v = good;
  EXPECT_EQ(setting.linearised(pass).gram, expected.gram);
}

TEST(FusedPass, RefusesWhatDoesNotFitTogether) {
  Setting setting = make_setting(2, Features::own, Outer::none, Link::tanh, 4);
  FusedPass pass(setting.layout, setting.samples);
  std::vector<double> shorter(setting.v.begin(), setting.v.end() - 1);
  NormalEquations result;
  EXPECT_THROW(pass.linearise(shorter, result), ContractError);
  EXPECT_THROW(pass.residual_sum_of_squares(shorter), ContractError);
  EXPECT_THROW(pass.evaluate(shorter, 0), ContractError);
  EXPECT_THROW(FusedPass(setting.layout, SampleBlocks(4, 4)), ContractError);
  MixtureLayout no_gate = setting.layout;
  no_gate.gates.clear();
  EXPECT_THROW(FusedPass(no_gate, setting.samples), ContractError);
  EXPECT_THROW(FusedPass(MixtureLayout{}, setting.samples), ContractError);
}

}  // namespace
}  // namespace moest
