#include "moest/fit/multistart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "moest/base/parallel.h"
#include "moest/base/random.h"
#include "moest/fit/starts.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

constexpr int kStartsPerRound = 16;
constexpr int kMostRounds = 8;
constexpr int kEnoughAgreeing = 3;

// Effort of a start on the way to its valley.
struct Effort {
  double tolerance;
  int max_iterations;
};
constexpr Effort kTrySplit{1e-2, 20};
constexpr Effort kPolishSplit{1e-2, 100};
constexpr Effort kSearch{1e-2, 50};
constexpr int kSplitsPerExpert = 3;
constexpr int kFirstExperts = 4;
// Starts search for their valley in so many samples, or so many times the number of parameters, whichever is
// more, and only then descend in all. Below kLeastSamplesToThin samples that gains nothing.
constexpr Eigen::Index kFewSamples = 4096;
constexpr Eigen::Index kFewSamplesPerParameter = 50;
constexpr Eigen::Index kLeastSamplesToThin = 4 * kFewSamples;

std::optional<SampleBlocks> thin(const SampleBlocks& samples, int num_parameters) {
  const Eigen::Index few = std::max(kFewSamples, kFewSamplesPerParameter * num_parameters);
  if (samples.num_samples() < std::max(kLeastSamplesToThin, 4 * few)) {
    return std::nullopt;
  }
  return samples.thinned(few);
}

/// A gate of one atom means another one in a mixture of fewer, where the reference is another atom.
std::vector<Equation> those_of_any_mixture(std::vector<Equation> equations) {
  std::erase_if(equations, [](const Equation& equation) {
    return equation.left.part != ParameterPath::Part::expert && equation.left.index;
  });
  return equations;
}

bool is_better(const LocalFit& a, const LocalFit& b) {
  return a.status != FitStatus::failed && (b.status == FitStatus::failed || a.objective < b.objective);
}

/// Runs the starts of one specification. One object serves all threads: it only reads.
class Starter {
 public:
  Starter(const MixtureSpec& spec, const SampleBlocks& samples, const FitOptions& options, Monitor& monitor)
      : spec_(spec),
        search_spec_(spec),
        equations_(parse_equations(options.fix)),
        equations_on_the_way_(those_of_any_mixture(equations_)),
        num_parameters_(MixtureChart(spec, options.bound, equations_).num_free_parameters()),
        samples_(samples),
        thinned_(thin(samples, num_parameters_)),
        few_samples_(thinned_ ? *thinned_ : samples),
        statistics_(samples),
        options_(options),
        monitor_(monitor) {
    search_spec_.gate.top_k = 0;
  }

  /// Threads that so many starts at a time leave idle work on the passes of each start.
  void share_threads(int num_starts) {
    threads_per_pass_ = std::max(1, resolve_threads(options_.threads) / std::max(1, num_starts));
  }

  int num_parameters() const { return num_parameters_; }

  /// From the beginning of a start to near its valley's bottom, in few samples where that pays; the objective
  /// is that of all samples. A given start is where its user wants it.
  LocalFit search(StartKind kind, const std::optional<Eigen::VectorXd>& given, Stream& stream) const {
    LocalFit found;
    if (kind == StartKind::given) {
      found.theta = *given;
    } else {
      found = kind == StartKind::greedy ? greedy(stream) : random(stream);
    }
    if (thinned_ || kind == StartKind::given || searches_elsewhere()) {
      found.iterations = 0;
      found.objective = problem_on(samples_).objective(found.theta);
    }
    return found;
  }

  /// From there to the bottom. Starts that can hardly come as low as best_objective, the lowest that any has
  /// found, are abandoned.
  LocalFit descend(const LocalFit& found, double best_objective) const {
    if (abandons() && thinned_ && !searches_elsewhere() && found.status == FitStatus::converged &&
        found.objective > best_objective * (1 + largest_share_lost())) {
      LocalFit abandoned = found;
      abandoned.status = FitStatus::abandoned;
      return abandoned;
    }
    LocalOptions options = full_effort();
    if (abandons()) {
      options.worst_objective = best_objective * (1 + 1 / samples_.num_residuals());
    }
    Problem problem = problem_on(samples_);
    return resume(problem, found, options, monitor_);
  }

 private:
  LocalFit random(Stream& stream) const {
    Problem problem = problem_on(few_samples_);
    return minimise(problem, random_start(problem, statistics_, stream), search_effort(), monitor_);
  }

