#include "moest/theory/split_curve.h"

#include <Eigen/QR>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "moest/model/catalogue.h"
#include "moest/theory/gauges.h"
#include "moest/theory/input_box.h"

namespace moest {
namespace {

using Number = Jet<Quad, 1>;

constexpr double kExact = 1e-25;
constexpr double kHopeless = 1e-10;  // where a search for an exact solution that ends here was none
constexpr double kNear = 1e-12;      // what the rounding of a direction to double leaves

/// The least squares problem f = f* at points, in the numbers of a displaced truth that are not held.
class Compensation {
 public:
  Compensation(DisplacedTruth displaced, const Truth& truth, Eigen::MatrixXd points)
      : displaced_(std::move(displaced)),
        truth_(truth),
        at_truth_(wide_measure(truth)),
        points_(std::move(points)) {
    const std::vector<double> held = numbers_of(displaced_.held);
    const std::vector<double> line = numbers_of(displaced_.line);
    const bool has_line = std::ranges::any_of(line, [](double rate) { return rate != 0; });
    for (const double value : numbers_of(displaced_.measure)) {
      const std::size_t place = numbers_.size();
      numbers_.emplace_back(value);
      variable_.push_back(held[place] == 0 ? num_free_++ : -1);
      rate_.emplace_back(held[place] == 0 ? 1.0 : line[place]);
    }
    for (std::size_t place = 0; has_line && place < line.size(); ++place) {
      variable_[place] = line[place] != 0 ? num_free_ : variable_[place];
    }
    learns_ = learns_temperature(truth.family.spec.gate);
    num_free_ += (has_line ? 1 : 0) + (learns_ ? 1 : 0);
    temperature_ = truth.family.spec.gate.temperature.value;
    const int outputs = truth.family.spec.num_outputs;
    for (const auto& x : points_.rowwise()) {
      for (int output = 0; output < outputs; ++output) {
        truth_values_.push_back(true_value(x, output));
      }
    }
  }

  /// Looks for a solution of f = f* by Gauss-Newton steps of minimal length, doubled where that helps (the
  /// solution may be a double one) and halved where they do not. Returns the root mean square of f - f* in
  /// the end; infinity where the numbers went far from where they began: that is another solution and not
  /// this curve.
  double solve(double size) {
    constexpr int kMostSteps = 60;
    constexpr double kLeastError = 1e-32;
    const std::vector<Quad> begin = numbers_;
    DenseMatrix<Quad> jacobian;
    Quad error = residuals(nullptr).norm();
    for (int step = 0; step < kMostSteps && error > Quad(kLeastError); ++step) {
      const DenseVector<Quad> r = residuals(&jacobian);
      Eigen::CompleteOrthogonalDecomposition<DenseMatrix<Quad>> decomposition;
      decomposition.setThreshold(Quad(1e-13));
      decomposition.compute(jacobian);
      const Quad before = error;
      error = descend(-decomposition.solve(r), before);
      if (!(error < before * Quad(0.9))) {
        break;
      }
    }
    Quad far = 0;
    for (std::size_t p = 0; p < numbers_.size(); ++p) {
      far = std::max(far, Quad(abs(numbers_[p] - begin[p])));
    }
    constexpr double kFar = 12;  // of the size of the split; curvature makes others move by its square
    return far > Quad(kFar * size) ? std::numeric_limits<double>::infinity() : root_mean_square(error);
  }

  /// The least root mean square of f - f* that Levenberg-Marquardt steps find from the beginning: where there
  /// is no solution, and the Jacobian is nearly singular.
  double approach() {
    constexpr int kMostSteps = 40;
    DenseMatrix<Quad> jacobian;
    Quad error = residuals(nullptr).norm();
    Quad damping = 1e-2;
    for (int step = 0; step < kMostSteps; ++step) {
      const DenseVector<Quad> r = residuals(&jacobian);
      const Eigen::Index count = jacobian.cols();
      DenseMatrix<Quad> extended(jacobian.rows() + count, count);
      extended << jacobian, DenseMatrix<Quad>(DenseMatrix<Quad>::Identity(count, count) * damping);
      DenseVector<Quad> right = DenseVector<Quad>::Zero(extended.rows());
      right.head(r.size()) = -r;
      const DenseVector<Quad> move = Eigen::HouseholderQR<DenseMatrix<Quad>>(extended).solve(right);
      move_by(move, Quad(1));
      const Quad after = temperature_ > Quad(0) ? Quad(residuals(nullptr).norm()) : Quad(2 * error);
      if (after < error) {
        error = after;
        damping /= Quad(5);
      } else {
        move_by(move, Quad(-1));
        damping *= Quad(4);
      }
    }
    return root_mean_square(error);
  }

