#include "moest/selection/contest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>

#include "moest/base/error.h"
#include "moest/base/json_reader.h"
#include "moest/base/option_json.h"
#include "moest/base/parallel.h"
#include "moest/base/result_store.h"
#include "moest/fit/fit.h"
#include "moest/model/catalogue.h"
#include "moest/model/predict.h"
#include "moest/selection/elimination.h"
#include "moest/selection/errors.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

Json key_of(const Contender& contender, int fold) {
  Json key = to_json(contender);
  key["fold"] = fold;
  return key;
}

Json score_json(const FoldScore& score) {
  return {{"held_out", score.held_out}, {"train", score.train},   {"predicted", score.predicted},
          {"optima", score.num_optima}, {"single", score.single}, {"pair", score.pair},
          {"seconds", score.seconds}};
}

FoldScore score_from(const Json& json) {
  return {json.at("held_out").get<std::vector<double>>(),
          json.at("train").get<double>(),
          json.at("predicted").get<std::vector<double>>(),
          json.at("optima").get<int>(),
          json.at("single").get<double>(),
          json.at("pair").get<double>(),
          json.at("seconds").get<double>()};
}

/// Which samples are in which fold.
std::string folds_text(const std::vector<Indices>& folds) {
  std::string text;
  for (const Indices& fold : folds) {
    text += fmt::format("{};", fmt::join(fold, ","));
  }
  return text;
}

/// Whether a line of a journal has a score as score_json() makes it.
bool is_whole(const Json& key, const Json& score, const std::vector<Indices>& folds, Eigen::Index num_targets,
              int ensemble) {
  const auto has_numbers = [&](const char* name, std::size_t number) {
    return score.contains(name) && is_list_of_numbers(score[name], number);
  };
  const auto has_number = [&](const char* name) { return score.contains(name) && score[name].is_number(); };
  if (!key.is_object() || !key.contains("fold") || !key["fold"].is_number_unsigned() ||
      key["fold"].get<std::size_t>() >= folds.size()) {
    return false;
  }
  return has_numbers("held_out", static_cast<std::size_t>(ensemble)) &&
         has_numbers("predicted",
                     folds[key["fold"].get<std::size_t>()].size() * static_cast<std::size_t>(num_targets)) &&
         has_number("train") && has_number("optima") && has_number("single") && has_number("pair") &&
         has_number("seconds");
}

/// The mean over the targets of sums of squares, each in its unit.
double mean_square_of(const std::vector<double>& sums, const Eigen::RowVectorXd& units) {
  const Eigen::Map<const Eigen::ArrayXd> squares(sums.data(), static_cast<Eigen::Index>(sums.size()));
  return (squares / units.transpose().array().square()).mean();
}

/// Fits and judges; nothing if it was interrupted.
std::optional<FoldScore> judge(const Contender& contender, const Dataset& train, const Dataset& held_out,
                               const Eigen::RowVectorXd& units, FitOptions options,
                               const FitControl& control) {
  const Clock::time_point begin = Clock::now();
  options.ridge = contender.ridge;
  options.greedy = starts_greedily(contender);
  const FitControl silent{control.interrupt, {}};
  const FitResult result = fit(contender.spec, train, options, silent);
  if (result.summary.status == FitStatus::interrupted) {
    return std::nullopt;
  }
  FoldScore score;
  const Eigen::ArrayXd weights = sample_weights(held_out);
  Eigen::MatrixXd predictions = Eigen::MatrixXd::Zero(held_out.target.rows(), held_out.target.cols());
  double squares = 0;  // sums over the members
  for (const Model& member : result.ensemble.members) {
    const Eigen::MatrixXd predicted = predict_mean(member, held_out.inputs, options.threads);
    predictions += predicted;
    squares += mean_square(residuals_of(held_out, predicted, units), weights);
    const auto number = static_cast<double>(score.held_out.size() + 1);
    score.held_out.push_back(mean_square(residuals_of(held_out, predictions / number, units), weights));
  }
  score.num_optima = static_cast<int>(result.ensemble.members.size());
  const double number = score.num_optima;
  predictions /= number;
  score.single = squares / number;
  score.pair = number > 1 ? (number * score.held_out.back() - score.single) / (number - 1) : score.single;
  score.predicted.assign(predictions.data(), predictions.data() + predictions.size());
  score.held_out.resize(static_cast<std::size_t>(options.ensemble), score.held_out.back());
  score.train = mean_square_of(result.summary.rss_by_target, units) / sample_weights(train).sum();
  score.seconds = seconds_since(begin);
  return score;
}

