#include "nn/training.h"

#include <ATen/autocast_mode.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numbers>
#include <utility>

#include "moest/base/error.h"
#include "moest/base/journal.h"
#include "moest/base/option_json.h"
#include "moest/base/random.h"
#include "nn/checkpoint.h"

namespace moest::nn {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr std::array<std::string_view, 3> kDevices{"auto", "cpu", "cuda"};
constexpr std::array<std::string_view, 3> kPrecisions{"auto", "float32", "bfloat16"};
constexpr std::array<std::string_view, 4> kFreeToChange{"log_every", "max_seconds", "device", "precision"};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// While it lives, matrix products on the GPU are done in bfloat16.
class MixedPrecision {
 public:
  explicit MixedPrecision(bool is_on) : is_on_(is_on) { set(true); }
  MixedPrecision(const MixedPrecision&) = delete;
  MixedPrecision& operator=(const MixedPrecision&) = delete;
  ~MixedPrecision() { set(false); }

 private:
  void set(bool enabled) const {
    if (!is_on_) {
      return;
    }
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
    at::autocast::set_autocast_enabled(at::kCUDA, enabled);
    at::autocast::set_autocast_dtype(at::kCUDA, at::kBFloat16);
#else
    at::autocast::set_enabled(enabled);
    at::autocast::set_autocast_gpu_dtype(at::kBFloat16);
#endif
    at::autocast::clear_cache();
  }

  bool is_on_;
};

bool wants_mixed_precision(const TrainingOptions& options, const torch::Device& device) {
  if (options.precision == "bfloat16" && !device.is_cuda()) {
    throw InputError("precision bfloat16 needs a GPU", "on a CPU it would be slower", "Leave it at auto.");
  }
  return device.is_cuda() && options.precision != "float32";
}

/// One training from its beginning to one of its ends.
class Trainer {
 public:
  Trainer(Task& task, const TrainingOptions& options, const std::string& folder,
          const TrainingControl& control)
      : task_(task),
        options_(options),
        folder_(folder),
        control_(control),
        specification_{{"training", training_specification(options)}, {"task", task.specification()}},
        is_mixed_(wants_mixed_precision(options, training_device(options))),
        optimizer_(task.module(), options.weight_decay, options.beta2) {
    for (const torch::Tensor& parameter : task.module().parameters()) {
      summary_.num_parameters += parameter.numel();
    }
  }

  TrainingSummary run(Beginning beginning) {
    if (beginning == Beginning::checkpoint) {
      resume();
    } else {
      folder_.begin();
    }
    Journal log(folder_.path(kLogFile));
    std::optional<TrainingStatus> status;
    if (beginning == Beginning::fresh) {
      status = evaluate(log);
    }
    while (!status) {
      status = reason_to_stop();
      if (status) {
        // Not where the last step was followed by an evaluation anyway.
        status = last_evaluated() == summary_.steps ? status : evaluate(log).value_or(*status);
      } else {
        status = make_step();
        if (!status && summary_.steps % options_.evaluate_every == 0) {
          status = evaluate(log);
        }
      }
    }
    summary_.status = *status;
    summary_.kept_step = memory_.kept_step;
    summary_.kept_loss = memory_.kept_loss;
    summary_.seconds = seconds();
    summary_.message = message();
    return summary_;
  }

 private:
  /// What an evaluation changes.
  struct Memory {
    std::int64_t kept_step = 0;
    double kept_loss = std::numeric_limits<double>::infinity();
    double loss_sum = 0;  // over the steps since the last evaluation
    std::int64_t num_losses = 0;
    NamedTensors of_task = {};
  };

  void resume() {
    const std::string path = folder_.path(kCheckpointFile);
    const Checkpoint checkpoint = read_checkpoint(path);
    check_same_specification(checkpoint.header.at("specification"), specification_, path);
    copy_tensors(checkpoint.module, tensors_of(task_.module()), path);
    copy_tensors(checkpoint.optimizer, optimizer_.state(), path);
    summary_.steps = checkpoint.header.at("step");
    memory_ = {checkpoint.header.at("kept_step"), checkpoint.header.at("kept_loss"),
               checkpoint.header.at("loss_sum"), checkpoint.header.at("num_losses"), checkpoint.memory};
    task_.set_memory(checkpoint.memory);
    earlier_seconds_ = checkpoint.header.at("seconds");
    optimizer_.set_steps_done(summary_.steps);
    folder_.take_back_model();
    summary_.evaluations = folder_.keep_lines(
        kLogFile, [this](std::int64_t step) { return step <= summary_.steps && is_planned(step); });
    folder_.keep_lines(kStepLogFile, [this](std::int64_t step) { return step <= summary_.steps; });
  }

