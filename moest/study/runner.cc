#include "moest/study/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "moest/base/error.h"
#include "moest/study/crew.h"
#include "moest/study/trial_json.h"

namespace moest {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

constexpr double kSecondsBetweenWrites = 1;
constexpr double kSecondsBetweenSignsOfLife = 1;
/// How long a rank waits for its threads before it looks for messages.
constexpr double kPause = 0.005;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

bool is_set(const std::atomic<bool>* flag) { return flag != nullptr && flag->load(); }

/// What a trial costs, up to a factor: a part that does not depend on its size, and one that does.
double work_of(const TrialKey& key) {
  constexpr double kSamplesWorthOfOverhead = 2000;
  return kSamplesWorthOfOverhead + static_cast<double>(key.size);
}

/// Trials that somebody has, or nobody yet, and rows on their way to the store.
class Controller {
 public:
  Controller(const Study& study, StudyStore& store, const std::vector<TrialKey>& wanted,
             const RunOptions& options, Communicator& ranks)
      : study_(study),
        store_(store),
        options_(options),
        ranks_(ranks),
        crew_(study, options.threads, ranks.rank(), options.interrupt) {
    const std::set<TrialKey> there = store.keys();
    for (const TrialKey& key : wanted) {
      if (!there.contains(key)) {
        waiting_.push_back(key);
        work_ += work_of(key);
      }
    }
    num_wanted_ = static_cast<std::int64_t>(waiting_.size());
    state_.num_done = static_cast<std::int64_t>(there.size());
    state_.num_planned = static_cast<std::int64_t>(trial_keys(study).size());
  }

  StudyRun run() {
    for (int rank = 1; rank < ranks_.size(); ++rank) {
      ranks_.send(rank, Json{{"study", study_.document}}.dump());
    }
    while (num_run_ < num_wanted_ && !is_set(options_.interrupt)) {
      hand_out(ranks_.rank(), crew_.num_threads());
      for (const FinishedTrial& finished : crew_.take(kPause)) {
        collect(ranks_.rank(), finished);
      }
      while (const std::optional<RankMessage> message = ranks_.receive()) {
        listen(*message);
      }
      look_for_lost_ranks();
      if (seconds_since(written_) > kSecondsBetweenWrites) {
        write();
      }
    }
    for (const FinishedTrial& finished : crew_.take(0)) {
      collect(ranks_.rank(), finished);
    }
    write();
    return {num_run_, state_.num_failed, num_wanted_ - num_run_, state_.num_lost_ranks,
            seconds_since(begin_)};
  }

 private:
  /// What a rank has been given, and when it was last heard of.
  struct Share {
    std::set<TrialKey> keys;
    int threads = 1;
    Clock::time_point heard = Clock::now();
  };

  /// Tops a rank up to two trials per thread: it is never idle, and not much is lost with it.
  void hand_out(int rank, int threads) {
    Share& share = shares_[rank];
    std::vector<TrialKey> keys;
    while (!waiting_.empty() && share.keys.size() < 2 * static_cast<std::size_t>(threads)) {
      keys.push_back(waiting_.front());
      share.keys.insert(waiting_.front());
      waiting_.pop_front();
    }
    if (keys.empty()) {
      return;
    }
    if (rank == ranks_.rank()) {
      crew_.give(keys);
      return;
    }
    Json list = Json::array();
    for (const TrialKey& key : keys) {
      list.push_back(to_json(key));
    }
    ranks_.send(rank, Json{{"keys", list}}.dump());
  }

  void listen(const RankMessage& message) {
    const Json json = Json::parse(message.text);
    Share& share = shares_[message.from];
    share.heard = Clock::now();
    if (json.contains("threads")) {
      share.threads = json["threads"].get<int>();
    }
    if (json.contains("row")) {
      const TrialRow row = trial_from_json(json["row"]);
      collect(message.from, {row.key, row});
    }
    hand_out(message.from, share.threads);
  }

  /// A row that came twice, since its rank was given up too early, counts once.
  void collect(int rank, const FinishedTrial& finished) {
    shares_[rank].keys.erase(finished.key);
    if (!finished.row || !collected_.insert(finished.key).second) {
      return;
    }
    ++num_run_;
    ++state_.num_done;
    state_.num_failed += finished.row->status == "failed" ? 1 : 0;
    work_done_ += work_of(finished.key);
    rows_.push_back(*finished.row);
    state_.share_done = work_done_ / work_;
    state_.seconds = seconds_since(begin_);
    if (options_.progress) {
      options_.progress(state_);
    }
  }