  /// Begins where another search, of less freedom, has ended.
  void begin_at(const Compensation& other) {
    numbers_ = other.numbers_;
    temperature_ = other.temperature_;
  }

  /// Largest |f - f*| at other points.
  double error_at(const Eigen::MatrixXd& others) const {
    double largest = 0;
    for (const auto& x : others.rowwise()) {
      for (int output = 0; output < truth_.family.spec.num_outputs; ++output) {
        const Quad difference = value(x, output, Derivatives::none).value() - true_value(x, output);
        largest = std::max(largest, static_cast<double>(abs(difference)));
      }
    }
    return largest;
  }

 private:
  enum class Derivatives { none, gradient };

  Quad true_value(const Eigen::RowVectorXd& x, int output) const {
    return static_cast<Quad>(wide_value(truth_.family, at_truth_, {x.begin(), x.end()}, output));
  }
  double root_mean_square(const Quad& norm) const {
    return static_cast<double>(norm / sqrt(Quad(static_cast<double>(truth_values_.size()))));
  }

  /// f, with its gradient by the variables where that is wanted.
  Number value(const Eigen::RowVectorXd& x, int output, Derivatives derivatives) const {
    const auto variable = [&](const Quad& value, int index, const Quad& rate) {
      return index < 0 || derivatives == Derivatives::none
                 ? Number(value)
                 : Number::variable(Quad(0), index, num_free_).chain(value, rate, Quad(0));
    };
    BasicMeasure<Number> measure;
    const auto shaped = [](const std::vector<Atom>& atoms) {
      std::vector<BasicAtom<Number>> result;
      result.reserve(atoms.size());
      for (const Atom& atom : atoms) {
        result.push_back(
            {Number(), std::vector<Number>(atom.gate.size()), std::vector<Number>(atom.expert.size())});
      }
      return result;
    };
    measure.atoms = shaped(displaced_.measure.atoms);
    measure.groups = shaped(displaced_.measure.groups);
    std::size_t place = 0;
    visit_numbers(measure, [&](Number& number) {
      number = variable(numbers_[place], variable_[place], rate_[place]);
      ++place;
    });
    const Number temperature = variable(temperature_, learns_ ? num_free_ - 1 : -1, Quad(1));
    std::vector<Number> inputs;
    inputs.reserve(static_cast<std::size_t>(x.size()));
    for (const double coordinate : x) {
      inputs.emplace_back(Quad(coordinate));
    }
    return family_value<Number>(displaced_.family, measure, temperature, inputs, output);
  }

  DenseVector<Quad> residuals(DenseMatrix<Quad>* jacobian) const {
    const auto count = static_cast<Eigen::Index>(truth_values_.size());
    const int outputs = truth_.family.spec.num_outputs;
    DenseVector<Quad> r(count);
    if (jacobian != nullptr) {
      jacobian->resize(count, num_free_);
    }
    for (Eigen::Index row = 0; row < count; ++row) {
      const Number f = value(points_.row(row / outputs), static_cast<int>(row % outputs),
                             jacobian == nullptr ? Derivatives::none : Derivatives::gradient);
      r[row] = f.value() - truth_values_[static_cast<std::size_t>(row)];
      for (int p = 0; jacobian != nullptr && p < num_free_; ++p) {
        (*jacobian)(row, p) = f.derivative(p);
      }
    }
    return r;
  }

  void move_by(const DenseVector<Quad>& move, const Quad& factor) {
    for (std::size_t p = 0; p < numbers_.size(); ++p) {
      if (variable_[p] >= 0) {
        numbers_[p] += factor * rate_[p] * move[variable_[p]];
      }
    }
    if (learns_) {
      temperature_ += factor * move[num_free_ - 1];
    }
  }

