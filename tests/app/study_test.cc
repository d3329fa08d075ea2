#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <random>
#include <thread>

#include "tests/app/run_program.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

/// Two lines, sizes 100 to 3,000: about 10 ms for a trial of the largest size.
std::string study_text(int replicates, int starts = 2) {
  return R"(
moest_study = 1
name = "two lines"
claim = "Atoms converge at n^-1/2."
seed = 3
sizes = {from = 100, to = 3000, number = 4}
replicates = )" +
         std::to_string(replicates) + R"(
noise = 0.1
inputs = "uniform:-1,1"
[truth]
gate = {kind = "softmax"}
expert = {kind = "linear"}
atoms = [{bias = 0.3, gate = [4.0], expert = [2.0, 0.5]}, {gate = [0.0], expert = [-1.0, 1.0]}]
[fit]
starts = )" +
         std::to_string(starts) + R"(
[[arms]]
name = "exact"
expected = [{metric = "voronoi_reduced", slope = -0.5, source = "NHR24"}, {metric = "chi_square", mean = 6}]
[[arms]]
name = "over"
experts = 3
)";
}

/// All columns that must not differ between two runs, as one text.
std::string content(const Workspace& workspace, const std::string& store) {
  const RunResult rows = workspace.run({"sqlite3", store,
                                        "SELECT key, arm, size, replicate, seed, status, message, "
                                        "regression_l2, voronoi_raw, voronoi_reduced, l2r, "
                                        "split_rms, largest_error, mass_error, chi_square, regression_l2_se, "
                                        "rss, iterations, starts, agreeing_starts, "
                                        "active_bounds, estimates, truth FROM trials"});
  EXPECT_EQ(rows.status, 0) << rows.err;
  return rows.out;
}

class StudyCommand : public testing::Test {
 protected:
  void SetUp() override { workspace_.write("study.toml", study_text(6)); }

  RunResult run(const std::string& store, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{"study", "run", "study.toml", "--store", store};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return workspace_.moest(arguments);
  }

  Workspace workspace_;
};

TEST_F(StudyCommand, RunsPrintsRatesAndSaysHowItWent) {
  const RunResult result = run("a.db");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("two lines"), HasSubstr("voronoi_reduced"), HasSubstr("slope (se)")));
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("predicted error at"), HasSubstr("48 trials run"), HasSubstr("0 failed")));
  const RunResult again = run("a.db");
  EXPECT_EQ(again.status, 0);
  EXPECT_EQ(again.out, result.out);
  EXPECT_THAT(again.err, HasSubstr("0 trials run"));
  const RunResult status = workspace_.moest({"study", "status", "a.db"});
  EXPECT_EQ(status.status, 0);
  EXPECT_THAT(status.out, AllOf(HasSubstr("48 of 48 trials are there"), HasSubstr("not converged")));
  EXPECT_EQ(workspace_.files(), (std::vector<std::string>{"a.db", "study.toml"}))
      << "no other files are left";
}