  /// Whether an evaluation at this step does not only come of a stop.
  bool is_planned(std::int64_t step) const {
    return step % options_.evaluate_every == 0 || step == options_.steps;
  }

  std::optional<TrainingStatus> reason_to_stop() const {
    if (summary_.steps == options_.steps) {
      return TrainingStatus::finished;
    }
    if (control_.interrupt != nullptr && control_.interrupt->load()) {
      return TrainingStatus::interrupted;
    }
    // Time for the last evaluation is set aside, unless little were left for steps.
    if (options_.max_seconds &&
        seconds_since(begin_) + std::min(evaluation_seconds_, *options_.max_seconds / 4) >=
            *options_.max_seconds) {
      return TrainingStatus::time_limit;
    }
    return std::nullopt;
  }

  std::optional<TrainingStatus> make_step() {
    const Clock::time_point begin = Clock::now();
    task_.set_share_done(share_done());
    seed_torch(options_.seed, summary_.steps, "training step");
    task_.module().train();
    optimizer_.zero_grad();
    torch::Tensor loss;
    {
      const MixedPrecision mixed(is_mixed_);
      loss = task_.loss(summary_.steps);
    }
    const auto value = loss.item<double>();
    if (!std::isfinite(value)) {
      return TrainingStatus::failed;
    }
    loss.backward();
    const double norm = torch::nn::utils::clip_grad_norm_(optimizer_.parameters(), options_.clip);
    if (!std::isfinite(norm)) {
      not_finite_ = "gradient of the loss";
      return TrainingStatus::failed;
    }
    optimizer_.step(scheduled_rate(options_, summary_.steps));
    ++summary_.steps;
    ++summary_.steps_of_run;
    summary_.step_seconds += seconds_since(begin);
    memory_.loss_sum += value;
    ++memory_.num_losses;
    if (options_.log_every > 0 && summary_.steps % options_.log_every == 0) {
      log_step(value, norm);
    }
    report(value);
    return std::nullopt;
  }

  /// A line for the log of steps, which is written with the next checkpoint.
  void log_step(double loss, double norm) {
    Json line{{"step", summary_.steps},
              {"loss", loss},
              {"rate", scheduled_rate(options_, summary_.steps - 1)},
              {"gradient_norm", norm}};
    line.update(task_.step_fields());
    step_lines_ += line.dump() + "\n";
  }

  Evaluation evaluate_task() {
    task_.set_share_done(share_done());
    task_.module().eval();
    const torch::NoGradGuard no_gradients;
    return task_.evaluate();  // in full precision, as the final scores are
  }

  /// Evaluates and writes; failed where the loss is not finite.
  std::optional<TrainingStatus> evaluate(Journal& log) {
    const Clock::time_point begin = Clock::now();
    const Evaluation evaluation = evaluate_task();
    if (!std::isfinite(evaluation.loss)) {
      return TrainingStatus::failed;
    }
    Json line{{"step", summary_.steps},
              {"seconds", seconds()},
              {"rate", scheduled_rate(options_, std::min<std::int64_t>(summary_.steps, options_.steps - 1))},
              {"batch_loss", memory_.num_losses > 0
                                 ? Json(memory_.loss_sum / static_cast<double>(memory_.num_losses))
                                 : Json(nullptr)}};
    line.update(evaluation.fields);
    const bool is_best = evaluation.loss < memory_.kept_loss;
    const Memory before =
        std::exchange(memory_, {is_best ? summary_.steps : memory_.kept_step,
                                is_best ? evaluation.loss : memory_.kept_loss, 0, 0, task_.memory()});
    log.append(line.dump());
    summary_.evaluations.push_back(std::move(line));
    write(is_best, is_planned(summary_.steps) ? memory_ : before);
    evaluation_seconds_ = seconds_since(begin);
    if (control_.evaluated) {
      control_.evaluated(summary_.evaluations.back());
    }
    return std::nullopt;
  }

