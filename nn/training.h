// The training loop of all tasks: AdamW, a schedule, evaluations, checkpoints, and exact resumption.
#pragma once

#include <torch/torch.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "moest/base/option.h"
#include "nn/adamw.h"
#include "nn/training_folder.h"

namespace moest::nn {

/// Options of train(); the sentences, ranges and units are in training_options().
struct TrainingOptions {
  int steps = 1000;
  int batch = 16;
  double learning_rate = 3e-3;
  double final_rate = 0.1;
  int warmup = 50;
  double weight_decay = 0.1;
  double beta2 = 0.99;
  double clip = 1;
  int evaluate_every = 100;
  std::uint64_t seed = 0;
  // From here on: how it is run, which a resumed run may change.
  int log_every = 0;
  std::optional<double> max_seconds = {};
  std::string device = "auto";
  std::string precision = "auto";
};

/// The options in the order of the documentation.
std::span<const Option<TrainingOptions>> training_options();

/// The options that decide what the numbers are: all but log_every, max_seconds, device and precision.
nlohmann::ordered_json training_specification(const TrainingOptions& options);

/// The device that options.device means: the GPU that LibTorch sees, if any, for `auto`. Throws InputError
/// for `cuda` where there is none.
torch::Device training_device(const TrainingOptions& options);

/// The rate of step 0, 1, .. (steps - 1), with r = learning_rate and w = min(warmup, steps):
///     r (step + 1) / w                                        for step < w,
///     r (f + (1 - f) (1 + cos(pi (step - w) / (steps - w))) / 2)   after it, f = final_rate.
double scheduled_rate(const TrainingOptions& options, std::int64_t step);

/// Seeds LibTorch's generators from the stream (seed, key, purpose).
void seed_torch(std::uint64_t seed, std::int64_t key, std::string_view purpose);

/// What a task says of its model at one step.
struct Evaluation {
  double loss = 0;                // the smaller the better: decides which model is kept
  nlohmann::ordered_json fields;  // what the log tells
};

/// What is trained. What is random in it depends on (seed, step) alone: batches are drawn from a
/// moest::Stream, and train() seeds LibTorch before each step. `module()` is on the device of the training.
class Task {
 public:
  virtual ~Task() = default;

  /// Everything besides the training's options that the numbers depend on: a checkpoint whose specification
  /// differs is refused with the name of the field.
  virtual nlohmann::ordered_json specification() const = 0;
  virtual torch::nn::Module& module() = 0;
  /// The loss of the batch of this step, a scalar with its graph, auxiliary losses included. The module is in
  /// training mode.
  virtual torch::Tensor loss(std::int64_t step) = 0;
  /// Called without gradients, the module in evaluation mode; must draw nothing from LibTorch's generators.
  virtual Evaluation evaluate() = 0;
  /// What evaluations remember of those before them, which a checkpoint keeps.
  virtual NamedTensors memory() const { return {}; }
  /// Called with what memory() was, on the CPU.
  virtual void set_memory(const NamedTensors& /*memory*/) {}
  /// What the log of steps tells of the batch of the last loss(), besides its number.
  virtual nlohmann::ordered_json step_fields() { return nlohmann::ordered_json::object(); }
  /// Before each step and evaluation: the share of the steps that are done.
  virtual void set_share_done(double /*share*/) {}
};

/// Why a training ended.
enum class TrainingStatus {
  finished,     // all steps
  time_limit,   // max_seconds
  interrupted,  // from outside
  failed,       // the loss or its gradient was not finite
};

/// The name of a status in JSON.
std::string_view name_of(TrainingStatus status);

struct TrainingSummary {
  TrainingStatus status = TrainingStatus::finished;
  std::string message;      // a sentence with the numbers
  std::int64_t steps = 0;   // that the model has made, over all runs
  double seconds = 0;       // of training and evaluations, over all runs
  double step_seconds = 0;  // of the steps of this run
  std::int64_t steps_of_run = 0;
  std::int64_t num_parameters = 0;
  std::int64_t kept_step = 0;  // that of the smallest evaluation loss: the model in model.pt
  double kept_loss = 0;
  std::vector<nlohmann::ordered_json> evaluations = {};  // the lines of the log
};

struct TrainingProgress {
  std::int64_t step = 0;
  double loss = 0;        // of the last step
  double seconds = 0;     // of this run
  double share_done = 0;  // of this run: of its steps or its time, whichever is further
};

/// How a training is watched and ended from outside.
struct TrainingControl {
  const std::atomic<bool>* interrupt = nullptr;
  std::function<void(const TrainingProgress&)> progress = {};
  std::function<void(const nlohmann::ordered_json&)> evaluated = {};  // a new line of the log
};

/// Where a training begins: at step 0 or at the checkpoint in its folder.
enum class Beginning { fresh, checkpoint };

/// Trains the task's module:
///   each step: rate from the schedule, loss and gradients (under bfloat16 autocast on a GPU unless told
///   otherwise), gradients clipped to the norm `clip`, AdamW with decay of matrices only;
///   at step 0, every evaluate_every steps and at the end: evaluate, a line in log.jsonl, model.pt if it is
///   the best so far, checkpoint.pt;
///   every log_every steps: a line in steps.jsonl with the step's number (from 1 on), loss, rate, norm of the
///   gradient before clipping, and what the task tells of it.
/// Ends at the last step, after max_seconds, when interrupted, or when a loss or the norm of its gradient is
/// not finite; in the last case nothing is written, so that the last good checkpoint stays. At the other ends
/// too it evaluates and writes. A run resumed there, on as many threads of the same CPU, is the same to the
/// bit as one that was never stopped, in its steps, its log and the model that it keeps: an evaluation that
/// only came of the stop is taken back. The folder is made where it is missing; one that holds a training is
/// refused (InputError) unless it is to be resumed, and any other that is not empty always. Throws
/// EnvironmentError when a file cannot be written: the files that were there stay.
TrainingSummary train(Task& task, const TrainingOptions& options, const std::string& folder,
                      Beginning beginning, const TrainingControl& control = {});

/// The specification that the file `name` of a folder was written with: {"training": .., "task": ..}.
/// Throws InputError where there is none, or where it is damaged.
nlohmann::ordered_json read_specification(const std::string& folder, std::string_view name = kCheckpointFile);

/// Puts the parameters of model.pt into the module. Throws InputError as read_specification().
void load_model(const std::string& folder, torch::nn::Module& module);

}  // namespace moest::nn
