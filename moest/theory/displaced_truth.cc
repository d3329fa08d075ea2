#include "moest/theory/displaced_truth.h"

#include <Eigen/QR>
#include <cmath>
#include <utility>

#include "moest/model/groups.h"

namespace moest {
namespace {

/// A piece of the displaced truth.
struct Part {
  Measure measure;
  Measure held;
  Measure line;

  explicit Part(Measure of) : measure(std::move(of)), held(measure) {
    visit_numbers(held, [](double& value) { value = 0; });
    line = held;
  }
  /// The atom whose mass says how much the part weighs.
  static Atom& weighted(Measure& of) { return of.groups.empty() ? of.atoms.front() : of.groups.front(); }

  void hold_all() {
    visit_numbers(held, [](double& value) { value = 1; });
  }

  /// Of a split atom, or of a group.
  bool is_of_own_gate(std::size_t number) const {
    const std::size_t num_own = weighted_gate_size() + 1;
    return measure.groups.empty() ? number < num_own : number + num_own >= numbers_of(measure).size();
  }

  void hold_largest_change(const Measure& before, bool is_first_copy, bool gate_is_direction) {
    const std::vector<double> old = numbers_of(before);
    const std::vector<double> now = numbers_of(measure);
    std::size_t largest = 0;
    for (std::size_t p = 0; p < old.size(); ++p) {
      if (std::abs(now[p] - old[p]) > std::abs(now[largest] - old[largest])) {
        largest = p;
      }
    }
    const bool is_of_gate = is_of_own_gate(largest);
    if (is_first_copy || is_of_gate) {
      std::size_t place = 0;
      visit_numbers(held, [&](double& value) { value = place++ == largest ? 1 : value; });
    }
    if (is_of_gate && gate_is_direction) {
      std::ranges::fill(held.atoms.front().gate, 1);
    }
  }

 private:
  std::size_t weighted_gate_size() const {
    return (measure.groups.empty() ? measure.atoms.front() : measure.groups.front()).gate.size();
  }
};

void append(const std::vector<Atom>& from, std::vector<Atom>& to) {
  to.insert(to.end(), from.begin(), from.end());
}

/// a - b, number by number.
Measure difference(Measure a, const Measure& b) {
  const std::vector<double> subtracted = numbers_of(b);
  std::size_t place = 0;
  visit_numbers(a, [&](double& value) { value -= subtracted[place++]; });
  return a;
}

/// The corners of a regular simplex in R^r, r x (r + 1), with mean 0 and covariance I.
Eigen::MatrixXd simplex(Eigen::Index r) {
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(Eigen::VectorXd::Ones(r + 1));
  const Eigen::MatrixXd q = qr.householderQ();
  return std::sqrt(static_cast<double>(r + 1)) * q.rightCols(r).transpose();
}

/// Puts the pieces together.
class Displacer {
 public:
  Displacer(const LocalFunctions<Wide>& functions, const Truth& truth, const std::vector<CellSplit>& splits,
            double size, Freedom freedom)
      : functions_(functions), truth_(truth), splits_(splits), size_(size), freedom_(freedom) {
    result_.family = truth.family;
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
      result_.family.spec.gate.groups = {0, sizes};
    }
    result_.family.spec.num_experts = static_cast<int>(result_.measure.atoms.size());
  }

  DisplacedTruth take() { return std::move(result_); }

 private:
  void append_atoms(const Part& part) {
    append(part.measure.atoms, result_.measure.atoms);
    append(part.held.atoms, result_.held.atoms);
    append(part.line.atoms, result_.line.atoms);
  }

  void add_atoms(std::size_t first, std::size_t last) {
    for (std::size_t cell = first; cell < last; ++cell) {
      for (const Part& copy : copies(cell)) {
        append_atoms(copy);
      }
    }
  }

  void add_group(std::size_t cell, std::size_t first, std::size_t last, std::vector<int>& sizes) {
    const std::vector<Part> groups = copies(cell);
    for (const Part& group : groups) {
      const std::size_t before = result_.measure.atoms.size();
      if (groups.size() > 1) {
        append_atoms(group);
      } else {
        add_atoms(first, last);
      }
      append(group.measure.groups, result_.measure.groups);
      append(group.held.groups, result_.held.groups);
      append(group.line.groups, result_.line.groups);
      sizes.push_back(static_cast<int>(result_.measure.atoms.size() - before));
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
        copy.hold_largest_change(before, i == 0, is_on_sphere(spec.gate));
        Part::weighted(copy.held).bias = 1;
      }
      Part::weighted(copy.measure).bias -= unit * std::log(static_cast<double>(corners.cols()));
    }
    return result;
  }

  const LocalFunctions<Wide>& functions_;
  const Truth& truth_;
  const std::vector<CellSplit>& splits_;
  double size_;
  Freedom freedom_;
  DisplacedTruth result_;
};

}  // namespace

std::vector<double> numbers_of(Measure measure) {
  std::vector<double> numbers;
  visit_numbers(measure, [&](double& value) { numbers.push_back(value); });
  return numbers;
}

DisplacedTruth displaced_truth(const LocalFunctions<Wide>& functions, const Truth& truth,
                               const std::vector<CellSplit>& splits, double size, Freedom freedom) {
  return Displacer(functions, truth, splits, size, freedom).take();
}

}  // namespace moest