  /// Writes what has come up to here; `memory` is what a training that goes on from here is to remember.
  void write(bool is_best, const Memory& memory) {
    using enum TrainingFolder::Permanence;
    Checkpoint checkpoint{{{"moest_nn", 1},
                           {"specification", specification_},
                           {"step", summary_.steps},
                           {"seconds", seconds()},
                           {"kept_step", memory.kept_step},
                           {"kept_loss", memory.kept_loss},
                           {"loss_sum", memory.loss_sum},
                           {"num_losses", memory.num_losses}},
                          tensors_of(task_.module())};
    if (is_best) {
      folder_.write_model(checkpoint, is_planned(summary_.steps) ? stays : may_be_taken_back);
    }
    folder_.append(kStepLogFile, std::exchange(step_lines_, {}));
    checkpoint.optimizer = optimizer_.state();
    checkpoint.memory = memory.of_task;
    write_checkpoint(folder_.path(kCheckpointFile), checkpoint);
  }

  /// The step of the last line of the log; -1 if it has none.
  std::int64_t last_evaluated() const {
    return summary_.evaluations.empty() ? -1 : summary_.evaluations.back().at("step").get<std::int64_t>();
  }
  double seconds() const { return earlier_seconds_ + seconds_since(begin_); }
  double share_done() const { return static_cast<double>(summary_.steps) / options_.steps; }

  void report(double loss) const {
    if (!control_.progress) {
      return;
    }
    const double elapsed = seconds_since(begin_);
    const auto planned = options_.steps - (summary_.steps - summary_.steps_of_run);
    const double of_steps = static_cast<double>(summary_.steps_of_run) / static_cast<double>(planned);
    const double of_time = options_.max_seconds ? elapsed / *options_.max_seconds : 0;
    control_.progress({summary_.steps, loss, elapsed, std::min(1.0, std::max(of_steps, of_time))});
  }

  std::string message() const {
    const std::string done = fmt::format("{} of {} steps", summary_.steps, options_.steps);
    switch (summary_.status) {
      case TrainingStatus::finished:
        return fmt::format("all {} steps are done", options_.steps);
      case TrainingStatus::time_limit:
        return fmt::format("the time was up after {}", done);
      case TrainingStatus::interrupted:
        return fmt::format("interrupted after {}", done);
      case TrainingStatus::failed:
        break;
    }
    const std::string kept = last_evaluated() < 0
                                 ? "Nothing was kept."
                                 : fmt::format("The checkpoint of step {} is kept.", last_evaluated());
    return fmt::format(
        "the {} was not a finite number after {} (the rate is too high, or a router's scores grew beyond all "
        "bounds). {} Try a smaller learning_rate or clip.",
        not_finite_, done, kept);
  }

  Task& task_;
  const TrainingOptions& options_;
  const TrainingFolder folder_;
  const TrainingControl& control_;
  Json specification_;
  bool is_mixed_;
  AdamW optimizer_;
  Clock::time_point begin_ = Clock::now();
  double earlier_seconds_ = 0;
  double evaluation_seconds_ = 0;  // that the last one took
  Memory memory_;
  std::string step_lines_;  // that are not written yet
  std::string_view not_finite_ = "loss";
  TrainingSummary summary_;
};

}  // namespace

