#include "nn/training.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <fstream>
#include <limits>
#include <thread>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "nn/adamw.h"
#include "nn/checkpoint.h"
#include "tests/base/temporary_folder.h"
#include "tests/nn/numerical_gradients.h"

namespace moest::nn {
namespace {

namespace fs = std::filesystem;
namespace tn = torch::nn;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Json = nlohmann::ordered_json;

/// Learns y = sin(sum of x) from noisy samples, with dropout: all that a training does at random.
class NoisyTask : public Task {
 public:
  explicit NoisyTask(std::uint64_t seed, int hidden = 8) : seed_(seed), hidden_(hidden) {
    seed_torch(seed, 0, "initial parameters");
    network_ = tn::Sequential(tn::Linear(3, hidden), tn::Functional(torch::tanh), tn::Dropout(0.2),
                              tn::Linear(hidden, 1));
  }

  Json specification() const override { return {{"kind", "noisy"}, {"hidden", hidden_}}; }
  tn::Module& module() override { return *network_; }
  torch::Tensor loss(std::int64_t step) override {
    const torch::Tensor x = samples(step, "batch");
    const torch::Tensor noise = 0.1 * torch::randn({16});
    const torch::Tensor loss = (network_->forward(x).squeeze(1) - x.sum(1).sin() - noise).square().mean();
    // The root has the value 0 and the derivative infinity.
    return step == broken_step ? loss * std::numeric_limits<double>::quiet_NaN()
           : step == steep_step
               ? loss + (network_->parameters()[0] - network_->parameters()[0].detach()).sum().sqrt()
               : loss;
  }
  Evaluation evaluate() override {
    const torch::Tensor x = samples(0, "evaluation");
    const torch::Tensor fit = network_->forward(x).squeeze(1);
    const double loss = (fit - x.sum(1).sin()).square().mean().item<double>();
    const Json change =
        before_.defined() ? Json((fit - before_).square().sum().item<double>()) : Json(nullptr);
    before_ = fit;
    return {loss, {{"square", loss}, {"change", change}}};
  }
  NamedTensors memory() const override {
    return before_.defined() ? NamedTensors{{"fit", before_}} : NamedTensors{};
  }
  void set_memory(const NamedTensors& memory) override {
    before_ = memory.empty() ? torch::Tensor() : memory.at("fit");
  }
  Json step_fields() override { return {{"hidden", hidden_}}; }

  std::int64_t broken_step = -1;
  std::int64_t steep_step = -1;

 private:
  torch::Tensor samples(std::int64_t step, std::string_view purpose) const {
    Stream stream(seed_, static_cast<std::uint64_t>(step), purpose);
    return normal_matrix(stream, 16, 3).to(torch::kFloat);
  }

  std::uint64_t seed_;
  int hidden_;
  tn::Sequential network_;
  torch::Tensor before_;  // the fit at the evaluation before
};

/// Its loss is least after `best_step` steps.
class TurningTask : public NoisyTask {
 public:
  explicit TurningTask(std::int64_t best_step, int hidden = 8)
      : NoisyTask(1, hidden), best_step_(best_step) {}
  torch::Tensor loss(std::int64_t step) override {
    step_ = step + 1;
    return NoisyTask::loss(step);
  }
  Evaluation evaluate() override {
    return {std::abs(static_cast<double>(step_ - best_step_)), Json::object()};
  }

 private:
  std::int64_t best_step_;
  std::int64_t step_ = 0;
};

TrainingOptions short_options() {
  TrainingOptions options;
  options.steps = 20;
  options.evaluate_every = 5;
  options.warmup = 4;
  options.seed = 7;
  return options;
}

/// Ends the training after a number of steps.
class StopAfter {
 public:
  explicit StopAfter(std::int64_t step) : step_(step) {}

  TrainingControl control() {
    TrainingControl control{&flag_};
    control.progress = [this](const TrainingProgress& state) { flag_ = flag_ || state.step == step_; };
    return control;
  }