/// About the square of the number of parameters: what an iteration costs.
double work_of(const Contender& contender, const Dataset& data) {
  MixtureSpec spec = contender.spec;
  spec.num_inputs = static_cast<int>(data.inputs.cols());
  spec.num_outputs = static_cast<int>(data.target.cols());
  return std::pow(num_free_parameters(spec), 2);
}

class Contest {
 public:
  Contest(const std::vector<Contender>& contenders, const Dataset& data, const std::vector<Indices>& folds,
          const ContestOptions& options, ResultStore& scores, const FitControl& control,
          const std::function<void(const ContestProgress&)>& progress)
      : data_(data),
        units_(error_units(data)),
        folds_(folds),
        options_(options),
        scores_(scores),
        control_(control),
        progress_(progress) {
    for (const Contender& contender : contenders) {
      rows_.push_back({contender, {}});
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
      choose_ensembles(most_known(), options_.final_starts, rows_);
      num_judged_ += static_cast<double>(folds_[static_cast<std::size_t>(fold)].size());
      if (options_.dropping && fold + 1 < static_cast<int>(folds_.size())) {
        drop_ridges(fold + 1, rows_);
        drop_growth(fold + 1, rows_);
        drop_the_worse(num_judged_, rows_);
      }
    }
    return std::move(rows_);
  }

 private:
  int most_known() const { return options_.fit.ensemble; }
  bool is_interrupted() const { return control_.interrupt != nullptr && control_.interrupt->load(); }

  void run_fold(int fold) {
    const Indices& samples = folds_[static_cast<std::size_t>(fold)];
    held_out_ = subset(data_, samples);
    train_ = subset(data_, complement(samples, data_.target.rows()));
    std::vector<std::size_t> alive;
    std::copy_if(order_.begin(), order_.end(), std::back_inserter(alive),
                 [&](std::size_t i) { return !rows_[i].dropped; });
    if (fold > 0 || !options_.dropping) {
      run_all(fold, alive);
      return;
    }
    // Smaller mixtures first: whoever has grown worse on the way need not be tried larger still.
    std::map<int, std::vector<std::size_t>> by_number;
    for (const std::size_t i : alive) {
      by_number[rows_[i].contender.spec.num_experts].push_back(i);
    }
    for (auto& [number, rows] : by_number) {
      std::erase_if(rows, [&](std::size_t i) { return rows_[i].dropped; });
      run_all(fold, rows);
      if (is_interrupted()) {
        return;
      }
      choose_ensembles(most_known(), options_.final_starts, rows_);
      drop_growth(1, rows_);
    }
  }

  void run_all(int fold, const std::vector<std::size_t>& rows) {
    std::vector<std::optional<FoldScore>> scores(rows_.size());
    std::vector<std::size_t> left;
    for (const std::size_t i : rows) {
      if (const Json* known = scores_.find(key_of(rows_[i].contender, fold))) {
        scores[i] = score_from(*known);
      } else {
        left.push_back(i);
      }
    }
    plan(fold, left);
    FitOptions fit_options = options_.fit;
    const int threads = resolve_threads(options_.fit.threads);
    fit_options.threads = std::max(1, threads / std::max(1, static_cast<int>(left.size())));
    parallel_for(threads, static_cast<int>(left.size()), [&](int job) {
      const std::size_t i = left[static_cast<std::size_t>(job)];
      if (is_interrupted()) {
        return;
      }
      scores[i] = judge(rows_[i].contender, train_, held_out_, units_, fit_options, control_);
      if (scores[i]) {
        scores_.add(key_of(rows_[i].contender, fold), score_json(*scores[i]));
      }
      report_done(i);
    });
    if (!is_interrupted()) {
      for (const std::size_t i : rows) {
        rows_[i].scores.push_back(*scores[i]);
      }
    }
  }