  /// The step or twice as much, whichever is better, or the largest half, quarter, .. of it that makes the
  /// error smaller; the error then.
  Quad descend(const DenseVector<Quad>& move, const Quad& before) {
    constexpr int kMostHalvings = 12;
    const auto error_after = [&](const Quad& factor) {
      move_by(move, factor);
      return temperature_ > Quad(0) ? Quad(residuals(nullptr).norm()) : Quad(2 * before);
    };
    const Quad twice = error_after(Quad(2));
    Quad factor = -1;  // back to the step itself
    for (int halving = 0; halving < kMostHalvings; ++halving) {
      Quad error = error_after(factor);
      if (halving == 0 && twice < error && twice < before) {
        return error_after(Quad(1));
      }
      if (error < before) {
        return error;
      }
      factor = halving == 0 ? Quad(-0.5) : Quad(factor / Quad(2));
    }
    move_by(move, factor * Quad(2));
    return before;
  }

  DisplacedTruth displaced_;
  const Truth& truth_;
  WideMeasure at_truth_;
  int num_free_ = 0;  // variables: free numbers, the place on the line, the temperature
  bool learns_ = false;
  std::vector<Quad> numbers_;
  std::vector<int> variable_;  // of each number; -1 if it is held
  std::vector<Quad> rate_;     // at which it follows its variable
  Quad temperature_;
  Eigen::MatrixXd points_;  // a row each
  std::vector<Quad> truth_values_;
};

/// Points with `factor` times as many rows as a displaced truth has numbers, and ten.
Eigen::MatrixXd points_for(const DisplacedTruth& displaced, double factor, double half_width,
                           Stream& stream) {
  const double rows = factor * static_cast<double>(numbers_of(displaced.measure).size()) + 10;
  const MixtureSpec& spec = displaced.family.spec;
  return inputs_in_box(static_cast<Eigen::Index>(std::ceil(rows / spec.num_outputs)), spec.num_inputs,
                       half_width, stream);
}

}  // namespace

bool is_exact_split(const LocalFunctions<Wide>& functions, const Truth& truth,
                    const std::vector<CellSplit>& splits, double half_width, Stream& stream) {
  constexpr int kElsewhere = 20;
  const Eigen::MatrixXd points =
      points_for(displaced_truth(functions, truth, splits, 0, Freedom::all), 3, half_width, stream);
  const Eigen::MatrixXd others = inputs_in_box(kElsewhere, truth.family.spec.num_inputs, half_width, stream);
  // On a line in a gate the second part could follow the first, and a common shift all others.
  const CellSplit& first = splits.front();
  const int num_gate = functions.cells()[first.cell].num_gate;
  const bool has_line = splits.size() == 1 && first.directions.cols() == 1 && !first.is_move &&
                        first.directions.topRows(num_gate).isZero(0);
  const auto problem_of = [&](double size, Freedom freedom) {
    return Compensation(displaced_truth(functions, truth, splits, size, freedom), truth, points);
  };
  constexpr std::array kSizes{0.2, 0.1};
  for (const double size : kSizes) {
    Compensation problem = problem_of(size, Freedom::all);
    if (has_line) {
      // First along the line alone, where the solution is a simple one even if it is not among all numbers.
      Compensation simple = problem_of(size, Freedom::line);
      if (simple.solve(size) < kNear) {
        problem.begin_at(simple);
      }
    }
    const double error = problem.solve(size);
    if (error < kExact && problem.error_at(others) < kExact) {
      return true;
    }
    if (std::isfinite(error) && error > kHopeless) {
      return false;
    }
  }
  return false;
}

double split_order(const LocalFunctions<Wide>& functions, const Truth& truth,
                   const std::vector<CellSplit>& splits, double half_width, Stream& stream) {
  constexpr double kSize = 0.04;  // so small that higher orders are negligible
  constexpr double kRatio = 4;
  const Eigen::MatrixXd points =
      points_for(displaced_truth(functions, truth, splits, 0, Freedom::all), 4, half_width, stream);
  const auto error_at = [&](double size) {
    return Compensation(displaced_truth(functions, truth, splits, size, Freedom::all), truth, points)
        .approach();
  };
  return std::log(error_at(kSize) / error_at(kSize / kRatio)) / std::log(kRatio);
}

}  // namespace moest