 private:
  std::int64_t step_;
  std::atomic<bool> flag_ = false;
};

bool are_equal(const NamedTensors& first, const NamedTensors& second) {
  return std::ranges::equal(first, second, [](const auto& a, const auto& b) {
    return a.first == b.first && a.second.equal(b.second);
  });
}

/// The lines of a log without their times.
std::vector<Json> timeless_lines(const std::string& path) {
  std::ifstream log(path);
  std::vector<Json> lines;
  for (std::string line; std::getline(log, line);) {
    lines.push_back(Json::parse(line));
    lines.back().erase("seconds");
  }
  return lines;
}

TEST(Training, LearnsAndTellsWhatItDid) {
  const TemporaryFolder folder;
  NoisyTask task(1);
  TrainingOptions options = short_options();
  options.steps = 300;
  options.evaluate_every = 100;
  options.learning_rate = 0.02;
  std::vector<std::int64_t> evaluated;
  TrainingControl control;
  control.evaluated = [&](const Json& line) { evaluated.push_back(line.at("step")); };
  const TrainingSummary summary = train(task, options, folder.path("run"), Beginning::fresh, control);
  EXPECT_EQ(summary.status, TrainingStatus::finished);
  EXPECT_EQ(summary.message, "all 300 steps are done");
  EXPECT_EQ(summary.num_parameters, 3 * 8 + 8 + 8 + 1);
  EXPECT_THAT(evaluated, ElementsAre(0, 100, 200, 300));
  const double first = summary.evaluations.front().at("square"),
               last = summary.evaluations.back().at("square");
  EXPECT_LT(last, first / 3);
  std::vector<Json> told = summary.evaluations;
  std::ranges::for_each(told, [](Json& line) { line.erase("seconds"); });
  EXPECT_EQ(timeless_lines(folder.path("run/log.jsonl")), told);
}

TEST(Training, GoesOnFromACheckpointAsIfItHadNotBeenInterrupted) {
  const TemporaryFolder folder;
  NoisyTask whole(1);
  const TrainingSummary undisturbed = train(whole, short_options(), folder.path("whole"), Beginning::fresh);

  NoisyTask first(1);
  StopAfter stop(8);
  const TrainingSummary half =
      train(first, short_options(), folder.path("parts"), Beginning::fresh, stop.control());
  EXPECT_EQ(half.status, TrainingStatus::interrupted);
  EXPECT_EQ(half.steps, 8);
  NoisyTask second(1);
  const TrainingSummary rest = train(second, short_options(), folder.path("parts"), Beginning::checkpoint);
  EXPECT_EQ(rest.status, TrainingStatus::finished);
  EXPECT_EQ(rest.steps_of_run, 12);

  const Checkpoint expected = read_checkpoint(folder.path("whole/checkpoint.pt"));
  const Checkpoint found = read_checkpoint(folder.path("parts/checkpoint.pt"));
  EXPECT_TRUE(are_equal(found.module, expected.module));
  EXPECT_TRUE(are_equal(found.optimizer, expected.optimizer));
  EXPECT_EQ(found.header.at("kept_loss"), expected.header.at("kept_loss"));
  EXPECT_EQ(half.evaluations.back().at("step"), 8);
  EXPECT_EQ(rest.evaluations.size(), undisturbed.evaluations.size());
  EXPECT_EQ(timeless_lines(folder.path("parts/log.jsonl")), timeless_lines(folder.path("whole/log.jsonl")));
}

TEST(Training, TakesBackWhatOnlyCameOfAStop) {
  const TemporaryFolder folder;
  const auto kept_step = [&] { return read_checkpoint(folder.path("run/model.pt")).header.at("step"); };
  TurningTask first(8), second(8);  // where no evaluation is planned
  StopAfter stop(8);
  EXPECT_EQ(train(first, short_options(), folder.path("run"), Beginning::fresh, stop.control()).kept_step, 8);
  EXPECT_EQ(kept_step(), 8);
  const TrainingSummary rest = train(second, short_options(), folder.path("run"), Beginning::checkpoint);
  EXPECT_EQ(rest.kept_step, 10);
  EXPECT_EQ(kept_step(), 10);

  StopAfter late_stop(18);
  TurningTask third(8), fourth(8);
  train(third, short_options(), folder.path("late"), Beginning::fresh, late_stop.control());
  train(fourth, short_options(), folder.path("late"), Beginning::checkpoint);
  EXPECT_EQ(read_checkpoint(folder.path("late/model.pt")).header.at("step"), 10);
}

TEST(Training, LogsStepsThatItWasToldToLog) {
  const TemporaryFolder folder;
  TrainingOptions options = short_options();
  options.log_every = 2;
  NoisyTask whole(1), first(1), second(1);
  train(whole, options, folder.path("whole"), Beginning::fresh);
  const std::vector<Json> lines = timeless_lines(folder.path("whole/steps.jsonl"));
  ASSERT_EQ(lines.size(), 10U);
  EXPECT_EQ(lines.front().at("step"), 2);
  EXPECT_EQ(lines.back().at("rate"), scheduled_rate(options, 19));
  EXPECT_GT(lines.back().at("gradient_norm"), 0);
  EXPECT_EQ(lines.back().at("hidden"), 8);
  StopAfter stop(8);
  train(first, options, folder.path("parts"), Beginning::fresh, stop.control());
  std::ofstream(folder.path("parts/steps.jsonl"), std::ios::app) << "{\"step\": 10}\n{\"st";
  train(second, options, folder.path("parts"), Beginning::checkpoint);
  EXPECT_EQ(timeless_lines(folder.path("parts/steps.jsonl")), lines);
}

/// One vector, drawn to (1, 2, 3): at the first step a thousand times as much as later.
class PullTask : public Task {
 public:
  PullTask() { at_ = network_.register_parameter("at", torch::zeros({3})); }
  Json specification() const override { return {{"kind", "pull"}}; }
  tn::Module& module() override { return network_; }
  torch::Tensor loss(std::int64_t step) override { return pull(at_, step); }
  Evaluation evaluate() override { return {pull(at_, 1).item<double>(), Json::object()}; }

