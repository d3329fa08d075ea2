#include "moest/theory/split_curve.h"

#include <Eigen/QR>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "moest/model/catalogue.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

using Number = Jet<Quad, 1>;

constexpr double kExact = 1e-25;
constexpr double kHopeless = 1e-10;  // where a search for an exact solution that ends here was none
constexpr double kNear = 1e-12;      // what the rounding of a direction to double leaves

/// Calls visit(number) for bias, gate and expert of each atom and bias and gate of each group.
template <class T, class Visit>
void visit_numbers(BasicMeasure<T>& measure, const Visit& visit) {
  for (std::vector<BasicAtom<T>>* atoms : {&measure.atoms, &measure.groups}) {
    for (BasicAtom<T>& atom : *atoms) {
      visit(atom.bias);
      std::ranges::for_each(atom.gate, visit);
      std::ranges::for_each(atom.expert, visit);
    }
  }
}

std::vector<double> numbers_of(Measure measure) {
  std::vector<double> numbers;
  visit_numbers(measure, [&](double& value) { numbers.push_back(value); });
  return numbers;
}

/// A measure, and two of the same shape: a 1 for every number that must stay as it is, and the direction of
/// those that may only move together.
struct Part {
  Measure measure;
  Measure held;
  Measure line;

  explicit Part(Measure of = {}) : measure(std::move(of)), held(measure) {
    visit_numbers(held, [](double& value) { value = 0; });
    line = held;
  }
  void append_atoms(const Part& other) {
    measure.atoms.insert(measure.atoms.end(), other.measure.atoms.begin(), other.measure.atoms.end());
    held.atoms.insert(held.atoms.end(), other.held.atoms.begin(), other.held.atoms.end());
    line.atoms.insert(line.atoms.end(), other.line.atoms.begin(), other.line.atoms.end());
  }
  void append_groups(const Part& other) {
    measure.groups.insert(measure.groups.end(), other.measure.groups.begin(), other.measure.groups.end());
    held.groups.insert(held.groups.end(), other.held.groups.begin(), other.held.groups.end());
    line.groups.insert(line.groups.end(), other.line.groups.begin(), other.line.groups.end());
  }
  /// The atom whose mass says how much the part weighs.
  Atom& weighted() { return measure.groups.empty() ? measure.atoms.front() : measure.groups.front(); }
  Atom& held_weight() { return measure.groups.empty() ? held.atoms.front() : held.groups.front(); }

  void hold_all() {
    visit_numbers(held, [](double& value) { value = 1; });
  }

  /// Holds the number that differs most from `before` in the first copy of a split. In a gate it is held in
  /// all copies, since a common shift of all atoms could make up for one; all of a gate where only its
  /// direction counts, since a change of length could keep a single number.
  void hold_largest_change(const Measure& before, bool is_first_copy, bool gate_is_direction) {
    const std::vector<double> old = numbers_of(before);
    const std::vector<double> now = numbers_of(measure);
    std::size_t largest = 0;
    for (std::size_t p = 0; p < old.size(); ++p) {
      if (std::abs(now[p] - old[p]) > std::abs(now[largest] - old[largest])) {
        largest = p;
      }
    }
    const Atom& shape = before.atoms.front();
    const bool is_of_group =
        largest + 1 + (before.groups.empty() ? 0 : before.groups.front().gate.size()) >= old.size();
    const bool is_of_gate =
        (before.groups.empty() && largest <= shape.gate.size()) || (!before.groups.empty() && is_of_group);
    if (is_first_copy || is_of_gate) {
      std::size_t place = 0;
      visit_numbers(held, [&](double& value) { value = place++ == largest ? 1 : value; });
    }
    if (is_of_gate && gate_is_direction) {
      std::ranges::fill(held.atoms.front().gate, 1);
    }
  }
};

/// a - b, number by number.
Measure difference(Measure a, const Measure& b) {
  const std::vector<double> subtracted = numbers_of(b);
  std::size_t place = 0;
  visit_numbers(a, [&](double& value) { value -= subtracted[place++]; });
  return a;
}

/// What the search may change.
enum class Freedom {
  all,   // everything but the size of the split
  line,  // of the split atom only where its second part is on the line of the split
};

/// The corners of a regular simplex in R^r, r x (r + 1), with mean 0 and covariance I.
Eigen::MatrixXd simplex(Eigen::Index r) {
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(Eigen::VectorXd::Ones(r + 1));
  const Eigen::MatrixXd q = qr.householderQ();
  return std::sqrt(static_cast<double>(r + 1)) * q.rightCols(r).transpose();
}

