// What all commands of moest-nn share.
#pragma once

#include <functional>

#include "app/command.h"

namespace moest::nn {

/// Exit status beside those of moest: interrupted before it was done.
inline constexpr int kStopped = 3;

app::Command make_lm_command(CLI::App& program);
app::Command make_compare_command(CLI::App& program);

/// Sets the threads of LibTorch, 0 for all cores, and runs the action. LibTorch's errors become those of the
/// project: std::bad_alloc where memory ran out, EnvironmentError otherwise.
int run_with_torch(int threads, const std::function<int()>& action);

}  // namespace moest::nn
