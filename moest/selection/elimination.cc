#include "moest/selection/elimination.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "moest/model/student.h"
#include "moest/selection/errors.h"

namespace moest {
namespace {

void choose_ensemble(int most_known, int final_starts, ContestRow& row) {
  const int most = std::min(most_known, final_starts);
  row.ensemble = 1;
  for (int number = 2; number <= most; ++number) {
    if (row.errors_of(number).mean() < row.errors_of(row.ensemble).mean()) {
      row.ensemble = number;
    }
  }
  const Eigen::ArrayXd least = row.errors_of(row.ensemble);
  const auto is_within_one_se = [&](const Eigen::ArrayXd& errors) {
    const Eigen::ArrayXd difference = errors - least;
    return difference.mean() <= standard_error_of_mean(difference);
  };
  double num_optima = 0;
  for (const FoldScore& score : row.scores) {
    num_optima = std::max<double>(num_optima, score.num_optima);
  }
  for (int number = most; number > row.ensemble; --number) {
    if (number <= num_optima && is_within_one_se(row.errors_of(number))) {
      row.ensemble = number;
    }
  }
  row.num_final = std::max(1.0, std::round(final_starts * num_optima / most_known));
  row.takes_all = num_optima > 1 && row.num_final > 1 && is_within_one_se(row.errors_of_all());
}

bool is_clearly_worse(const Eigen::ArrayXd& errors, const Eigen::ArrayXd& of_best, double num_judged) {
  const Eigen::ArrayXd difference = errors - of_best;
  const double mean = difference.mean();
  const auto number = static_cast<double>(difference.size());
  if (number < 3) {
    constexpr double kStandardErrors = 3;
    return mean > kStandardErrors * std::sqrt(10 / num_judged) * of_best.mean();
  }
  constexpr double kShare = 0.1;
  constexpr double kConfidence = 0.99;
  return mean > kShare * of_best.mean() &&
         mean > student_quantile(number - 1, kConfidence) * standard_error_of_mean(difference);
}

bool are_of_one_family(const MixtureSpec& a, const MixtureSpec& b) {
  return a.gate == b.gate && a.expert == b.expert;
}

/// Of those that are still in, of the family and with a number of experts that counts.
template <class Counts>
double least_error(const std::vector<ContestRow>& rows, const MixtureSpec& family, const Counts& counts) {
  double error = std::numeric_limits<double>::infinity();
  for (const ContestRow& row : rows) {
    const MixtureSpec& spec = row.contender.spec;
    if (are_of_one_family(spec, family) && counts(spec.num_experts) && !row.dropped && !row.scores.empty()) {
      error = std::min(error, row.errors().mean());
    }
  }
  return error;
}

}  // namespace

void choose_ensembles(int most_known, int final_starts, std::vector<ContestRow>& rows) {
  for (ContestRow& row : rows) {
    if (!row.scores.empty()) {
      choose_ensemble(most_known, final_starts, row);
    }
  }
}

void drop_ridges(int num_folds, std::vector<ContestRow>& rows) {
  const std::size_t kept = num_folds >= 6 ? 1 : num_folds >= 3 ? 2 : rows.size();
  for (std::size_t first = 0; first < rows.size();) {
    std::size_t end = first;
    std::vector<ContestRow*> alive;
    for (; end < rows.size() && differ_in_ridge(rows[first].contender, rows[end].contender); ++end) {
      if (!rows[end].dropped) {
        alive.push_back(&rows[end]);
      }
    }
    std::stable_sort(alive.begin(), alive.end(), [](const ContestRow* a, const ContestRow* b) {
      return a->errors().mean() < b->errors().mean();
    });
    for (std::size_t i = kept; i < alive.size(); ++i) {
      alive[i]->dropped = true;
    }
    first = end;
  }
}

void drop_growth(int num_folds, std::vector<ContestRow>& rows) {
  constexpr int kFewExperts = 8;  // which cost little
  const double most_growth = num_folds == 1 ? 0.1 : 0.0;
  for (const ContestRow& grown : rows) {
    const MixtureSpec& spec = grown.contender.spec;
    const double own = least_error(rows, spec, [&](int number) { return number == spec.num_experts; });
    const double smaller = least_error(rows, spec, [&](int number) { return number < spec.num_experts; });
    if (!std::isfinite(own) || !(own > (1 + most_growth) * smaller)) {
      continue;
    }
    for (ContestRow& row : rows) {
      row.dropped |= are_of_one_family(row.contender.spec, spec) &&
                     row.contender.spec.num_experts > std::max(spec.num_experts, kFewExperts);
    }
  }
}

void drop_the_worse(double num_judged, std::vector<ContestRow>& rows) {
  const ContestRow* best = nullptr;
  for (const ContestRow& row : rows) {
    if (!row.dropped && (best == nullptr || row.errors().mean() < best->errors().mean())) {
      best = &row;
    }
  }
  if (best == nullptr) {
    return;
  }
  const Eigen::ArrayXd of_best = best->errors();
  for (ContestRow& row : rows) {
    if (!row.dropped && row.contender.spec.num_experts > 1) {
      row.dropped = is_clearly_worse(row.errors(), of_best, num_judged);
    }
  }
}

}  // namespace moest