  LocalFit greedy(Stream& stream) const {
    Problem current = problem_of(1, few_samples_);
    LocalFit fit = first_expert(current, stream);
    for (int k = 1; k < spec_.num_experts; ++k) {
      Problem larger = problem_of(k + 1, few_samples_);
      if (monitor_.exhausted()) {
        fit = whole(current, larger, fit);
        current = std::move(larger);
        continue;
      }
      fit = best_split(current, larger, fit.theta, stream);
      const bool is_last = k + 1 == spec_.num_experts;
      fit = resume(larger, fit, is_last ? search_effort() : effort(kPolishSplit), monitor_);
      current = std::move(larger);
    }
    return fit;
  }

  /// By how much, relative to it, the objective at the optimum of few samples lies above its minimum. In
  /// units of the noise variance it is n / few times a chi-square of p degrees of freedom, of which four
  /// standard deviations are taken, and all of it twice, for noise that is uneven or not the whole of the
  /// residuals.
  double largest_share_lost() const {
    const double p = num_parameters_;
    return 2 * (p + 4 * std::sqrt(2 * p)) / few_samples_.num_residuals();
  }

  /// An ensemble wants other optima than the best one.
  bool abandons() const { return options_.abandoning && options_.ensemble == 1; }
  LocalOptions full_effort() const { return effort(options_.tolerance, options_.max_iterations); }
  LocalOptions effort(double tolerance, int max_iterations) const {
    return {tolerance, max_iterations, options_.acceleration};
  }
  LocalOptions effort(const Effort& of) const { return effort(of.tolerance, of.max_iterations); }
  /// In all samples the search is a part of the descent, and no more than the descent is.
  LocalOptions search_effort() const {
    return effort(std::max(kSearch.tolerance, options_.tolerance),
                  thinned_ || searches_elsewhere()
                      ? options_.max_iterations
                      : std::min(kSearch.max_iterations, options_.max_iterations));
  }

  /// With top_k, greedy starts search among the mixtures in which all experts count: there f has no jumps.
  bool searches_elsewhere() const { return !(spec_.gate == search_spec_.gate); }

  Problem problem_on(const SampleBlocks& samples) const {
    return {spec_, options_.bound, samples, threads_per_pass_, ridge_on(samples), equations_};
  }
  /// In fewer samples the penalty counts as much less.
  double ridge_on(const SampleBlocks& samples) const {
    return options_.ridge * samples.num_residuals() / samples_.num_residuals();
  }
  /// Of a greedy search on its way.
  Problem problem_of(int num_experts, const SampleBlocks& samples) const {
    const bool is_whole = num_experts == spec_.num_experts;
    return {with_experts(search_spec_, num_experts),
            options_.bound,
            samples,
            threads_per_pass_,
            ridge_on(samples),
            is_whole ? equations_ : equations_on_the_way_};
  }

  LocalFit first_expert(Problem& problem, Stream& stream) const {
    const LocalOptions options = spec_.num_experts == 1 ? search_effort() : effort(kPolishSplit);
    LocalFit best;
    for (int i = 0; i < kFirstExperts; ++i) {
      LocalFit fit = minimise(problem, random_start(problem, statistics_, stream), options, monitor_);
      if (i == 0 || is_better(fit, best)) {
        best = std::move(fit);
      }
      if (monitor_.exhausted()) {
        break;
      }
    }
    return best;
  }

  /// What there was when the time was up, with one expert twice.
  LocalFit whole(Problem& smaller, Problem& larger, const LocalFit& fit) const {
    LocalFit copied{.theta = fit.theta, .status = *monitor_.exhausted()};
    for (int expert = 0; expert < smaller.chart().num_experts(); ++expert) {
      if (const std::optional<Growth> grown = growth(smaller.chart().spec(), larger.chart().spec(), expert)) {
        copied.theta = copy_expert(smaller, larger, fit.theta, *grown);
        break;
      }
    }
    copied.objective = larger.objective(copied.theta);
    return copied;
  }

  LocalFit best_split(Problem& smaller, Problem& larger, const Eigen::VectorXd& theta, Stream& stream) const {
    LocalFit best;
    for (int expert = 0; expert < smaller.chart().num_experts(); ++expert) {
      const std::optional<Growth> grown = growth(smaller.chart().spec(), larger.chart().spec(), expert);
      for (int i = 0; grown && i < kSplitsPerExpert; ++i) {
        const Eigen::VectorXd start = split_expert(smaller, larger, theta, *grown, statistics_, stream);
        LocalFit fit = minimise(larger, start, effort(kTrySplit), monitor_);
        if (best.theta.size() == 0 || is_better(fit, best)) {
          best = std::move(fit);
        }
        if (monitor_.exhausted()) {
          return best;
        }
      }
    }
    return best;
  }

