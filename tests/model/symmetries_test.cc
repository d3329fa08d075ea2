#include "moest/model/symmetries.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "moest/base/random.h"
#include "moest/model/catalogue.h"
#include "moest/model/predict.h"

namespace moest {
namespace {

MixtureSpec spec_of(const ExpertSpec& expert, int num_outputs) {
  MixtureSpec spec;
  spec.expert = expert;
  spec.num_inputs = 2;
  spec.num_outputs = num_outputs;
  return spec;
}

std::vector<double> random_expert(const MixtureSpec& spec, Stream& stream) {
  std::vector<double> expert(static_cast<std::size_t>(num_expert_parameters(spec)));
  for (double& value : expert) {
    value = stream.normal();
  }
  return expert;
}

Eigen::MatrixXd values(const MixtureSpec& spec, const std::vector<double>& expert) {
  Model model;
  model.spec = spec;
  model.inputs = {"a", "b"};
  model.targets.assign(static_cast<std::size_t>(spec.num_outputs), "y");
  model.atoms = {{0, {0, 0}, expert}};
  Stream stream(9, 0, "inputs");
  Eigen::MatrixXd inputs(20, 2);
  for (double& value : inputs.reshaped()) {
    value = stream.normal();
  }
  return predict(model, inputs, 1).mean;
}

double squared_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) {
    sum += (a[j] - b[j]) * (a[j] - b[j]);
  }
  return sum;
}

std::vector<ExpertSpec> all_forms() {
  std::vector<ExpertSpec> forms;
  for (const std::string& kind : expert_names()) {
    ExpertSpec spec;
    spec.kind = kind;
    forms.push_back(spec);
    const KindInfo& info = expert_kind(kind).info;
    for (const bool offset : {false, true}) {
      if (info.has("output_weight")) {
        spec.output_weight = true;
        spec.output_offset = offset;
        forms.push_back(spec);
        if (info.has("degree")) {
          spec.degree = 3;
          forms.push_back(spec);
        }
      }
    }
    for (const std::string activation : {"sigmoid", "relu"}) {
      if (info.has("activation")) {
        spec.activation = activation;
        forms.push_back(spec);
      }
    }
  }
  return forms;
}

TEST(Symmetries, NeverChangeTheFunctionAndNeverMoveAway) {
  Stream stream(2, 0, "experts");
  for (const ExpertSpec& form : all_forms()) {
    for (const int outputs : {1, 2}) {
      const MixtureSpec spec = spec_of(form, outputs);
      const std::vector<double> expert = random_expert(spec, stream);
      const std::vector<double> reference = random_expert(spec, stream);
      const std::vector<double> nearest = nearest_equivalent(spec, expert, reference);
      EXPECT_TRUE(values(spec, nearest).isApprox(values(spec, expert), 1e-12)) << form.kind;
      if (!form.output_offset && form.kind != "ffn") {
        EXPECT_LE(squared_distance(nearest, reference), squared_distance(expert, reference) + 1e-12)
            << form.kind;
      }
      EXPECT_EQ(nearest_equivalent(spec, expert, expert), expert) << form.kind;
    }
  }
}

TEST(Symmetries, FindWhatWasReflected) {
  ExpertSpec tanh;
  tanh.kind = "tanh";
  tanh.output_weight = true;
  tanh.output_offset = true;
  const std::vector<double> expert{1, 2, 0.5, -3, 0.25};
  const auto nearest = [&](const ExpertSpec& form, const std::vector<double>& given) {
    return nearest_equivalent(spec_of(form, 1), given, expert);
  };
  EXPECT_EQ(nearest(tanh, {-1, -2, -0.5, 3, 0.25}), expert);
  ExpertSpec sigmoid = tanh;
  sigmoid.kind = "sigmoid";
  EXPECT_EQ(nearest(sigmoid, {-1, -2, -0.5, 3, 0.25 - 3}), expert) << "the offset takes the weight";
  sigmoid.output_offset = false;
  EXPECT_EQ(nearest_equivalent(spec_of(sigmoid, 1), {-1, -2, -0.5, 3}, std::vector<double>{1, 2, 0.5, -3}),
            (std::vector<double>{-1, -2, -0.5, 3}))
      << "without an offset there is no other";
  ExpertSpec square;
  square.kind = "polynomial";
  EXPECT_EQ(nearest_equivalent(spec_of(square, 1), {-1, -2, -0.5}, std::vector<double>{1, 2, 0.5}),
            (std::vector<double>{1, 2, 0.5}));
}

