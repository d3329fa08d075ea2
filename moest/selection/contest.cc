#include "moest/selection/contest.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>

#include "moest/base/error.h"
#include "moest/base/option_json.h"
#include "moest/base/parallel.h"
#include "moest/fit/fit.h"
#include "moest/model/catalogue.h"
#include "moest/model/predict.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double mean_of_squares(const Dataset& data, const Eigen::VectorXd& predicted) {
  const Eigen::ArrayXd weights = sample_weights(data);
  return (weights * (data.target.col(0) - predicted).array().square()).sum() / weights.sum();
}

/// What the numbers of a data set are, as one number (FNV-1a over the bytes).
std::string fingerprint(const Dataset& data) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](const double* values, Eigen::Index count) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(values);
    for (std::size_t i = 0; i < static_cast<std::size_t>(count) * sizeof(double); ++i) {
      hash = (hash ^ bytes[i]) * 0x100000001b3;
    }
  };
  add(data.inputs.data(), data.inputs.size());
  add(data.target.data(), data.target.size());
  add(data.weights.data(), data.weights.size());
  return fmt::format("{:016x}", hash);
}

/// Scores by the contender and the fold that they are of.
class Scores {
 public:
  Scores(Journal* journal, const Json& specification) : journal_(journal) {
    if (journal_ == nullptr) {
      return;
    }
    const std::vector<std::string>& lines = journal_->lines();
    if (lines.empty()) {
      journal_->append(specification.dump());
      return;
    }
    if (lines.front() != specification.dump()) {
      throw InputError("the store is that of another comparison",
                       fmt::format("it was made for {}, and this is {}", lines.front(), specification.dump()),
                       "Give --store another file, or the same data and options.");
    }
    for (std::size_t i = 1; i < lines.size(); ++i) {
      const Json line = Json::parse(lines[i], nullptr, false);
      if (line.is_discarded() || !line.contains("of") || !line.contains("predicted")) {
        throw InputError(fmt::format("line {} of the store is damaged", i + 1), "it is no score of a fold",
                         "Remove the line, or give --store another file.");
      }
      known_[line["of"].dump()] = {line["held_out"].get<std::vector<double>>(), line["train"].get<double>(),
                                   line["predicted"].get<std::vector<double>>(), line["seconds"].get<double>()};
    }
  }

  static std::string key(const Contender& contender, int fold) {
    Json of = to_json(contender);
    of["fold"] = fold;
    return of.dump();
  }
  const FoldScore* find(const std::string& key) const {
    const auto found = known_.find(key);
    return found == known_.end() ? nullptr : &found->second;
  }
  void add(const std::string& key, const FoldScore& score) {
    const std::lock_guard lock(mutex_);
    known_[key] = score;
    if (journal_ != nullptr) {
      journal_->append(Json{
          {"of", Json::parse(key)},
          {"held_out", score.held_out},
          {"train", score.train},
          {"predicted", score.predicted},
          {"seconds",
           score.seconds}}.dump());
    }
  }

 private:
  Journal* journal_;
  std::map<std::string, FoldScore> known_;
  std::mutex mutex_;
};

/// Fits and judges; nothing if it was interrupted.
std::optional<FoldScore> judge(const Contender& contender, const Dataset& train, const Dataset& held_out,
                               FitOptions options, const FitControl& control) {
  const Clock::time_point begin = Clock::now();
  options.ridge = contender.ridge;
  options.greedy = starts_greedily(contender);
  const FitControl silent{control.interrupt, {}};
  const FitResult result = fit(contender.spec, train, options, silent);
  if (result.summary.status == FitStatus::interrupted) {
    return std::nullopt;
  }
  FoldScore score;
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(held_out.target.rows());
  int number = 0;
  for (const Model& member : result.ensemble.members) {
    sum += predict(member, held_out.inputs, options.threads).mean;
    score.held_out.push_back(mean_of_squares(held_out, sum / ++number));
  }
  sum /= number;
  score.predicted.assign(sum.begin(), sum.end());
  score.held_out.resize(static_cast<std::size_t>(options.ensemble), score.held_out.back());
  score.train = result.summary.rss / sample_weights(train).sum();
  score.seconds = seconds_since(begin);
  return score;
}

/// About the square of the number of parameters: what an iteration costs.
double work_of(const Contender& contender, const Dataset& data) {
  MixtureSpec spec = contender.spec;
  spec.num_inputs = static_cast<int>(data.inputs.cols());
  return std::pow(num_free_parameters(spec), 2);
}

