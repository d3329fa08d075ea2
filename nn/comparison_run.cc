#include "nn/comparison_run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>
#include <utility>

#include "moest/base/build_info.h"
#include "moest/base/error.h"
#include "moest/base/file.h"
#include "nn/child_process.h"
#include "nn/training.h"

namespace moest::nn {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

// Exit statuses of moest-nn.
constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kBadInput = 2;

constexpr const char* kOutputFile = "output.json";
constexpr const char* kErrorFile = "errors.txt";

std::string host_name() {
  constexpr std::size_t kLongest = 256;
  std::string name(kLongest, '\0');
  ::gethostname(name.data(), kLongest - 1);
  name.resize(name.find('\0'));
  return name;
}

std::string content_of(const fs::path& file) {
  return fs::is_regular_file(file) ? read_input(file.string()) : "";
}

/// Checkpoints and logs of a run: those of a task with parts lie in folders of theirs.
std::vector<fs::path> files_called(const fs::path& folder, std::string_view name) {
  std::vector<fs::path> files;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file() && entry.path().filename() == name) {
        files.push_back(entry.path());
      }
    }
  }
  std::ranges::sort(files);
  return files;
}

std::vector<Json> evaluations_in(const fs::path& folder) {
  std::vector<Json> evaluations;
  for (const fs::path& log : files_called(folder, kLogFile)) {
    std::istringstream lines(read_input(log.string()));
    for (std::string line; std::getline(lines, line);) {
      Json evaluation = Json::parse(line);
      evaluation["series"] = fs::relative(log.parent_path(), folder).string();
      evaluations.push_back(std::move(evaluation));
    }
  }
  return evaluations;
}

/// What --device says, if it is there.
std::optional<std::string> device_in(const std::vector<std::string>& arguments) {
  constexpr std::string_view kFlag = "--device";
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == kFlag && i + 1 < arguments.size()) {
      return arguments[i + 1];
    }
    if (arguments[i].starts_with(std::string(kFlag) + "=")) {
      return arguments[i].substr(kFlag.size() + 1);
    }
  }
  return std::nullopt;
}

/// The fingerprint of the data that a run had; empty where it does not say.
std::string data_of(const RunRow& row) {
  return row.result.is_object() ? row.result.value("data_fingerprint", "") : "";
}

/// One training that is being made.
struct Job {
  RunKey key;
  fs::path folder;
  bool goes_on;  // from a checkpoint
  ChildProcess process;
  Clock::time_point begin;
};

class Runner {
 public:
  Runner(const RouterComparison& comparison, RouterStore& store, const RunOptions& options,
         const std::atomic<bool>* interrupt, const std::function<void(const RunProgress&)>& progress)
      : comparison_(comparison),
        store_(store),
        options_(options),
        interrupt_(interrupt),
        progress_(progress),
        rows_(store.rows()) {}

  ComparisonRun run() {
    while (true) {
      start_jobs();
      if (jobs_.empty()) {
        break;
      }
      constexpr auto kPause = std::chrono::milliseconds(50);
      std::this_thread::sleep_for(kPause);
      if (is_interrupted() && !std::exchange(told_, true)) {
        std::ranges::for_each(jobs_, [](Job& job) { job.process.interrupt(); });
      }
      end_jobs();
    }
    result_.num_missing = num_missing_runs(comparison_, rows_);
    return result_;
  }

 private:
  bool is_interrupted() const { return interrupt_ != nullptr && interrupt_->load(); }

  void start_jobs() {
    for (const RunKey& key : missing_runs(comparison_, rows_)) {
      if (static_cast<int>(jobs_.size()) >= options_.jobs || is_interrupted()) {
        return;
      }
      const bool is_running = std::ranges::any_of(jobs_, [&](const Job& job) { return job.key == key; });
      if (!is_running && std::ranges::find(given_up_, key.text()) == given_up_.end()) {
        start(key);
      }
    }
  }

  void start(const RunKey& key) {
    const fs::path folder = fs::path(options_.folder) / key.text();
    const fs::path training = folder / "training";
    const bool goes_on = !files_called(training, kCheckpointFile).empty();
    if (!goes_on) {
      fs::remove_all(folder);
    }
    fs::create_directories(folder);
    jobs_.push_back({key, folder, goes_on,
                     ChildProcess(arguments_of(key, training, goes_on), (folder / kOutputFile).string(),
                                  (folder / kErrorFile).string()),
                     Clock::now()});
  }