  const MixtureSpec& spec_;
  MixtureSpec search_spec_;
  std::vector<Equation> equations_, equations_on_the_way_;
  int num_parameters_;
  const SampleBlocks& samples_;
  std::optional<SampleBlocks> thinned_;
  const SampleBlocks& few_samples_;
  SampleStatistics statistics_;
  const FitOptions& options_;
  Monitor& monitor_;
  int threads_per_pass_ = 1;
};

int best_of(const std::vector<StartResult>& starts) {
  int best = -1;
  for (int i = 0; i < static_cast<int>(starts.size()); ++i) {
    const LocalFit& fit = starts[static_cast<std::size_t>(i)].fit;
    if (fit.theta.size() > 0 && fit.status != FitStatus::failed &&
        (best < 0 || is_better(fit, starts[static_cast<std::size_t>(best)].fit))) {
      best = i;
    }
  }
  return best;
}

double lowest_objective(const std::vector<StartResult>& starts) {
  double lowest = std::numeric_limits<double>::infinity();
  for (const StartResult& start : starts) {
    if (start.fit.theta.size() > 0 && start.fit.objective < lowest) {
      lowest = start.fit.objective;
    }
  }
  return lowest;
}

bool best_is_settled(const MultistartResult& result, const SampleBlocks& samples, int num_parameters) {
  if (result.best < 0) {
    return false;
  }
  const double rss = result.starts[static_cast<std::size_t>(result.best)].fit.objective;
  const auto degrees = std::max<double>(1, samples.num_residuals() - num_parameters);
  return count_agreeing(result.starts, rss, rss / degrees) >= kEnoughAgreeing;
}

}  // namespace

std::string_view name_of(StartKind kind) {
  switch (kind) {
    case StartKind::greedy:
      return "greedy";
    case StartKind::random:
      return "random";
    case StartKind::given:
      break;
  }
  return "given";
}

int count_agreeing(const std::vector<StartResult>& starts, double best_objective, double noise_variance) {
  return static_cast<int>(std::count_if(starts.begin(), starts.end(), [&](const StartResult& start) {
    return start.fit.theta.size() > 0 && start.fit.objective <= best_objective + noise_variance;
  }));
}

MultistartResult run_starts(const MixtureSpec& spec, const SampleBlocks& samples,
                            const std::optional<Eigen::VectorXd>& given, const FitOptions& options,
                            Monitor& monitor) {
  Starter starter(spec, samples, options, monitor);
  MultistartResult result;
  const auto run_round = [&](int count) {
    const auto first = static_cast<int>(result.starts.size());
    const int planned = first + count;
    result.starts.resize(static_cast<std::size_t>(planned));
    monitor.plan_starts(planned);
    starter.share_threads(count);
    const auto for_each_start = [&](const auto& body) {
      parallel_for(options.threads, count, [&](int i) {
        const int index = first + i;
        body(index, result.starts[static_cast<std::size_t>(index)]);
      });
    };
    for_each_start([&](int index, StartResult& start) {
      const int draw = index - (given ? 1 : 0);
      start.kind = draw < 0                          ? StartKind::given
                   : options.greedy && draw % 2 == 0 ? StartKind::greedy
                                                     : StartKind::random;
      if (monitor.exhausted() && index > 0) {
        return;
      }
      Stream stream(options.seed, static_cast<std::uint64_t>(std::max(draw, 0)), "start");
      start.fit = starter.search(start.kind, given, stream);
      monitor.end_search();
    });
    const double best_objective = lowest_objective(result.starts);
    for_each_start([&](int, StartResult& start) {
      if (start.fit.theta.size() > 0) {
        start.fit = starter.descend(start.fit, best_objective);
        monitor.end_start(start.fit.objective);
      }
    });
    result.best = best_of(result.starts);
    result.stopped = monitor.exhausted();
  };
  if (options.starts) {
    run_round(*options.starts + (given ? 1 : 0));
    return result;
  }
  for (int round = 0; round < kMostRounds && !result.stopped; ++round) {
    run_round(kStartsPerRound + (round == 0 && given ? 1 : 0));
    if (best_is_settled(result, samples, starter.num_parameters())) {
      break;
    }
  }
  return result;
}

}  // namespace moest