std::span<const Option<TrainingOptions>> training_options() {
  static const std::array kOptions{
      Option<TrainingOptions>{"steps", &TrainingOptions::steps, 1, 1e9, "",
                              "number of batches, along which the learning rate follows its schedule"},
      Option<TrainingOptions>{"batch", &TrainingOptions::batch, 1, 1e6, "", "samples of one step"},
      Option<TrainingOptions>{"learning_rate", &TrainingOptions::learning_rate, 1e-9, 10, "",
                              "of AdamW, at the end of the warm-up"},
      Option<TrainingOptions>{"final_rate", &TrainingOptions::final_rate, 0, 1, "of learning_rate",
                              "where the cosine that follows the warm-up ends"},
      Option<TrainingOptions>{"warmup", &TrainingOptions::warmup, 0, 1e9, "steps",
                              "in which the learning rate grows to its full value"},
      Option<TrainingOptions>{"weight_decay", &TrainingOptions::weight_decay, 0, 100, "",
                              "of matrices; biases and norms have none"},
      Option<TrainingOptions>{"beta2", &TrainingOptions::beta2, 0, 0.99999, "",
                              "memory of AdamW's mean squares"},
      Option<TrainingOptions>{"clip", &TrainingOptions::clip, 1e-9, 1e9, "",
                              "largest norm of the gradient of all parameters; a longer one is shortened"},
      Option<TrainingOptions>{"evaluate_every", &TrainingOptions::evaluate_every, 1, 1e9, "steps",
                              "from one evaluation and checkpoint to the next"},
      Option<TrainingOptions>{"seed", &TrainingOptions::seed, 0, 1.8446744073709552e19, "",
                              "same seed, same model, on as many threads of the same machine"},
      Option<TrainingOptions>{
          "log_every", &TrainingOptions::log_every, 0, 1e9, "steps",
          "from one line in steps.jsonl to the next: the loss, the gradient's norm and the "
          "routing of a step's batch; 0 for none"},
      Option<TrainingOptions>{"max_seconds", &TrainingOptions::max_seconds, 1e-3, 1e9, "s",
                              "end after this time; --resume goes on from there"},
      Option<TrainingOptions>{"device", &TrainingOptions::device, 0, 0, "",
                              "where to compute: auto takes a GPU if there is one", kDevices},
      Option<TrainingOptions>{"precision", &TrainingOptions::precision, 0, 0, "",
                              "of matrix products in training: auto is bfloat16 on a GPU", kPrecisions},
  };
  return kOptions;
}

Json training_specification(const TrainingOptions& options) {
  Json json = options_json(training_options(), options);
  for (const std::string_view name : kFreeToChange) {
    json.erase(std::string(name));
  }
  return json;
}

torch::Device training_device(const TrainingOptions& options) {
  const bool has_gpu = torch::cuda::is_available();
  if (options.device == "cuda" && !has_gpu) {
    throw InputError("there is no GPU for device cuda", "LibTorch sees none", "Leave device at auto.");
  }
  return {options.device != "cpu" && has_gpu ? torch::kCUDA : torch::kCPU};
}

double scheduled_rate(const TrainingOptions& options, std::int64_t step) {
  MOEST_EXPECT(step >= 0 && step < options.steps);
  const int warmup = std::min(options.warmup, options.steps);
  if (step < warmup) {
    return options.learning_rate * static_cast<double>(step + 1) / warmup;
  }
  const double share = static_cast<double>(step - warmup) / (options.steps - warmup);
  const double cosine = (1 + std::cos(std::numbers::pi * share)) / 2;
  return options.learning_rate * (options.final_rate + (1 - options.final_rate) * cosine);
}

void seed_torch(std::uint64_t seed, std::int64_t key, std::string_view purpose) {
  torch::manual_seed(Stream(seed, static_cast<std::uint64_t>(key), purpose)());
}

std::string_view name_of(TrainingStatus status) {
  switch (status) {
    case TrainingStatus::finished:
      return "finished";
    case TrainingStatus::time_limit:
      return "time_limit";
    case TrainingStatus::interrupted:
      return "interrupted";
    case TrainingStatus::failed:
      break;
  }
  return "failed";
}

TrainingSummary train(Task& task, const TrainingOptions& options, const std::string& folder,
                      Beginning beginning, const TrainingControl& control) {
  check_options(options, training_options());
  return Trainer(task, options, folder, control).run(beginning);
}

Json read_specification(const std::string& folder, std::string_view name) {
  const std::string path = TrainingFolder(folder).path(name);
  if (!fs::exists(path)) {
    throw InputError(fmt::format("there is no training in {}", folder), fmt::format("it holds no {}", name),
                     "Name the --output of a training.");
  }
  return read_checkpoint(path).header.at("specification");
}

void load_model(const std::string& folder, torch::nn::Module& module) {
  const std::string path = TrainingFolder(folder).path(kModelFile);
  copy_tensors(read_checkpoint(path).module, tensors_of(module), path);
}

}  // namespace moest::nn