  std::vector<std::string> arguments_of(const RunKey& key, const fs::path& training, bool goes_on) const {
    std::vector<std::string> words{options_.program};
    std::istringstream command{std::string(comparison_.compared().command)};
    for (std::string word; command >> word;) {
      words.push_back(word);
    }
    const auto contestant = std::ranges::find(comparison_.contestants, key.contestant, &Contestant::name);
    words.insert(words.end(), contestant->arguments.begin(), contestant->arguments.end());
    words.insert(words.end(), comparison_.arguments.begin(), comparison_.arguments.end());
    if (key.learning_rate) {
      words.insert(words.end(), {"--learning-rate", fmt::format("{}", *key.learning_rate)});
    }
    words.insert(words.end(), {"--seed", std::to_string(key.seed), "--output", training.string(), "--json",
                               "--quiet", "--threads", std::to_string(options_.threads)});
    if (goes_on) {
      words.emplace_back("--resume");
    }
    return words;
  }

  void end_jobs() {
    for (auto job = jobs_.begin(); job != jobs_.end();) {
      const std::optional<ChildEnd> end = job->process.poll();
      if (!end) {
        ++job;
        continue;
      }
      take(*job, *end);
      job = jobs_.erase(job);
    }
  }

  void take(const Job& job, const ChildEnd& end) {
    const double seconds = std::chrono::duration<double>(Clock::now() - job.begin).count();
    const std::string errors = content_of(job.folder / kErrorFile);
    if (end.status == kBadInput) {
      throw InputError(fmt::format("the run {} refuses its options", job.key.text()), errors,
                       job.goes_on ? fmt::format("Remove {} to begin it again.", job.folder.string())
                                   : fmt::format("The options of all runs are those of `moest-nn {}`.",
                                                 comparison_.compared().command));
    }
    const Json output = Json::parse(content_of(job.folder / kOutputFile), nullptr, false);
    const bool has_result = end.status == kDone || (end.status == kFailed && output.is_object());
    if (!has_result) {
      if (!is_interrupted()) {
        given_up_.push_back(job.key.text());
        result_.last_problem = end.signal != 0 ? fmt::format("{}: signal {}", job.key.text(), end.signal)
                                               : fmt::format("{}: {}", job.key.text(), errors);
      }
      return;
    }
    RunRow row;
    row.key = job.key;
    row.status = output.value("status", end.status == kDone ? "finished" : "failed");
    row.message = end.status == kDone ? "" : output.value("message", errors);
    row.result = output;
    row.result.erase("evaluations");  // which are a column of their own
    row.evaluations = evaluations_in(job.folder / "training");
    // A run that went on has its own count of all its time.
    row.seconds = output.value("seconds", seconds);
    row.version = build_line();
    row.host = host_name();
    row.threads = options_.threads;
    check_data(row);
    store_.add(row, comparison_);
    rows_.push_back(std::move(row));
    fs::remove_all(job.folder);
    ++result_.num_run;
    if (progress_) {
      progress_({result_.num_run, num_missing_runs(comparison_, rows_),
                 std::chrono::duration<double>(Clock::now() - begin_).count()});
    }
  }

  void check_data(const RunRow& row) const {
    for (const RunRow& before : rows_) {
      if (!data_of(before).empty() && !data_of(row).empty() && data_of(before) != data_of(row)) {
        throw InputError(
            fmt::format("the run {} had other data than those in the store", row.key.text()),
            fmt::format("their fingerprint is {} there, {} now", data_of(before), data_of(row)),
            fmt::format("Choose another store, or bring the old data back and remove {}.", options_.folder));
      }
    }
  }

  const RouterComparison& comparison_;
  RouterStore& store_;
  const RunOptions& options_;
  const std::atomic<bool>* interrupt_;
  const std::function<void(const RunProgress&)>& progress_;
  std::vector<RunRow> rows_;
  std::vector<Job> jobs_;
  std::vector<std::string> given_up_;  // runs whose process died: not again in this call
  bool told_ = false;
  Clock::time_point begin_ = Clock::now();
  ComparisonRun result_;
};

}  // namespace

int default_jobs(const RouterComparison& comparison, int cores, int num_gpus) {
  const std::string for_all = device_in(comparison.arguments).value_or("auto");
  const bool uses_gpu = std::ranges::any_of(comparison.contestants, [&](const Contestant& contestant) {
    const std::string device = device_in(contestant.arguments).value_or(for_all);
    return device == "cuda" || (device == "auto" && num_gpus > 0);
  });
  return uses_gpu ? 1 : cores;
}

ComparisonRun run_missing(const RouterComparison& comparison, RouterStore& store, const RunOptions& options,
                          const std::atomic<bool>* interrupt,
                          const std::function<void(const RunProgress&)>& progress) {
  return Runner(comparison, store, options, interrupt, progress).run();
}

}  // namespace moest::nn
