// The files of a training: what begins, goes on, and is taken back in its folder.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "nn/checkpoint.h"

namespace moest::nn {

/// The files of a training in its folder.
inline constexpr std::string_view kCheckpointFile = "checkpoint.pt";  // all that it takes to go on
inline constexpr std::string_view kModelFile = "model.pt";            // the best model, without the optimiser
inline constexpr std::string_view kLogFile = "log.jsonl";             // one line per evaluation
inline constexpr std::string_view kStepLogFile = "steps.jsonl";       // one line per log_every steps

/// The folder of one training.
class TrainingFolder {
 public:
  explicit TrainingFolder(std::string folder) : folder_(std::move(folder)) {}

  std::string path(std::string_view name) const;

  /// Makes the folder and empties the logs. Throws InputError where a training cannot begin: one that holds a
  /// training, or anything else.
  void begin() const;

  /// The lines of a log whose field `step` satisfies `is_kept`; the others are removed from the file. Throws
  /// InputError for a line that is none of a log.
  std::vector<nlohmann::ordered_json> keep_lines(std::string_view name,
                                                 const std::function<bool(std::int64_t)>& is_kept) const;

  /// Appends lines that are whole, each with its line break, if there are any. Throws EnvironmentError.
  void append(std::string_view name, const std::string& lines) const;

  /// Writes model.pt; the model that it held is set aside if this one may be taken back.
  enum class Permanence { stays, may_be_taken_back };
  void write_model(const Checkpoint& model, Permanence permanence) const;
  /// Puts back what was set aside, if anything was.
  void take_back_model() const;

 private:
  std::string folder_;
};

}  // namespace moest::nn
