// What all subcommands share: common options, notes, options made from the library's tables.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "moest/base/error.h"
#include "moest/base/option.h"

namespace moest::app {

/// Exit statuses of the program.
enum ExitStatus : int {
  kDone = 0,
  kFailed = 1,
  kBadInput = 2,
  kNotConverged = 3,
};

/// Options that every command takes.
struct CommonOptions {
  bool json = false;
  bool quiet = false;
};

/// A subcommand after its options were read: does the work and returns the exit status.
using Action = std::function<int()>;

/// Declares a subcommand on the program and returns what to run if it is the one that was called.
struct Command {
  CLI::App* parser;
  Action action;
};

Command make_fit_command(CLI::App& program);
Command make_predict_command(CLI::App& program);
Command make_simulate_command(CLI::App& program);
Command make_describe_command(CLI::App& program);
Command make_plot_command(CLI::App& program);
Command make_completion_command(CLI::App& program);

/// Adds --json and --quiet.
void add_common_options(CLI::App& parser, CommonOptions& options);
void add_threads_option(CLI::App& parser, int& threads);

/// Prints a note for the user on standard error unless --quiet.
void note(const CommonOptions& options, const std::string& text);

/// Prints one JSON document on standard output.
void print_json(const nlohmann::ordered_json& json);

/// Standard output's name in messages.
std::string source_name(const std::string& path);

/// Adds every option of a table of declarations to a parser: a number as --name VALUE, a switch that is off by default
/// as --name, one that is on as --no-name.
template <class Owner>
void add_options(CLI::App& parser, std::span<const Option<Owner>> options, Owner& owner) {
  const Owner defaults;
  for (const Option<Owner>& option : options) {
    std::visit(
        [&](auto member) {
          auto& value = owner.*member;
          using Value = std::remove_reference_t<decltype(value)>;
          const std::string flag = flag_name(option.name);
          std::string help(option.sentence);
          if constexpr (std::is_same_v<Value, bool>) {
            const bool on = defaults.*member;
            parser.add_flag_callback(
                on ? "--no-" + flag.substr(2) : flag, [&value, on] { value = !on; },
                on ? "switch off: " + help : help);
          } else {
            if constexpr (!requires { value.has_value(); }) {
              help += fmt::format(" (default {})", defaults.*member);
            }
            if (!option.unit.empty()) {
              help += fmt::format(" [{}]", option.unit);
            }
            parser.add_option(flag, value, help)->type_name("N");
          }
        },
        option.member);
  }
}

}  // namespace moest::app