TEST_F(StudyCommand, HasTheRatesAsJson) {
  ASSERT_EQ(run("a.db", {"--quiet"}).status, 0);
  const RunResult result = workspace_.moest({"study", "rates", "a.db", "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json document = Json::parse(result.out);
  int num_expected = 0;
  for (const Json& row : document["rows"]) {
    for (const char* field : {"arm", "atom", "metric", "slope", "slope_se", "expected", "verdict",
                              "num_sizes", "num_replicates"}) {
      EXPECT_TRUE(row.contains(field)) << field;
    }
    EXPECT_EQ(row["num_sizes"], 4);
    num_expected += row["expected"].is_null() ? 0 : 1;
  }
  EXPECT_EQ(num_expected, 2);
  EXPECT_EQ(Json::parse(run("a.db", {"--json", "--quiet"}).out)["rows"], document["rows"]);
  EXPECT_EQ(Json::parse(workspace_.moest({"study", "status", "a.db", "--json"}).out)["num_done"], 48);
}

TEST_F(StudyCommand, RepeatsOneTrialExactly) {
  ASSERT_EQ(run("a.db", {"--quiet"}).status, 0);
  const std::string key =
      workspace_.run({"sqlite3", "a.db", "SELECT key FROM trials WHERE arm = 'over' AND size = 3000 LIMIT 1"})
          .out.substr(0, 16);
  const RunResult result = run("a.db", {"--only", key, "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json document = Json::parse(result.out);
  EXPECT_EQ(document["same_as_stored"], true);
  EXPECT_EQ(document["trial"]["key"], key);
  workspace_.run({"sqlite3", "a.db", "UPDATE trials SET rss = rss + 1 WHERE key = '" + key + "'"});
  EXPECT_EQ(Json::parse(run("a.db", {"--only", key, "--json"}).out)["same_as_stored"], false);
  EXPECT_THAT(run("a.db", {"--only", "0123456789abcdef"}).err, HasSubstr("no trial `0123456789abcdef`"));
}

TEST_F(StudyCommand, KeepsItsRowsWhenExtended) {
  ASSERT_EQ(run("a.db", {"--quiet"}).status, 0);
  workspace_.write("study.toml", study_text(8));
  const RunResult refused = run("a.db");
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("--extend"));
  EXPECT_THAT(run("a.db", {"--extend"}).err, HasSubstr("16 trials run"));
  ASSERT_EQ(run("b.db", {"--quiet"}).status, 0);
  EXPECT_EQ(content(workspace_, "a.db"), content(workspace_, "b.db"));
  workspace_.write("study.toml", study_text(8, 3));
  EXPECT_THAT(run("a.db", {"--extend"}).err, HasSubstr("another study: fit differs"));
}

TEST_F(StudyCommand, DryRunsLeaveNothing) {
  const RunResult result = run("a.db", {"--dry-run"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out, AllOf(HasSubstr("predicted error at"), HasSubstr("blind starts")));
  const Json planned = Json::parse(run("a.db", {"--dry-run", "--json"}).out);
  EXPECT_EQ(planned["num_trials"], 48);
  EXPECT_EQ(planned["arms"][0]["sizes"].size(), 4U);
  EXPECT_TRUE(planned["arms"][1]["sizes"][0]["largest_split"].is_null())
      << "lines do not converge in split cells";
  EXPECT_EQ(workspace_.files(), std::vector<std::string>{"study.toml"});
}

TEST_F(StudyCommand, RefusesWrongInputWithoutAFile) {
  workspace_.write("wrong.toml", study_text(6) + "colour = 1\n");
  const RunResult wrong = workspace_.moest({"study", "run", "wrong.toml", "--store", "a.db"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, AllOf(HasSubstr("wrong.toml"), HasSubstr("unknown field arms[1].colour")));
  EXPECT_EQ(workspace_.moest({"study", "run", "study.toml"}).status, 2);
  EXPECT_EQ(workspace_.moest({"study", "run", "no_such_claim", "--store", "a.db"}).status, 2);
  EXPECT_EQ(workspace_.moest({"study", "status", "a.db"}).status, 2);
  EXPECT_EQ(workspace_.moest({"study", "rates", "study.toml"}).status, 2);
  EXPECT_EQ(workspace_.moest({"study"}).status, 2);
  EXPECT_THAT(workspace_.moest({"study", "runn"}).err, HasSubstr("Did you mean `run`?"));
  EXPECT_EQ(workspace_.files(), (std::vector<std::string>{"study.toml", "wrong.toml"}));
}

/// Every study that comes with the program, with two replicates of small sizes: no trial fails.
TEST_F(StudyCommand, RunsTheStudiesThatComeWithIt) {
  const RunResult result = workspace_.run({MOEST_SOURCE_DIR "/tools/reproduce", "--quick", "--program",
                                           MOEST_PROGRAM, "--stores", workspace_.path("stores").string()});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json list = Json::parse(workspace_.moest({"study", "list", "--json"}).out)["studies"];
  for (const Json& study : list) {
    const std::string store = "stores/quick/" + study["name"].get<std::string>() + ".db";
    const Json status = Json::parse(workspace_.moest({"study", "status", store, "--json"}).out);
    EXPECT_EQ(status["num_failed"], 0) << store;
    EXPECT_EQ(status["num_done"], status["num_planned"]) << store;
  }
  EXPECT_THAT(workspace_.read("stores/quick.md"), HasSubstr("their verdicts mean nothing"));
}

TEST_F(StudyCommand, ListsAndShowsTheStudiesThatComeWithIt) {
  const Json list = Json::parse(workspace_.moest({"study", "list", "--json"}).out)["studies"];
  ASSERT_FALSE(list.empty());
  for (const Json& study : list) {
    const auto name = study["name"].get<std::string>();
    EXPECT_FALSE(study["claim"].get<std::string>().empty()) << name;
    const RunResult shown = workspace_.moest({"study", "show", name});
    EXPECT_EQ(shown.status, 0);
    workspace_.write("shown.toml", shown.out);
    EXPECT_EQ(workspace_.moest({"study", "run", "shown.toml", "--dry-run"}).status, 0) << name;
  }
}

class LongStudy : public StudyCommand {
 protected:
  // A few seconds on one thread.
  void SetUp() override { workspace_.write("study.toml", study_text(80, 6)); }
};

TEST_F(LongStudy, EndsSoonAfterASignalAndGoesOn) {
  for (const int signal : {SIGINT, SIGTERM}) {
    BackgroundRun background(workspace_, {"study", "run", "study.toml", "--store", "a.db", "--threads", "1"});
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    const auto begin = std::chrono::steady_clock::now();
    background.send(signal);
    const RunResult result = background.result();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
    EXPECT_EQ(result.status, 3) << result.err;
    EXPECT_THAT(result.err, HasSubstr("the same command goes on from here"));
  }
  const RunResult rest = run("a.db", {"--quiet"});
  EXPECT_EQ(rest.status, 0) << rest.err;
  ASSERT_EQ(run("b.db", {"--quiet"}).status, 0);
  EXPECT_EQ(content(workspace_, "a.db"), content(workspace_, "b.db"));
}

/// Killed twenty times, at random moments.
TEST_F(LongStudy, LosesNothingThatWasWrittenWhenKilled) {
  std::minstd_rand random(7);
  std::size_t before = 0;
  for (int i = 0; i < 20; ++i) {
    {
      BackgroundRun background(workspace_, {"study", "run", "study.toml", "--store", "a.db"});
      std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution(5, 250)(random)));
      background.send(SIGKILL);
      background.result();
    }
    const RunResult count = workspace_.run({"sqlite3", "a.db", "SELECT count(*) FROM trials"});
    const std::size_t now = count.status == 0 ? std::stoul(count.out) : 0;
    EXPECT_GE(now, before);
    before = now;
  }
  const RunResult rest = run("a.db", {"--quiet"});
  EXPECT_EQ(rest.status, 0) << rest.err;
  ASSERT_EQ(run("b.db", {"--quiet"}).status, 0);
  EXPECT_EQ(content(workspace_, "a.db"), content(workspace_, "b.db"));
}

class StudyUnderMpi : public LongStudy {
 protected:
  std::vector<std::string> mpirun(int ranks, const std::vector<std::string>& more,
                                  const std::string& store) const {
    std::vector<std::string> command{"mpirun", "--allow-run-as-root", "--oversubscribe", "-n",
                                     std::to_string(ranks)};
    command.insert(command.end(), more.begin(), more.end());
    command.insert(command.end(), {MOEST_PROGRAM, "study", "run", "study.toml", "--quiet", "--store", store});
    return command;
  }
};

TEST_F(StudyUnderMpi, MakesTheSameStoreWithAnyNumberOfRanks) {
  workspace_.write("study.toml", study_text(20));
  ASSERT_EQ(run("alone.db", {"--quiet"}).status, 0);
  for (const int ranks : {1, 2, 4}) {
    const std::string store = std::to_string(ranks) + ".db";
    const RunResult result = workspace_.run(mpirun(ranks, {}, store));
    ASSERT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(content(workspace_, store), content(workspace_, "alone.db")) << ranks;
    const std::string ranks_seen =
        workspace_.run({"sqlite3", store, "SELECT count(DISTINCT rank) FROM trials"}).out;
    EXPECT_EQ(ranks_seen, std::to_string(ranks) + "\n");
  }
}

TEST_F(StudyUnderMpi, TellsWhatIsWrongOnce) {
  workspace_.write("study.toml", "moest_study = 1\n");
  const RunResult result = workspace_.run(mpirun(2, {}, "a.db"));
  EXPECT_EQ(result.status, 2);
  const std::string message = "the field name is missing";
  const std::size_t first = result.err.find(message);
  EXPECT_NE(first, std::string::npos) << result.err;
  EXPECT_EQ(result.err.find(message, first + 1), std::string::npos);
}

/// With recovery the others run the trials of the rank that was killed; without, the next run does.
TEST_F(StudyUnderMpi, LosesOneRankAndNoRow) {
  ASSERT_EQ(run("alone.db", {"--quiet"}).status, 0);
  for (const bool recovers : {true, false}) {
    const std::string store = recovers ? "recovered.db" : "ended.db";
    std::string command;
    for (const std::string& word :
         mpirun(3, recovers ? std::vector<std::string>{"--enable-recovery"} : std::vector<std::string>{},
                store)) {
      command += "'" + word + "' ";
    }
    // The last of the three ranks, once rows are there.
    const RunResult result =
        workspace_.run({"bash", "-c",
                        command + "& run=$!; until [[ $(sqlite3 " + store +
                            " 'SELECT count(*) > 20 FROM trials' 2>/dev/null) == 1 ]]; do sleep 0.1; done; "
                            "kill -9 \"$(pgrep -f '^" MOEST_PROGRAM " .*--store " +
                            store + "' | tail -1)\"; wait $run"});
    EXPECT_EQ(result.status == 0, recovers) << result.err;
    if (!recovers) {
      EXPECT_EQ(run(store, {"--quiet"}).status, 0);
    }
    EXPECT_EQ(content(workspace_, store), content(workspace_, "alone.db")) << result.err;
  }
}

}  // namespace
}  // namespace moest