  void look_for_lost_ranks() {
    for (auto& [rank, share] : shares_) {
      if (rank != ranks_.rank() && !share.keys.empty() &&
          seconds_since(share.heard) > options_.silent_seconds) {
        ++state_.num_lost_ranks;
        for (const TrialKey& key : std::exchange(share.keys, {})) {
          if (!collected_.contains(key)) {
            waiting_.push_front(key);
          }
        }
      }
    }
  }

  void write() {
    if (!rows_.empty()) {
      store_.add(rows_);
      rows_.clear();
    }
    written_ = Clock::now();
  }

  const Study& study_;
  StudyStore& store_;
  const RunOptions& options_;
  Communicator& ranks_;
  Crew crew_;
  std::deque<TrialKey> waiting_;
  std::map<int, Share> shares_;
  std::set<TrialKey> collected_;
  std::vector<TrialRow> rows_;
  StudyProgress state_;
  std::int64_t num_wanted_ = 0, num_run_ = 0;
  double work_ = 0, work_done_ = 0;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point written_ = begin_;
};

}  // namespace

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

std::vector<TrialKey> missing_keys(const Study& study, const StudyStore& store) {
  const std::set<TrialKey> there = store.keys();
  std::vector<TrialKey> keys = trial_keys(study);
  std::erase_if(keys, [&](const TrialKey& key) { return there.contains(key); });
  return keys;
}

StudyRun run_trials(const Study& study, StudyStore& store, const std::vector<TrialKey>& keys,
                    const RunOptions& options, Communicator& ranks) {
  return Controller(study, store, keys, options, ranks).run();
}

int end_study(Communicator& ranks, double silent_seconds) {
  std::set<int> expected;
  for (int rank = 1; rank < ranks.size(); ++rank) {
    ranks.send(rank, Json{{"end", true}}.dump());
    expected.insert(rank);
  }
  for (Clock::time_point heard = Clock::now(); !expected.empty() && seconds_since(heard) < silent_seconds;) {
    while (const std::optional<RankMessage> message = ranks.receive()) {
      if (Json::parse(message->text).contains("goodbye")) {
        expected.erase(message->from);
        heard = Clock::now();
      }
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(kPause));
  }
  for (int rank = 1; rank < ranks.size(); ++rank) {
    ranks.send(rank, Json{{"all_are_there", expected.empty()}}.dump());
  }
  return static_cast<int>(expected.size());
}

namespace {

/// What a rank does until it is told that there is no more, or is interrupted.
void work(const RunOptions& options, Communicator& ranks) {
  std::optional<Study> study;
  std::optional<Crew> crew;
  Clock::time_point spoken = Clock::now();
  const auto say = [&](const Json& json) {
    ranks.send(0, json.dump());
    spoken = Clock::now();
  };
  while (!is_set(options.interrupt)) {
    while (const std::optional<RankMessage> message = ranks.receive()) {
      const Json json = Json::parse(message->text);
      if (json.contains("end")) {
        return;
      }
      if (json.contains("study")) {
        if (!crew) {
          study = study_of(json["study"]);
          crew.emplace(*study, options.threads, ranks.rank(), options.interrupt);
        }
        say({{"threads", crew->num_threads()}});
      }
      if (json.contains("keys")) {
        std::vector<TrialKey> keys;
        for (const Json& key : json["keys"]) {
          keys.push_back(key_from_json(key));
        }
        crew->give(keys);
      }
    }
    if (!crew) {
      std::this_thread::sleep_for(std::chrono::duration<double>(kPause));
      continue;
    }
    for (const FinishedTrial& finished : crew->take(kPause)) {
      if (finished.row) {
        say({{"row", to_json(*finished.row)}});
      }
    }
    if (seconds_since(spoken) > kSecondsBetweenSignsOfLife) {
      say({{"alive", true}});
    }
  }
}

}  // namespace

bool work_for_study(const RunOptions& options, Communicator& ranks) {
  work(options, ranks);
  ranks.send(0, Json{{"goodbye", true}}.dump());
  // Rank 0 waits as long for the others before it says who is there.
  for (const Clock::time_point begin = Clock::now(); seconds_since(begin) < 2 * options.silent_seconds;) {
    while (const std::optional<RankMessage> message = ranks.receive()) {
      const Json json = Json::parse(message->text);
      if (json.contains("all_are_there")) {
        return json["all_are_there"].get<bool>();
      }
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(kPause));
  }
  return false;
}

}  // namespace moest