/// A truth whose cells are split or moved by `size` along their directions.
class Displaced {
 public:
  Displaced(const LocalFunctions<Wide>& functions, const Truth& truth, const std::vector<CellSplit>& splits,
            double size, Freedom freedom)
      : functions_(functions),
        truth_(truth),
        splits_(splits),
        size_(size),
        freedom_(freedom),
        family_(truth.family) {
    const auto k = truth.measure.atoms.size();
    std::vector<int> sizes;
    std::size_t first = 0;
    for (std::size_t cell = k; cell < functions.cells().size(); ++cell) {
      const auto last = static_cast<std::size_t>(group_ends(truth.family.spec)[cell - k]);
      add_group(cell, first, last, sizes);
      first = last;
    }
    if (sizes.empty()) {
      add_atoms(0, k);
    } else {
      family_.spec.gate.groups = {0, sizes};
    }
    family_.spec.num_experts = static_cast<int>(part_.measure.atoms.size());
  }

  const MixtureFamily& family() const { return family_; }
  const Part& part() const { return part_; }

 private:
  void add_atoms(std::size_t first, std::size_t last) {
    for (std::size_t cell = first; cell < last; ++cell) {
      for (const Part& copy : copies(cell)) {
        part_.append_atoms(copy);
      }
    }
  }

  void add_group(std::size_t cell, std::size_t first, std::size_t last, std::vector<int>& sizes) {
    const std::vector<Part> groups = copies(cell);
    for (const Part& group : groups) {
      const std::size_t before = part_.measure.atoms.size();
      if (groups.size() > 1) {
        part_.append_atoms(group);
      } else {
        add_atoms(first, last);
      }
      part_.append_groups(group);
      sizes.push_back(static_cast<int>(part_.measure.atoms.size() - before));
    }
  }

  /// The cell, its copies where it is split, or itself moved.
  std::vector<Part> copies(std::size_t cell) const {
    const auto dimension = static_cast<Eigen::Index>(functions_.cells()[cell].at.size());
    const Measure before = functions_.displaced(cell, Eigen::VectorXd::Zero(dimension));
    const auto split = std::ranges::find_if(splits_, [&](const CellSplit& s) { return s.cell == cell; });
    if (split == splits_.end()) {
      return {Part(before)};
    }
    const MixtureSpec& spec = truth_.family.spec;
    const Eigen::MatrixXd corners =
        split->is_move ? split->directions
                       : Eigen::MatrixXd(split->directions * simplex(split->directions.cols()));
    const double unit = bias_is_divided(spec) ? spec.gate.temperature.value : 1;
    std::vector<Part> result;
    for (Eigen::Index i = 0; i < corners.cols(); ++i) {
      result.emplace_back(functions_.displaced(cell, corners.col(i) * size_));
      Part& copy = result.back();
      if (freedom_ == Freedom::line) {
        copy.hold_all();
        copy.line =
            i == 0 ? copy.line : difference(functions_.displaced(cell, split->directions.col(0)), before);
      } else if (split == splits_.begin()) {
        // The others follow, which makes up for the rounding of their directions.
        copy.hold_largest_change(before, i == 0, spec.gate.kind == "cosine");
        copy.held_weight().bias = 1;
      }
      copy.weighted().bias -= unit * std::log(static_cast<double>(corners.cols()));
    }
    return result;
  }

  const LocalFunctions<Wide>& functions_;
  const Truth& truth_;
  const std::vector<CellSplit>& splits_;
  double size_;
  Freedom freedom_;
  MixtureFamily family_;
  Part part_;
};