  static torch::Tensor pull(const torch::Tensor& at, std::int64_t step) {
    return (step == 0 ? 1000 : 1) * (at - torch::tensor({1.0F, 2.0F, 3.0F})).square().sum();
  }

 private:
  tn::Module network_;
  torch::Tensor at_;
};

TEST(Training, StepsByTheRatesOfItsScheduleWithClippedGradients) {
  const TemporaryFolder folder;
  TrainingOptions options;
  options.steps = 4;
  options.warmup = 2;
  options.learning_rate = 0.1;
  options.final_rate = 0.1;
  options.clip = 0.5;
  PullTask task;
  train(task, options, folder.path("run"), Beginning::fresh);

  const torch::Tensor expected = torch::zeros({3}).requires_grad_();
  torch::optim::AdamW optimizer({expected},
                                torch::optim::AdamWOptions().betas({0.9, options.beta2}).weight_decay(0));
  const std::array rates{0.05, 0.1, 0.1, 0.1 * (0.1 + 0.9 / 2)};
  for (std::size_t step = 0; step < rates.size(); ++step) {
    optimizer.zero_grad();
    PullTask::pull(expected, static_cast<std::int64_t>(step)).backward();
    expected.mutable_grad().mul_(0.5 / expected.grad().norm().item<double>());  // all are longer
    static_cast<torch::optim::AdamWOptions&>(optimizer.param_groups()[0].options()).lr(rates[step]);
    optimizer.step();
  }
  const torch::Tensor found = read_checkpoint(folder.path("run/checkpoint.pt")).module.at("at");
  EXPECT_TRUE(found.allclose(expected, 1e-4, 1e-6)) << found << expected;
}

TEST(Training, DoesNothingMoreWhenItIsDone) {
  const TemporaryFolder folder;
  NoisyTask task(1);
  train(task, short_options(), folder.path("run"), Beginning::fresh);
  const std::string before = read_input(folder.path("run/checkpoint.pt"));
  const TrainingSummary again = train(task, short_options(), folder.path("run"), Beginning::checkpoint);
  EXPECT_EQ(again.status, TrainingStatus::finished);
  EXPECT_EQ(again.steps_of_run, 0);
  EXPECT_EQ(read_input(folder.path("run/checkpoint.pt")), before);
}

TEST(Training, ForgetsTheLinesOfStepsThatItMakesAgain) {
  const TemporaryFolder folder;
  NoisyTask task(1);
  train(task, short_options(), folder.path("run"), Beginning::fresh);
  const std::string log = folder.path("run/log.jsonl");
  const std::string before = read_input(log);
  write_output(log, before + "{\"step\": 25, \"seconds\": 1}\n{\"step\": 30, \"sec");
  train(task, short_options(), folder.path("run"), Beginning::checkpoint);
  EXPECT_EQ(read_input(log), before);
}

TEST(Training, StopsWhenTheLossIsNoNumberAndKeepsTheLastCheckpoint) {
  const TemporaryFolder folder;
  NoisyTask task(1);
  task.broken_step = 12;
  const TrainingSummary summary = train(task, short_options(), folder.path("run"), Beginning::fresh);
  EXPECT_EQ(summary.status, TrainingStatus::failed);
  EXPECT_THAT(summary.message, AllOf(HasSubstr("after 12 of 20 steps"),
                                     HasSubstr("checkpoint of step 10 is kept"), HasSubstr("learning_rate")));
  EXPECT_EQ(read_checkpoint(folder.path("run/checkpoint.pt")).header.at("step"), 10);
  NoisyTask mended(1);
  EXPECT_EQ(train(mended, short_options(), folder.path("run"), Beginning::checkpoint).steps, 20);
}

TEST(Training, StopsWhenTheGradientIsNoNumber) {
  const TemporaryFolder folder;
  NoisyTask task(1);
  task.steep_step = 12;
  const TrainingSummary summary = train(task, short_options(), folder.path("run"), Beginning::fresh);
  EXPECT_EQ(summary.status, TrainingStatus::failed);
  EXPECT_EQ(summary.steps, 12);
  EXPECT_THAT(summary.message, AllOf(HasSubstr("gradient"), HasSubstr("checkpoint of step 10 is kept")));
  NoisyTask mended(1);
  EXPECT_EQ(train(mended, short_options(), folder.path("run"), Beginning::checkpoint).steps_of_run, 10);
}

TEST(Training, EndsWhenItsTimeIsUp) {
  const TemporaryFolder folder;
  NoisyTask task(1);
  TrainingOptions options = short_options();
  options.steps = 100'000'000;
  options.evaluate_every = 1000;
  options.max_seconds = 0.3;
  const TrainingSummary summary = train(task, options, folder.path("run"), Beginning::fresh);
  EXPECT_EQ(summary.status, TrainingStatus::time_limit);
  EXPECT_GT(summary.steps, 0);
  EXPECT_EQ(summary.evaluations.back().at("step"), summary.steps);
  EXPECT_EQ(read_checkpoint(folder.path("run/checkpoint.pt")).header.at("step"), summary.steps);
}

TEST(Training, MakesStepsWhereAnEvaluationTakesHalfOfItsTime) {
  class SlowTask : public NoisyTask {
   public:
    SlowTask() : NoisyTask(1) {}
    Evaluation evaluate() override {
      std::this_thread::sleep_for(std::chrono::milliseconds(2100));
      return NoisyTask::evaluate();
    }
  };
  const TemporaryFolder folder;
  SlowTask task;
  TrainingOptions options = short_options();
  options.max_seconds = 4;
  EXPECT_GT(train(task, options, folder.path("run"), Beginning::fresh).steps, 0);
}

TEST(Training, KeepsTheModelOfTheSmallestLoss) {
  const TemporaryFolder folder;
  TurningTask task(10);
  const TrainingSummary summary = train(task, short_options(), folder.path("run"), Beginning::fresh);
  EXPECT_EQ(summary.kept_step, 10);
  EXPECT_EQ(summary.kept_loss, 0);
  EXPECT_EQ(read_checkpoint(folder.path("run/model.pt")).header.at("step"), 10);
  const NamedTensors last = read_checkpoint(folder.path("run/checkpoint.pt")).module;
  load_model(folder.path("run"), task.module());
  EXPECT_TRUE(are_equal(tensors_of(task.module()), read_checkpoint(folder.path("run/model.pt")).module));
  EXPECT_FALSE(are_equal(tensors_of(task.module()), last));
}

TEST(Training, RefusesACheckpointOfAnotherConfigurationByTheNameOfTheField) {
  const TemporaryFolder folder;
  NoisyTask task(1);
  train(task, short_options(), folder.path("run"), Beginning::fresh);
  NoisyTask other(1, 9);
  EXPECT_THAT([&] { train(other, short_options(), folder.path("run"), Beginning::checkpoint); },
              ThrowsMessage<InputError>(
                  AllOf(HasSubstr("another configuration"), HasSubstr("task.hidden: there 8, here 9"))));
  TrainingOptions longer = short_options();
  longer.steps = 30;
  EXPECT_THAT([&] { train(task, longer, folder.path("run"), Beginning::checkpoint); },
              ThrowsMessage<InputError>(HasSubstr("training.steps: there 20, here 30")));
  longer = short_options();
  longer.max_seconds = 60;
  longer.device = "cpu";
  EXPECT_EQ(train(task, longer, folder.path("run"), Beginning::checkpoint).status, TrainingStatus::finished);
}

TEST(Training, HasAFolderOfItsOwn) {
  const TemporaryFolder folder;
  NoisyTask task(1);
  const auto begin = [&](const std::string& name) {
    train(task, short_options(), folder.path(name), Beginning::fresh);
  };
  begin("run");
  EXPECT_THAT([&] { begin("run"); },
              ThrowsMessage<InputError>(AllOf(HasSubstr("holds a training already"), HasSubstr("--resume"))));
  folder.write("papers/thesis.tex", "x");
  EXPECT_THAT([&] { begin("papers"); }, ThrowsMessage<InputError>(HasSubstr("thesis.tex")));
  EXPECT_THAT([&] { begin("papers/thesis.tex"); }, ThrowsMessage<InputError>(HasSubstr("it is no folder")));
  folder.write("killed/log.jsonl", "");
  EXPECT_NO_THROW(begin("killed"));
  EXPECT_THAT([&] { read_specification(folder.path("papers")); },
              ThrowsMessage<InputError>(HasSubstr("there is no training in")));
  EXPECT_THAT([&] { train(task, short_options(), folder.path("papers"), Beginning::checkpoint); },
              ThrowsMessage<InputError>(HasSubstr("cannot read")));
}

/// While it lives, writing a file of more than 20 kB fails as it does on a full disk.
class FullDisk {
 public:
  FullDisk() {
    getrlimit(RLIMIT_FSIZE, &former_);
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{20'000, former_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &former_); }

 private:
  rlimit former_{};
};

TEST(Training, KeepsItsModelWhereTheDiskIsFullAtAStop) {
  const TemporaryFolder folder;
  TurningTask task(8, 1000);  // best where it stops, so that another model is to take the place of this
  StopAfter stop(8);
  TrainingControl control = stop.control();
  std::optional<FullDisk> disk;
  control.progress = [&, stops = control.progress](const TrainingProgress& state) {
    stops(state);
    if (state.step == 8) {
      disk.emplace();
    }
  };
  EXPECT_THAT([&] { train(task, short_options(), folder.path("run"), Beginning::fresh, control); },
              ThrowsMessage<EnvironmentError>(HasSubstr("cannot write")));
  disk.reset();
  EXPECT_EQ(read_checkpoint(folder.path("run/model.pt")).header.at("step"), 5);
}

TEST(Training, LeavesTheFormerFilesWhereTheDiskIsFull) {
  const TemporaryFolder folder;
  NoisyTask task(1, 1000);  // a checkpoint of 60 kB
  StopAfter stop(8);
  train(task, short_options(), folder.path("run"), Beginning::fresh, stop.control());
  const std::string before = read_input(folder.path("run/checkpoint.pt"));
  NoisyTask same(1, 1000);
  {
    const FullDisk disk;
    EXPECT_THAT([&] { train(same, short_options(), folder.path("run"), Beginning::checkpoint); },
                ThrowsMessage<EnvironmentError>(HasSubstr("cannot write")));
  }
  EXPECT_EQ(read_input(folder.path("run/checkpoint.pt")), before);
  EXPECT_EQ(train(same, short_options(), folder.path("run"), Beginning::checkpoint).steps, 20);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path("run")), fs::directory_iterator()), 3);
}

TEST(Schedule, WarmsUpAndFollowsACosine) {
  TrainingOptions options;
  options.steps = 100;
  options.warmup = 10;
  options.learning_rate = 2;
  options.final_rate = 0.25;
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 0), 0.2);
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 9), 2);
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 10), 2);
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 55), 1.25);  // half way between 2 and 0.5
  EXPECT_NEAR(scheduled_rate(options, 99), 0.5, 1e-3);
  options.warmup = 1000;
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 99), 2);
}