class Contest {
 public:
  Contest(const std::vector<Contender>& contenders, const Dataset& data, const std::vector<Indices>& folds,
          const ContestOptions& options, Scores& scores, const FitControl& control,
          const std::function<void(const ContestProgress&)>& progress)
      : data_(data),
        folds_(folds),
        options_(options),
        scores_(scores),
        control_(control),
        progress_(progress) {
    for (const Contender& contender : contenders) {
      rows_.push_back({contender, {}, false, 1});
      work_.push_back(work_of(contender, data));
    }
    order_.resize(rows_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    // The largest first, so that no thread is left with it at the end.
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return work_[a] > work_[b]; });
  }

  std::vector<ContestRow> run() {
    for (int fold = 0; fold < static_cast<int>(folds_.size()); ++fold) {
      run_fold(fold);
      if (is_interrupted()) {
        break;
      }
      choose_ensembles();
      num_judged_ += static_cast<double>(folds_[static_cast<std::size_t>(fold)].size());
      if (options_.dropping && fold + 1 < static_cast<int>(folds_.size())) {
        drop_ridges(fold + 1);
        drop_the_worse();
      }
    }
    choose_ensembles();
    return std::move(rows_);
  }

 private:
  bool is_interrupted() const { return control_.interrupt != nullptr && control_.interrupt->load(); }

  void run_fold(int fold) {
    const Indices& samples = folds_[static_cast<std::size_t>(fold)];
    const Dataset held_out = subset(data_, samples);
    const Dataset train = subset(data_, complement(samples, data_.target.rows()));
    std::vector<std::size_t> alive;
    std::copy_if(order_.begin(), order_.end(), std::back_inserter(alive),
                 [&](std::size_t i) { return !rows_[i].dropped; });
    std::vector<std::optional<FoldScore>> scores(rows_.size());
    std::vector<std::size_t> left;
    for (const std::size_t i : alive) {
      if (const FoldScore* known = scores_.find(Scores::key(rows_[i].contender, fold))) {
        scores[i] = *known;
      } else {
        left.push_back(i);
      }
    }
    plan(fold, alive, left);
    FitOptions fit_options = options_.fit;
    const int threads = resolve_threads(options_.fit.threads);
    fit_options.threads = std::max(1, threads / std::max(1, static_cast<int>(left.size())));
    parallel_for(threads, static_cast<int>(left.size()), [&](int job) {
      const std::size_t i = left[static_cast<std::size_t>(job)];
      if (is_interrupted()) {
        return;
      }
      scores[i] = judge(rows_[i].contender, train, held_out, fit_options, control_);
      if (scores[i]) {
        scores_.add(Scores::key(rows_[i].contender, fold), *scores[i]);
      }
      report_done(i);
    });
    if (!is_interrupted()) {
      for (const std::size_t i : alive) {
        rows_[i].scores.push_back(*scores[i]);
      }
    }
  }

  /// What is left, if nobody drops out any more.
  void plan(int fold, const std::vector<std::size_t>& alive, const std::vector<std::size_t>& left) {
    const std::lock_guard lock(mutex_);
    const auto later = static_cast<int>(folds_.size()) - fold - 1;
    const auto work = [&](const std::vector<std::size_t>& of) {
      return std::accumulate(of.begin(), of.end(), 0.0,
                             [&](double sum, std::size_t i) { return sum + work_[i]; });
    };
    num_planned_ = num_done_ + static_cast<int>(left.size()) + later * static_cast<int>(alive.size());
    work_planned_ = work_done_ + work(left) + later * work(alive);
  }

  void report_done(std::size_t row) {
    const std::lock_guard lock(mutex_);
    ++num_done_;
    work_done_ += work_[row];
    if (progress_) {
      progress_({num_done_, num_planned_, work_done_ / work_planned_, seconds_since(begin_)});
    }
  }

  void choose_ensembles() {
    for (ContestRow& row : rows_) {
      if (row.scores.empty()) {
        continue;
      }
      row.ensemble = 1;
      for (int number = 2; number <= options_.fit.ensemble; ++number) {
        if (row.errors(number).mean() < row.errors().mean()) {
          row.ensemble = number;
        }
      }
      const Eigen::ArrayXd least = row.errors();
      for (int number = options_.fit.ensemble; number > row.ensemble; --number) {
        const Eigen::ArrayXd difference = row.errors(number) - least;
        const bool is_padded = (row.errors(number) == row.errors(number - 1)).all();
        if (!is_padded && difference.mean() <= standard_error_of_mean(difference)) {
          row.ensemble = number;
        }
      }
    }
  }

  /// Of each run of neighbours that differ in their ridge only.
  void drop_ridges(int num_folds) {
    const std::size_t kept = num_folds >= 4 ? 1 : num_folds >= 2 ? 2 : rows_.size();
    for (std::size_t first = 0; first < rows_.size();) {
      std::size_t end = first;
      std::vector<ContestRow*> alive;
      for (; end < rows_.size() && differ_in_ridge(rows_[first].contender, rows_[end].contender); ++end) {
        if (!rows_[end].dropped) {
          alive.push_back(&rows_[end]);
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

  void drop_the_worse() {
    const ContestRow* best = nullptr;
    for (const ContestRow& row : rows_) {
      if (!row.dropped && (best == nullptr || row.errors().mean() < best->errors().mean())) {
        best = &row;
      }
    }
    if (best == nullptr) {
      return;
    }
    const Eigen::ArrayXd of_best = best->errors();
    for (ContestRow& row : rows_) {
      if (!row.dropped && row.contender.spec.num_experts > 1) {
        row.dropped = is_clearly_worse(row.errors(), of_best, num_judged_);
      }
    }
  }

  static bool is_clearly_worse(const Eigen::ArrayXd& errors, const Eigen::ArrayXd& of_best,
                               double num_judged) {
    const Eigen::ArrayXd difference = errors - of_best;
    const double mean = difference.mean();
    const auto number = static_cast<double>(difference.size());
    constexpr double kStandardErrors = 3;
    if (number < 3) {
      return mean > kStandardErrors * std::sqrt(10 / num_judged) * of_best.mean();
    }
    constexpr double kShare = 0.5;
    return mean > kShare * of_best.mean() && mean > kStandardErrors * standard_error_of_mean(difference);
  }

  const Dataset& data_;
  const std::vector<Indices>& folds_;
  const ContestOptions& options_;
  Scores& scores_;
  const FitControl& control_;
  const std::function<void(const ContestProgress&)>& progress_;
  std::vector<ContestRow> rows_;
  std::vector<double> work_;
  std::vector<std::size_t> order_;
  double num_judged_ = 0;  // samples of the folds so far
  Clock::time_point begin_ = Clock::now();
  std::mutex mutex_;  // guards what follows
  int num_done_ = 0, num_planned_ = 0;
  double work_done_ = 0, work_planned_ = 0;
};

}  // namespace

bool differ_in_ridge(const Contender& a, const Contender& b) {
  return a.spec.gate == b.spec.gate && a.spec.expert == b.spec.expert &&
         a.spec.num_experts == b.spec.num_experts;
}

Json to_json(const Contender& contender) {
  const MixtureSpec& spec = contender.spec;
  return {{"gate", kind_json(gate_info(spec.gate.kind), gate_options(), spec.gate)},
          {"expert", kind_json(expert_kind(spec.expert.kind).info, expert_options(), spec.expert)},
          {"experts", spec.num_experts},
          {"ridge", contender.ridge}};
}

bool ContestRow::takes_all() const {
  return ensemble > 1 && std::all_of(scores.begin(), scores.end(), [&](const FoldScore& score) {
           return score.held_out[static_cast<std::size_t>(ensemble - 1)] == score.held_out.back();
         });
}

double standard_error_of_mean(const Eigen::ArrayXd& values) {
  const auto number = static_cast<double>(values.size());
  return number > 1 ? std::sqrt((values - values.mean()).square().sum() / (number - 1) / number) : 0;
}

Eigen::ArrayXd ContestRow::errors(int number) const {
  Eigen::ArrayXd result(static_cast<Eigen::Index>(scores.size()));
  std::transform(scores.begin(), scores.end(), result.begin(), [&](const FoldScore& score) {
    return score.held_out[static_cast<std::size_t>(number - 1)];
  });
  return result;
}

std::vector<ContestRow> run_contest(const std::vector<Contender>& contenders, const Dataset& data,
                                    const std::vector<Indices>& folds, const ContestOptions& options,
                                    Journal* journal, const FitControl& control,
                                    const std::function<void(const ContestProgress&)>& progress) {
  MOEST_EXPECT(!contenders.empty() && folds.size() >= 2 && data.target.cols() == 1);
  Json fit = options_json(fit_options(), options.fit);
  for (const char* free : {"threads", "ridge", "greedy", "confidence", "covariance"}) {
    fit.erase(free);
  }
  const Json specification{
      {"moest_comparison", 2}, {"data", fingerprint(data)}, {"folds", folds.size()}, {"fit", fit}};
  Scores scores(journal, specification);
  return Contest(contenders, data, folds, options, scores, control, progress).run();
}

}  // namespace moest