/// The least squares problem f = f* at points, in the numbers of a displaced truth that are not held.
class Compensation {
 public:
  Compensation(const Displaced& displaced, const Truth& truth, double half_width, Stream& stream)
      : displaced_(displaced), truth_(truth), half_width_(half_width) {
    const std::vector<double> held = numbers_of(displaced.part().held);
    const std::vector<double> line = numbers_of(displaced.part().line);
    const bool has_line = std::ranges::any_of(line, [](double rate) { return rate != 0; });
    for (const double value : numbers_of(displaced.part().measure)) {
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
    const int count = (3 * num_free_ / 2 + 10 + outputs - 1) / outputs;
    for (int m = 0; m < count; ++m) {
      points_.push_back(point(stream));
      for (int output = 0; output < outputs; ++output) {
        truth_values_.push_back(
            static_cast<Quad>(wide_value(truth.family, wide_measure(truth), wide(points_.back()), output)));
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
      if (!(error < before * Quad(0.99))) {
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

  /// Largest |f - f*| at points that were not used.
  double error_elsewhere(Stream& stream) const {
    constexpr int kPoints = 20;
    double largest = 0;
    for (int m = 0; m < kPoints; ++m) {
      const std::vector<double> x = point(stream);
      for (int output = 0; output < truth_.family.spec.num_outputs; ++output) {
        const Quad truth =
            static_cast<Quad>(wide_value(truth_.family, wide_measure(truth_), wide(x), output));
        largest = std::max(largest, static_cast<double>(abs(value(x, output).value() - truth)));
      }
    }
    return largest;
  }

 private:
  std::vector<double> point(Stream& stream) const {
    std::vector<double> x(static_cast<std::size_t>(truth_.family.spec.num_inputs));
    for (double& coordinate : x) {
      coordinate = stream.uniform(-half_width_, half_width_);
    }
    return x;
  }
  double root_mean_square(const Quad& norm) const {
    return static_cast<double>(norm / sqrt(Quad(static_cast<double>(truth_values_.size()))));
  }
  static std::vector<Wide> wide(const std::vector<double>& x) { return {x.begin(), x.end()}; }

  /// f with its gradient by the free numbers.
  Number value(const std::vector<double>& x, int output) const {
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
    measure.atoms = shaped(displaced_.part().measure.atoms);
    measure.groups = shaped(displaced_.part().measure.groups);
    std::size_t place = 0;
    visit_numbers(measure, [&](Number& number) {
      const int variable = variable_[place];
      number =
          variable < 0
              ? Number(numbers_[place])
              : Number::variable(Quad(0), variable, num_free_).chain(numbers_[place], rate_[place], Quad(0));
      ++place;
    });
    const Number temperature =
        learns_ ? Number::variable(temperature_, num_free_ - 1, num_free_) : Number(temperature_);
    std::vector<Number> inputs;
    inputs.reserve(x.size());
    for (const double coordinate : x) {
      inputs.emplace_back(Quad(coordinate));
    }
    return family_value<Number>(displaced_.family(), measure, temperature, inputs, output);
  }

  DenseVector<Quad> residuals(DenseMatrix<Quad>* jacobian) const {
    const auto count = static_cast<Eigen::Index>(truth_values_.size());
    const int outputs = truth_.family.spec.num_outputs;
    DenseVector<Quad> r(count);
    if (jacobian != nullptr) {
      jacobian->resize(count, num_free_);
    }
    for (Eigen::Index row = 0; row < count; ++row) {
      const Number f =
          value(points_[static_cast<std::size_t>(row / outputs)], static_cast<int>(row % outputs));
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

  const Displaced& displaced_;
  const Truth& truth_;
  double half_width_;
  int num_free_ = 0;  // variables: free numbers, the place on the line, the temperature
  bool learns_ = false;
  std::vector<Quad> numbers_;
  std::vector<int> variable_;  // of each number; -1 if it is held
  std::vector<Quad> rate_;     // at which it follows its variable
  Quad temperature_;
  std::vector<std::vector<double>> points_;
  std::vector<Quad> truth_values_;
};

}  // namespace

SplitOutcome follow_split(const LocalFunctions<Wide>& functions, const Truth& truth,
                          const std::vector<CellSplit>& splits, double half_width, Stream& stream) {
  SplitOutcome outcome;
  const bool has_line =
      splits.size() == 1 && splits.front().directions.cols() == 1 && !splits.front().is_move;
  constexpr std::array kSolved{0.2, 0.1};
  for (const double size : kSolved) {
    const Displaced displaced(functions, truth, splits, size, Freedom::all);
    Compensation problem(displaced, truth, half_width, stream);
    if (has_line) {
      // First along the line alone, where the solution is a simple one even if it is not among all numbers.
      const Displaced on_line(functions, truth, splits, size, Freedom::line);
      Compensation simple(on_line, truth, half_width, stream);
      if (simple.solve(size) < kNear) {
        problem.begin_at(simple);
      }
    }
    const double error = problem.solve(size);
    if (error < kExact && problem.error_elsewhere(stream) < kExact) {
      outcome.is_exact = true;
      return outcome;
    }
    if (std::isfinite(error) && error > kHopeless) {
      return outcome;
    }
  }
  return outcome;
}

double split_order(const LocalFunctions<Wide>& functions, const Truth& truth,
                   const std::vector<CellSplit>& splits, double half_width, Stream& stream) {
  constexpr std::array kSizes{0.1, 0.05};
  std::array<double, kSizes.size()> errors{};
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const Displaced displaced(functions, truth, splits, kSizes[i], Freedom::all);
    errors[i] = Compensation(displaced, truth, half_width, stream).approach();
  }
  return std::log2(errors.front() / errors.back());
}

}  // namespace moest
