#include "moest/study/runner.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "moest/base/build_info.h"
#include "moest/base/error.h"
#include "moest/base/parallel.h"

namespace moest {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// What a trial costs, up to a factor: a part that does not depend on its size, and one that does.
double work_of(const TrialKey& key) {
  constexpr double kSamplesWorthOfOverhead = 2000;
  return kSamplesWorthOfOverhead + static_cast<double>(key.size);
}

Provenance provenance(int threads) {
  const BuildInfo build = build_info();
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return {fmt::format("{} {}", build.version, build.git_revision), host.data(), threads, 0};
}

/// Rows on their way to the store, and the state of the run.
class Collector {
 public:
  Collector(StudyStore& store, const RunOptions& options, Provenance by, StudyProgress state, double work)
      : store_(store), options_(options), by_(std::move(by)), state_(std::move(state)), work_(work) {}

  void take(TrialRow row) {
    const std::scoped_lock lock(mutex_);
    ++state_.num_done;
    state_.num_failed += row.status == "failed" ? 1 : 0;
    work_done_ += work_of(row.key);
    rows_.push_back(std::move(row));
    constexpr double kSecondsBetweenWrites = 1;
    if (seconds_since(written_) > kSecondsBetweenWrites) {
      write();
    }
    report();
  }
  void write() {
    store_.add(rows_, by_);
    rows_.clear();
    written_ = Clock::now();
  }
  const StudyProgress& state() const { return state_; }
  double seconds() const { return seconds_since(begin_); }

 private:
  void report() {
    state_.share_done = work_done_ / work_;
    state_.seconds = seconds();
    if (options_.progress) {
      options_.progress(state_);
    }
  }

  StudyStore& store_;
  const RunOptions& options_;
  Provenance by_;
  std::mutex mutex_;  // guards what follows
  StudyProgress state_;
  double work_;
  double work_done_ = 0;
  std::vector<TrialRow> rows_;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point written_ = begin_;
};

}  // namespace

std::vector<TrialKey> missing_keys(const Study& study, const StudyStore& store) {
  const std::set<TrialKey> there = store.keys();
  std::vector<TrialKey> keys = trial_keys(study);
  std::erase_if(keys, [&](const TrialKey& key) { return there.contains(key); });
  return keys;
}

void adopt_study(const Study& study, StudyStore& store, Extension extension) {
  const std::optional<Study> before = store.study();
  if (before && before->document != study.document) {
    if (const std::optional<std::string> field = difference(*before, study)) {
      throw InputError(fmt::format("the store holds another study: {} differs", *field),
                       "rows of both would be mixed", "Choose another store, or correct the study.");
    }
    if (extension == Extension::refuse) {
      throw InputError("the store holds this study with other texts, arms, sizes or replicates",
                       "a study does not change by accident",
                       "Give --extend: all rows are kept, and what is missing is run.");
    }
  }
  store.set_study(study);
}

StudyRun run_trials(const Study& study, StudyStore& store, const std::vector<TrialKey>& wanted,
                    const RunOptions& options) {
  const std::set<TrialKey> there = store.keys();
  std::vector<TrialKey> keys = wanted;
  std::erase_if(keys, [&](const TrialKey& key) { return there.contains(key); });
  const int threads = resolve_threads(options.threads);
  const Laboratory laboratory(study);
  double work = 0;
  for (const TrialKey& key : keys) {
    work += work_of(key);
  }
  StudyProgress state;
  state.num_planned = static_cast<std::int64_t>(trial_keys(study).size());
  state.num_done = static_cast<std::int64_t>(there.size());
  const std::int64_t num_before = state.num_done;
  Collector collector(store, options, provenance(threads), state, work);
  const auto is_interrupted = [&] { return options.interrupt != nullptr && options.interrupt->load(); };
  parallel_for(threads, static_cast<int>(keys.size()), [&](int i) {
    if (!is_interrupted()) {
      if (std::optional<TrialRow> row =
              laboratory.run(keys[static_cast<std::size_t>(i)], options.interrupt)) {
        collector.take(*std::move(row));
      }
    }
  });
  collector.write();
  StudyRun result;
  result.num_run = collector.state().num_done - num_before;
  result.num_failed = collector.state().num_failed;
  result.num_missing = static_cast<std::int64_t>(keys.size()) - result.num_run;
  result.seconds = collector.seconds();
  return result;
}

}  // namespace moest
