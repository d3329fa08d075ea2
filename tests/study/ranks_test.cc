#include <gmock/gmock.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>

#include "moest/study/runner.h"
#include "moest/study/trial_json.h"
#include "tests/study/study_examples.h"

namespace moest {
namespace {

namespace fs = std::filesystem;

/// Messages of ranks that are threads of this process.
class Post {
 public:
  void send(int to, RankMessage message) {
    const std::scoped_lock lock(mutex_);
    boxes_[to].push_back(std::move(message));
  }
  std::optional<RankMessage> receive(int rank) {
    const std::scoped_lock lock(mutex_);
    std::deque<RankMessage>& box = boxes_[rank];
    if (box.empty()) {
      return std::nullopt;
    }
    RankMessage message = std::move(box.front());
    box.pop_front();
    return message;
  }

 private:
  std::mutex mutex_;
  std::map<int, std::deque<RankMessage>> boxes_;
};

class ThreadRank : public Communicator {
 public:
  ThreadRank(Post& post, int rank, int size) : post_(post), rank_(rank), size_(size) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void send(int to, const std::string& text) override { post_.send(to, {rank_, text}); }
  std::optional<RankMessage> receive() override { return post_.receive(rank_); }

 private:
  Post& post_;
  int rank_, size_;
};

class StudyRanks : public testing::Test {
 protected:
  StudyRanks() {
    fs::create_directory(folder_);
    study_.replicates = 20;
  }
  ~StudyRanks() override { fs::remove_all(folder_); }

  StudyStore store(const std::string& name) const {
    StudyStore made((folder_ / name).string(), StudyStore::Access::write);
    adopt_study(study_, made, Extension::refuse);
    return made;
  }

  Study study_ = small_study();

 private:
  fs::path folder_ = fs::temp_directory_path() / ("moest_ranks_test_" + std::to_string(::getpid()));
};

/// All that must not differ between two runs.
std::string content(const StudyStore& store) {
  std::string text;
  for (const TrialRow& row : store.rows()) {
    nlohmann::ordered_json json = to_json(row);
    for (const char* field :
         {"simulate_seconds", "fit_seconds", "measure_seconds", "version", "host", "threads", "rank"}) {
      json.erase(field);
    }
    text += json.dump() + "\n";
  }
  return text;
}

TEST_F(StudyRanks, MakeTheSameRowsHoweverManyTheyAre) {
  std::string of_one;
  for (const int size : {1, 2, 4}) {
    Post post;
    std::vector<std::thread> others;
    for (int rank = 1; rank < size; ++rank) {
      others.emplace_back([&post, rank, size] {
        ThreadRank ranks(post, rank, size);
        EXPECT_TRUE(work_for_study({1, nullptr, {}}, ranks));
      });
    }
    StudyStore made = store(std::to_string(size) + ".db");
    ThreadRank ranks(post, 0, size);
    // Twice, as the program does: pilots, and then all.
    const std::vector<TrialKey> keys = trial_keys(study_);
    run_trials(study_, made, {keys.begin(), keys.begin() + 3}, {1, nullptr, {}}, ranks);
    const StudyRun run = run_trials(study_, made, keys, {1, nullptr, {}}, ranks);
    EXPECT_EQ(end_study(ranks), 0);
    for (std::thread& other : others) {
      other.join();
    }
    EXPECT_EQ(run.num_missing, 0);
    EXPECT_EQ(run.num_lost_ranks, 0);
    EXPECT_EQ(made.rows().size(), 40U);
    of_one = size == 1 ? content(made) : of_one;
    EXPECT_EQ(content(made), of_one) << size;
    std::set<int> ranks_seen;
    for (const TrialRow& row : made.rows()) {
      ranks_seen.insert(row.by.rank);
    }
    EXPECT_EQ(ranks_seen.size(), static_cast<std::size_t>(size)) << "each rank has run something";
  }
}

/// Rank 1 takes trials, sends the row of the first one twice and is never heard of again; rank 2 works.
TEST_F(StudyRanks, LoseOnlyTheTrialsThatADeadOneHad) {
  Post post;
  std::thread silent([&post, this] {
    ThreadRank ranks(post, 1, 3);
    const auto wait = [&ranks] {
      std::optional<RankMessage> message;
      while (!(message = ranks.receive())) {
        std::this_thread::yield();
      }
      return nlohmann::ordered_json::parse(message->text);
    };
    wait();
    ranks.send(0, R"({"threads": 2})");
    const TrialRow row = *Laboratory(study_).run(key_from_json(wait().at("keys").at(0)));
    for (int i = 0; i < 2; ++i) {
      ranks.send(0, nlohmann::ordered_json{{"row", to_json(row)}}.dump());
    }
  });
  std::thread other([&post] {
    ThreadRank ranks(post, 2, 3);
    EXPECT_FALSE(work_for_study({1, nullptr, {}}, ranks)) << "rank 1 is lost";
  });
  StudyStore made = store("lost.db");
  ThreadRank ranks(post, 0, 3);
  RunOptions options{1, nullptr, {}};
  // Longer than a working rank is ever silent, one second and a trial.
  options.silent_seconds = 2.5;
  const StudyRun run = run_trials(study_, made, trial_keys(study_), options, ranks);
  EXPECT_EQ(end_study(ranks, 0.5), 1);
  silent.join();
  other.join();
  EXPECT_EQ(run.num_lost_ranks, 1);
  EXPECT_EQ(run.num_missing, 0);
  StudyStore alone = store("alone.db");
  Communicator serial;
  run_trials(study_, alone, trial_keys(study_), {1, nullptr, {}}, serial);
  EXPECT_EQ(content(made), content(alone));
}

TEST(TrialJson, GivesBackTheSameRow) {
  const Study study = small_study();
  TrialRow row = *Laboratory(study).run({"exact", 200, 0});
  row.by = {"v", "h", 3, 4};
  const nlohmann::ordered_json json = to_json(row);
  EXPECT_EQ(to_json(trial_from_json(nlohmann::ordered_json::parse(json.dump()))), json);
  EXPECT_EQ(trial_from_json(json).values, row.values);
}

}  // namespace
}  // namespace moest