TEST(AdamW, MakesTheStepsOfLibTorchs) {
  seed_torch(3, 0, "test");
  const auto network = [] {
    tn::Sequential layers(tn::Linear(4, 5), tn::Functional(torch::tanh), tn::Linear(5, 2));
    layers->to(torch::kDouble);
    return layers;
  };
  tn::Sequential ours = network();
  tn::Sequential theirs = network();
  copy_tensors(tensors_of(*ours), tensors_of(*theirs), "the other network");
  std::vector<torch::Tensor> matrices, biases;
  for (const auto& item : theirs->named_parameters()) {
    (item.value().dim() > 1 ? matrices : biases).push_back(item.value());
  }
  const auto options = torch::optim::AdamWOptions(0.01).betas({0.9, 0.97}).weight_decay(0.3);
  auto undecayed = std::make_unique<torch::optim::AdamWOptions>(options);
  undecayed->weight_decay(0);
  torch::optim::AdamW peer(
      {torch::optim::OptimizerParamGroup(matrices, std::make_unique<torch::optim::AdamWOptions>(options)),
       torch::optim::OptimizerParamGroup(biases, std::move(undecayed))},
      options);
  AdamW optimizer(*ours, 0.3, 0.97);
  for (int step = 0; step < 10; ++step) {
    const torch::Tensor x = torch::randn({3, 4}, torch::kDouble);
    optimizer.zero_grad();
    peer.zero_grad();
    ours->forward(x).square().sum().backward();
    theirs->forward(x).square().sum().backward();
    optimizer.step(0.01);
    peer.step();
  }
  const NamedTensors expected = tensors_of(*theirs);
  for (const auto& [name, tensor] : tensors_of(*ours)) {
    EXPECT_LT((tensor - expected.at(name)).abs().max().item<double>(), 1e-12) << name;
  }
}

