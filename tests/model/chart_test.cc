#include "moest/model/chart.h"

#include <gtest/gtest.h>

#include <string>

#include "moest/base/random.h"
#include "moest/kernel/fused_pass.h"

namespace moest {
namespace {

// e'e / 2 has the gradient -J'e, so half the Hessian of e'e is the derivative of -J'e. Central differences of
// order 2 with h = 1e-5: third derivatives of the sums times h^2, and eps times the sums over h, are below
// 1e-7 of the largest entry.
TEST(MixtureChart, PullsTheHessianBackAlongCurvedAndStraightCharts) {
  Stream stream(21, 0, "chart hessian");
  for (const std::string gate : {"softmax", "perturbed_cosine", "laplace"}) {
    for (const int num_inputs : {1, 2, 3}) {
      MixtureSpec spec;
      spec.gate.kind = gate;
      spec.expert.kind = "tanh";
      spec.num_inputs = num_inputs;
      spec.num_experts = 3;
      const MixtureChart chart(spec, 20);
      Eigen::MatrixXd inputs(200, num_inputs);
      Eigen::VectorXd target(200);
      Eigen::VectorXd theta(chart.num_coordinates());
      for (auto* numbers : {&target, &theta}) {
        for (double& number : *numbers) {
          number = stream.normal();
        }
      }
      for (Eigen::Index row = 0; row < inputs.rows(); ++row) {
        for (double& value : inputs.row(row)) {
          value = stream.normal();
        }
      }
      if (gate == "laplace") {
        // Centres outside the data: differences reach over no kink.
        for (int i = 0; i < 3; ++i) {
          theta.segment(chart.gate_offset(i), num_inputs).setConstant(5.0 + i);
        }
      }
      SampleBlocks samples = chart.blocks(inputs);
      samples.set_target(target);
      FusedPass pass(chart.layout(), samples);
      NormalEquations in_kernel;
      const auto linearise = [&](const Eigen::VectorXd& at) {
        NormalEquations result;
        const Eigen::VectorXd v = chart.kernel_parameters(at);
        pass.linearise({v.data(), static_cast<std::size_t>(v.size())}, in_kernel, Curvature::newton);
        chart.pull_back(at, Curvature::newton, in_kernel, result);
        return result;
      };
      const NormalEquations here = linearise(theta);
      constexpr double kStep = 1e-5;
      const double tolerance = 1e-7 * here.gram.cwiseAbs().maxCoeff();
      for (Eigen::Index p = 0; p < theta.size(); ++p) {
        Eigen::VectorXd moved = theta;
        moved[p] += kStep;
        const Eigen::VectorXd above = linearise(moved).gradient;
        moved[p] -= 2 * kStep;
        const Eigen::VectorXd column = (linearise(moved).gradient - above) / (2 * kStep);
        EXPECT_LT((column - here.gram.col(p)).cwiseAbs().maxCoeff(), tolerance) << gate << " " << p;
      }
    }
  }
}

// Two centres, one difference of biases, and two planes of three coefficients.
TEST(MixtureChart, CountsCoordinatesAndNotTheKernelsConstants) {
  MixtureSpec spec;
  spec.gate.kind = "laplace";
  spec.num_inputs = 2;
  spec.num_experts = 2;
  EXPECT_EQ(MixtureChart(spec, 20).num_free_parameters(), 2 * 2 + 1 + 2 * 3);
  spec.gate.kind = "softmax";
  EXPECT_EQ(MixtureChart(spec, 20).num_free_parameters(), 2 + 1 + 2 * 3);
}

// The diagonal that the damping is scaled by is that of J'J, or a bound of it.
TEST(MixtureChart, BoundsTheDiagonalOfACurvedChart) {
  Stream stream(22, 0, "chart diagonal");
  MixtureSpec spec;
  spec.gate.kind = "laplace";
  spec.num_inputs = 2;
  spec.num_experts = 2;
  const MixtureChart chart(spec, 20);
  const Eigen::MatrixXd inputs = Eigen::MatrixXd::NullaryExpr(50, 2, [&] { return stream.normal(); });
  const Eigen::VectorXd theta =
      Eigen::VectorXd::NullaryExpr(chart.num_coordinates(), [&] { return stream.normal(); });
  SampleBlocks samples = chart.blocks(inputs);
  samples.set_target(Eigen::VectorXd::Ones(50));
  FusedPass pass(chart.layout(), samples);
  const Eigen::VectorXd v = chart.kernel_parameters(theta);
  const auto diagonal = [&](Curvature curvature) {
    NormalEquations in_kernel;
    NormalEquations result;
    pass.linearise({v.data(), static_cast<std::size_t>(v.size())}, in_kernel, curvature);
    chart.pull_back(theta, curvature, in_kernel, result);
    return result.diagonal;
  };
  const Eigen::VectorXd exact = diagonal(Curvature::gauss_newton);
  const Eigen::VectorXd bound = diagonal(Curvature::newton);
  EXPECT_GT(exact.minCoeff(), 0);
  EXPECT_TRUE((bound.array() >= exact.array() * (1 - 1e-12)).all()) << bound.transpose() << "\n" << exact;
}

TEST(MixtureChart, MapsDirectionsAsDifferencesSay) {
  Stream stream(23, 0, "chart directions");
  for (const std::string gate : {"softmax", "hierarchical", "perturbed_cosine", "sigmoid", "laplace"}) {
    MixtureSpec spec;
    spec.gate.kind = gate;
    spec.num_inputs = 2;
    spec.num_experts = 3;
    const MixtureChart chart(spec, 20);
    Eigen::VectorXd theta(chart.num_coordinates());
    Eigen::VectorXd direction(chart.num_coordinates());
    for (auto* numbers : {&theta, &direction}) {
      for (double& number : *numbers) {
        number = stream.normal();
      }
    }
    constexpr double kStep = 1e-4;  // the maps are of second order at most: differences are exact
    const Eigen::VectorXd difference = (chart.kernel_parameters(theta + kStep * direction) -
                                        chart.kernel_parameters(theta - kStep * direction)) /
                                       (2 * kStep);
    EXPECT_LT((chart.kernel_direction(theta, direction) - difference).norm(), 1e-9) << gate;
  }
}

}  // namespace
}  // namespace moest
