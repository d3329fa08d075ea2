// What all commands of moest-nn share.
#pragma once

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "app/command.h"
#include "moest/base/json_reader.h"
#include "moest/base/option.h"
#include "nn/training.h"
#include "nn/transformer.h"

namespace moest::nn {

/// Exit status beside those of moest: interrupted before it was done.
inline constexpr int kStopped = 3;

app::Command make_lm_command(CLI::App& program);
app::Command make_domain_command(CLI::App& program);
app::Command make_compare_command(CLI::App& program);

/// Sets the threads of LibTorch, 0 for all cores, and runs the action. LibTorch's errors become those of the
/// project: std::bad_alloc where memory ran out, EnvironmentError otherwise.
int run_with_torch(int threads, const std::function<int()>& action);

/// Adds the options of router, mixture layers and blocks, and --dense for none of the mixture layers.
void add_network_options(CLI::App& parser, TransformerOptions& network);

/// Obeys --dense. Throws InputError as check_transformer() and check(), and for --router beside --dense.
void settle_network(const CLI::App& parser, TransformerOptions& network);

/// Sets the options that the command line does not give to those that a training was begun with.
template <class Owner>
void take_stored(const CLI::App& parser, std::span<const Option<Owner>> options, Owner& owner,
                 const nlohmann::ordered_json& stored) {
  ObjectReader reader(stored, "", "checkpoint");
  read_options(reader, options, owner, [&](std::string_view name) {
    const auto option = std::ranges::find(options, name, &Option<Owner>::name);
    return parser.count(app::flag_of(*option)) == 0;
  });
}
void take_stored_network(const CLI::App& parser, TransformerOptions& network,
                         const nlohmann::ordered_json& stored);
void take_stored_training(const CLI::App& parser, TrainingOptions& training,
                          const nlohmann::ordered_json& stored);

}  // namespace moest::nn