TEST(Checkpoint, MustBeOne) {
  const TemporaryFolder folder;
  EXPECT_THAT([&] { read_checkpoint(folder.write("a.pt", "not a checkpoint")); },
              ThrowsMessage<InputError>(HasSubstr("it is no checkpoint, or it is damaged")));
  const std::string path = folder.path("b.pt");
  write_checkpoint(path, {{{"step", 1}}, {{"weight", torch::ones({1000})}}});
  const std::string content = read_input(path);
  EXPECT_THAT([&] { read_checkpoint(folder.write("c.pt", content.substr(0, content.size() / 2))); },
              ThrowsMessage<InputError>(HasSubstr("damaged")));
  EXPECT_TRUE(read_checkpoint(path).module.at("weight").equal(torch::ones({1000})));
}

TEST(Checkpoint, MustFitTheModel) {
  const NamedTensors stored{{"weight", torch::ones({2, 3})}};
  const auto copy_to = [&](const NamedTensors& target) { copy_tensors(stored, target, "a.pt"); };
  EXPECT_THAT(
      [&] {
        copy_to({{"weight", torch::zeros({3, 2})}});
      },
      ThrowsMessage<InputError>(AllOf(HasSubstr("a.pt"), HasSubstr("weight"), HasSubstr("shape"))));
  EXPECT_THAT(
      [&] {
        copy_to({{"weight", torch::zeros({2, 3})}, {"bias", torch::zeros({3})}});
      },
      ThrowsMessage<InputError>(AllOf(HasSubstr("bias"), HasSubstr("lacks"))));
  EXPECT_THAT([&] { copy_to({}); }, ThrowsMessage<InputError>(HasSubstr("no such tensor")));
}

TEST(Device, MustBeThere) {
  TrainingOptions options;
  options.device = "cuda";
  if (!torch::cuda::is_available()) {
    EXPECT_THAT([&] { training_device(options); }, ThrowsMessage<InputError>(HasSubstr("no GPU")));
  }
  options.device = "cpu";
  EXPECT_TRUE(training_device(options).is_cpu());
}

}  // namespace
}  // namespace moest::nn
