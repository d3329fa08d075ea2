#include "nn/training_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/base/journal.h"
#include "moest/base/json_text.h"

namespace moest::nn {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// The model that was kept before a stop, at which another one was better.
constexpr std::string_view kModelBeforeStopFile = "model_before_stop.pt";

bool is_own_file(const fs::path& path) {
  const std::string name = path.filename().string();
  constexpr std::array kOwn{kCheckpointFile, kModelFile, kModelBeforeStopFile, kLogFile, kStepLogFile};
  return std::ranges::any_of(kOwn, [&](std::string_view own) {
    return name == own || name.starts_with(fmt::format("{}.tmp-", own));
  });
}

}  // namespace

std::string TrainingFolder::path(std::string_view name) const { return (fs::path(folder_) / name).string(); }

void TrainingFolder::begin() const {
  std::error_code error;
  if (fs::exists(path(kCheckpointFile), error)) {
    throw InputError(fmt::format("{} holds a training already", folder_), "another would overwrite it",
                     "Go on with it by --resume, or name another folder.");
  }
  if (fs::exists(folder_, error) && !fs::is_directory(folder_, error)) {
    throw InputError(fmt::format("cannot write to {}", folder_), "it is no folder", "Name a folder.");
  }
  fs::create_directories(folder_, error);
  if (error) {
    throw InputError(fmt::format("cannot make the folder {}", folder_), error.message(),
                     "Name a folder that you may write to.");
  }
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (!is_own_file(entry.path())) {
      throw InputError(
          fmt::format("{} holds {}, which is of no training", folder_, entry.path().filename().string()),
          "a training has a folder of its own", "Name a new or an empty folder.");
    }
  }
  write_output(path(kLogFile), "");
  fs::remove(path(kStepLogFile), error);
  fs::remove(path(kModelBeforeStopFile), error);
}

std::vector<Json> TrainingFolder::keep_lines(std::string_view name,
                                             const std::function<bool(std::int64_t)>& is_kept) const {
  std::vector<Json> lines;
  std::string text;
  const Journal log(path(name));
  for (const std::string& line : log.lines()) {
    Json json =
        parse_json(line, path(name), "a line of the log of a training", "Remove the line or the file.");
    if (is_kept(json.value("step", std::int64_t{0}))) {
      text += line + "\n";
      lines.push_back(std::move(json));
    }
  }
  if (!log.lines().empty()) {
    write_output(path(name), text);
  }
  return lines;
}

void TrainingFolder::append(std::string_view name, const std::string& lines) const {
  if (lines.empty()) {
    return;
  }
  std::ofstream stream(path(name), std::ios::app | std::ios::binary);
  stream << lines << std::flush;
  if (!stream) {
    throw EnvironmentError(fmt::format("cannot write {}", path(name)), std::strerror(errno),
                           "Make room on the disk, and go on by --resume.");
  }
}

void TrainingFolder::write_model(const Checkpoint& model, Permanence permanence) const {
  if (permanence == Permanence::may_be_taken_back) {
    // Not moved: until the new one is whole, the former one stands in its place.
    write_output(path(kModelBeforeStopFile), read_input(path(kModelFile)));
  }
  write_checkpoint(path(kModelFile), model);
}

void TrainingFolder::take_back_model() const {
  if (fs::exists(path(kModelBeforeStopFile))) {
    fs::rename(path(kModelBeforeStopFile), path(kModelFile));
  }
}

}  // namespace moest::nn