TEST(Symmetries, FindTheOrderOfTheNeurons) {
  ExpertSpec ffn;
  ffn.kind = "ffn";
  ffn.hidden = 3;
  Stream stream(3, 0, "network");
  for (const int outputs : {1, 2}) {
    const MixtureSpec spec = spec_of(ffn, outputs);
    const std::vector<double> expert = random_expert(spec, stream);
    const ExpertPlaces places = expert_places(spec);
    std::vector<double> other = expert;
    for (int m = 0; m < 3; ++m) {
      const int to = (m + 1) % 3;
      const double sign = m == 0 ? 1 : -1;
      for (int j = 0; j < places.inner_size(); ++j) {
        other[static_cast<std::size_t>(places.inner(0, to) + j)] =
            sign * expert[static_cast<std::size_t>(places.inner(0, m) + j)];
      }
      for (int output = 0; output < outputs; ++output) {
        other[static_cast<std::size_t>(places.weight(output, to))] =
            sign * expert[static_cast<std::size_t>(places.weight(output, m))];
      }
    }
    EXPECT_EQ(nearest_equivalent(spec, other, expert), expert);
  }
}

/// The least squared distance of all equivalents of a network of sigmoids, one after the other.
double least_by_enumeration(const ExpertPlaces& places, const std::vector<double>& expert,
                            const std::vector<double>& reference, int hidden, int outputs) {
  double least = std::numeric_limits<double>::infinity();
  std::vector<int> order(static_cast<std::size_t>(hidden));
  std::iota(order.begin(), order.end(), 0);
  do {
    for (unsigned reflected = 0; reflected < 1U << hidden; ++reflected) {
      std::vector<double> other = expert;
      const auto at = [&](int place) -> double& { return other[static_cast<std::size_t>(place)]; };
      const auto given = [&](int place) { return expert[static_cast<std::size_t>(place)]; };
      for (int m = 0; m < hidden; ++m) {
        const int from = order[static_cast<std::size_t>(m)];
        const bool turns = (reflected >> m & 1U) != 0;
        for (int j = 0; j < places.inner_size(); ++j) {
          at(places.inner(0, m) + j) = (turns ? -1 : 1) * given(places.inner(0, from) + j);
        }
        for (int output = 0; output < outputs; ++output) {
          const double weight = given(places.weight(output, from));
          at(places.weight(output, m)) = turns ? -weight : weight;
          at(places.offset(output)) += turns ? weight : 0;
        }
      }
      least = std::min(least, squared_distance(other, reference));
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return least;
}

TEST(ExpertDistance, IsTheLeastOfAllEquivalentsOfCoupledSigmoids) {
  ExpertSpec network;
  network.kind = "ffn";
  network.activation = "sigmoid";
  Stream stream(4, 0, "distance");
  for (const int hidden : {1, 3, 4}) {
    network.hidden = hidden;
    for (const int outputs : {1, 2}) {
      const MixtureSpec spec = spec_of(network, outputs);
      for (int trial = 0; trial < 20; ++trial) {
        const std::vector<double> expert = random_expert(spec, stream);
        const std::vector<double> reference = random_expert(spec, stream);
        const double least = least_by_enumeration(expert_places(spec), expert, reference, hidden, outputs);
        EXPECT_NEAR(ExpertDistance(spec).squared(expert, reference), least, 1e-12 * least);
      }
    }
  }
}

TEST(ExpertDistance, IsThatOfTheParametersOrLess) {
  Stream stream(5, 0, "distance");
  for (const ExpertSpec& form : all_forms()) {
    for (const int outputs : {1, 2}) {
      const MixtureSpec spec = spec_of(form, outputs);
      const std::vector<double> expert = random_expert(spec, stream);
      const std::vector<double> reference = random_expert(spec, stream);
      const ExpertDistance distance(spec);
      const double nearest = squared_distance(nearest_equivalent(spec, expert, reference), reference);
      const double squared = distance.squared(expert, reference);
      EXPECT_LE(squared, nearest * (1 + 1e-12)) << form.kind;
      const bool is_coupled = form.kind == "sigmoid" ? form.output_offset : form.activation == "sigmoid";
      if (!is_coupled) {
        EXPECT_NEAR(distance.squared(reference, expert), squared, 1e-12 * squared) << form.kind;
      }
      EXPECT_EQ(distance.squared(expert, expert), 0) << form.kind;
      if (!form.output_offset && form.kind != "ffn") {
        EXPECT_NEAR(squared, nearest, 1e-12 * nearest) << form.kind;
      }
      EXPECT_LT(distance.squared(nearest_equivalent(spec, expert, reference), expert), 1e-24) << form.kind;
    }
  }
}

}  // namespace
}  // namespace moest