  /// What is left, if nobody drops out any more: `left` of this fold now, then those without a score of it,
  /// and all of the later folds.
  void plan(int fold, const std::vector<std::size_t>& left) {
    const std::lock_guard lock(mutex_);
    const auto later = static_cast<int>(folds_.size()) - fold - 1;
    num_planned_ = num_done_ + static_cast<int>(left.size());
    work_planned_ = work_done_;
    for (const std::size_t i : left) {
      work_planned_ += work_[i];
    }
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const ContestRow& row = rows_[i];
      const bool is_now = std::find(left.begin(), left.end(), i) != left.end();
      const bool is_to_come = !is_now && static_cast<int>(row.scores.size()) == fold;
      const int count = row.dropped ? 0 : later + (is_to_come ? 1 : 0);
      num_planned_ += count;
      work_planned_ += count * work_[i];
    }
  }

  void report_done(std::size_t row) {
    const std::lock_guard lock(mutex_);
    ++num_done_;
    work_done_ += work_[row];
    if (progress_) {
      progress_({num_done_, num_planned_, work_done_ / work_planned_, seconds_since(begin_)});
    }
  }

  const Dataset& data_;
  Eigen::RowVectorXd units_;
  const std::vector<Indices>& folds_;
  const ContestOptions& options_;
  ResultStore& scores_;
  const FitControl& control_;
  const std::function<void(const ContestProgress&)>& progress_;
  Dataset train_, held_out_;  // of the present fold
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

double FoldScore::of_ensemble(double number) const {
  constexpr double kLeastShare = 0.5;
  const double known = pair + (single - pair) / num_optima;
  return std::max(pair + (single - pair) / number, kLeastShare * known);
}

Eigen::ArrayXd ContestRow::errors_of(int number) const {
  Eigen::ArrayXd result(static_cast<Eigen::Index>(scores.size()));
  std::transform(scores.begin(), scores.end(), result.begin(), [&](const FoldScore& score) {
    return score.held_out[static_cast<std::size_t>(number - 1)];
  });
  return result;
}

Eigen::ArrayXd ContestRow::errors_of_all() const {
  Eigen::ArrayXd result(static_cast<Eigen::Index>(scores.size()));
  std::transform(scores.begin(), scores.end(), result.begin(),
                 [&](const FoldScore& score) { return score.of_ensemble(num_final); });
  return result;
}

std::vector<ContestRow> run_contest(const std::vector<Contender>& contenders, const Dataset& data,
                                    const std::vector<Indices>& folds, const ContestOptions& options,
                                    Journal* journal, const FitControl& control,
                                    const std::function<void(const ContestProgress&)>& progress) {
  MOEST_EXPECT(!contenders.empty() && folds.size() >= 2);
  Json fit = options_json(fit_options(), options.fit);
  for (const char* free : {"threads", "ridge", "greedy", "confidence", "covariance"}) {
    fit.erase(free);
  }
  const Json specification{{"moest_comparison", 2},
                           {"data", fingerprint(data)},
                           {"folds", fingerprint(folds_text(folds))},
                           {"fit", fit}};
  const auto is_score = [&](const Json& key, const Json& score) {
    return is_whole(key, score, folds, data.target.cols(), options.fit.ensemble);
  };
  ResultStore scores(journal, specification, "comparison", is_score);
  return Contest(contenders, data, folds, options, scores, control, progress).run();
}

}  // namespace moest
