// What all subcommands share: common options, notes, options made from the library's tables.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "moest/base/error.h"
#include "moest/base/json_text.h"
#include "moest/base/option.h"
#include "moest/data/table.h"
#include "moest/model/model.h"

namespace moest::app {

/// Exit statuses of the program.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kBadInput = 2;
inline constexpr int kNotConverged = 3;

/// Options that every command takes.
struct CommonOptions {
  bool json = false;
  bool quiet = false;
};

/// A subcommand after its options were read: does the work and returns the exit status.
using Action = std::function<int()>;

/// The values that some options take, by the option's flag.
using Choices = std::map<std::string, std::vector<std::string>>;

/// A declared subcommand, what to run if it is the one that was called, and the choices that a shell can
/// complete.
struct Command {
  CLI::App* parser;
  Action action;
  Choices choices = {};
};

Command make_fit_command(CLI::App& program);
Command make_predict_command(CLI::App& program);
Command make_simulate_command(CLI::App& program);
Command make_describe_command(CLI::App& program);
Command make_plot_command(CLI::App& program);
Command make_compare_command(CLI::App& program);
Command make_select_command(CLI::App& program);
Command make_bootstrap_command(CLI::App& program);
Command make_loss_command(CLI::App& program);
Command make_analyze_command(CLI::App& program);
Command make_study_command(CLI::App& program);
Command make_export_command(CLI::App& program);
/// Completes `commands`, which may still grow and must outlive the action.
Command make_completion_command(CLI::App& program, const std::vector<Command>& commands);

/// The table at `path` with the labels of the model's categorical columns.
Table read_table_for(const Model& model, const std::string& path);

/// The flags of a parser and of its subcommands, `--target` and so on.
std::vector<std::string> flags_of(const CLI::App& parser);

/// Adds --json and --quiet.
void add_common_options(CLI::App& parser, CommonOptions& options);
void add_threads_option(CLI::App& parser, int& threads);

/// Prints a note for the user on standard error unless --quiet.
void note(const CommonOptions& options, const std::string& text);

/// Prints one JSON document on standard output.
void print_json(const nlohmann::ordered_json& json);

/// Standard input's name in messages.
std::string source_name(const std::string& path);

/// Throws InputError if two of these files, which all are written, are the same; empty names are none.
void check_distinct(const std::vector<std::string>& outputs);

/// Throws InputError where an output would destroy what is read (the same file as one of `inputs`), where it
/// and
/// --json both want standard output, where two inputs are standard input, and as check_output.
void check_files(const CommonOptions& options, const std::vector<std::string>& inputs,
                 const std::string& output);

/// The number that `text` spells, for the option `flag`. Throws InputError.
void read_number(const std::string& flag, const std::string& text, int& value);
void read_number(const std::string& flag, const std::string& text, std::uint64_t& value);
void read_number(const std::string& flag, const std::string& text, double& value);
/// A number or the word `learned`.
void read_number(const std::string& flag, const std::string& text, Learnable& value);
/// A number of parts, or their sizes separated by commas.
void read_number(const std::string& flag, const std::string& text, Partition& value);
template <class Number>
void read_number(const std::string& flag, const std::string& text, std::optional<Number>& value) {
  read_number(flag, text, value.emplace());
}

/// Adds an option that takes a number: N in the help for a whole one, X for another.
template <class Number>
CLI::Option* add_number(CLI::App& parser, const std::string& flag, Number& value, const std::string& help) {
  const bool whole = !std::is_same_v<Number, double> && !std::is_same_v<Number, std::optional<double>>;
  return parser
      .add_option_function<std::string>(
          flag, [flag, &value](const std::string& text) { read_number(flag, text, value); }, help)
      ->type_name(whole ? "N" : "X");
}

/// Adds an option that takes names separated by commas.
CLI::Option* add_names(CLI::App& parser, const std::string& flag, std::vector<std::string>& names,
                       const std::string& help);

/// The option on the command line: --max-iterations for max_iterations, --no-bias for a switch that is on by
/// default.
template <class Owner>
std::string flag_of(const Option<Owner>& option) {
  static const Owner kDefaults{};
  const std::string flag = flag_name(option.name);
  const auto* member = std::get_if<bool Owner::*>(&option.member);
  return member != nullptr && kDefaults.**member ? "--no-" + flag.substr(2) : flag;
}

/// Adds every option of a table of declarations to a group of a parser's options: a number as --name VALUE, a
/// switch that is off by default as --name, one that is on as --no-name. The defaults of the others are what
/// `owner` holds now. `whose` says to what an option belongs, if anything.
template <class Owner>
void add_options(CLI::App& parser, std::span<const Option<Owner>> options, Owner& owner,
                 const std::string& group,
                 const std::function<std::string(const Option<Owner>&)>& whose = {}) {
  const Owner defaults = owner;
  for (const Option<Owner>& option : options) {
    const std::string flag = flag_of(option);
    std::string help(option.sentence);
    if (!option.unit.empty()) {
      help += fmt::format(" [{}]", option.unit);
    }
    const std::string kinds = whose ? whose(option) : "";
    std::visit(
        [&](auto member) {
          auto& value = owner.*member;
          if constexpr (std::is_same_v<std::remove_reference_t<decltype(value)>, bool>) {
            const bool on = defaults.*member;
            const auto set = [&value, on] { value = !on; };
            help = (on ? "switch off: " : "") + help + (kinds.empty() ? "" : fmt::format(" ({})", kinds));
            parser.add_flag_callback(flag, set, help)->group(group);
          } else if constexpr (std::is_same_v<std::remove_reference_t<decltype(value)>, std::string>) {
            help += fmt::format(" ({}default {})", kinds.empty() ? "" : kinds + "; ", defaults.*member);
            const auto read = [&value, &option](const std::string& text) {
              check_choice(option.name, text, option.choices);
              value = text;
            };
            parser.add_option_function<std::string>(flag, read, help)
                ->type_name(fmt::format("{}", fmt::join(option.choices, "|")))
                ->group(group);
          } else if constexpr (std::is_same_v<std::remove_reference_t<decltype(value)>, Learnable>) {
            help +=
                fmt::format(" ({}default {})", kinds.empty() ? "" : kinds + "; ", (defaults.*member).value);
            add_number(parser, flag, value, help)->type_name("X|learned")->group(group);
          } else if constexpr (std::is_same_v<std::remove_reference_t<decltype(value)>, Partition>) {
            help +=
                fmt::format(" ({}default {})", kinds.empty() ? "" : kinds + "; ", (defaults.*member).number);
            add_number(parser, flag, value, help)->type_name("N|N,N,...")->group(group);
          } else {
            if constexpr (!requires { value.has_value(); }) {
              help += fmt::format(" ({}default {})", kinds.empty() ? "" : kinds + "; ", defaults.*member);
            }
            add_number(parser, flag, value, help)->group(group);
          }
        },
        option.member);
  }
}

}  // namespace moest::app
