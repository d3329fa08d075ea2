// The program: declares the subcommands, runs the one that was called, turns errors into exit statuses.
#include <exception>
#include <new>

#include "app/command.h"
#include "moest/base/build_info.h"

namespace moest::app {
namespace {

/// Help or version: CLI11 reports them as errors with exit code 0.
bool is_answer(const CLI::ParseError& error) { return error.get_exit_code() == 0; }

std::vector<std::string> known_flags(const CLI::App& parser) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : parser.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      flags.push_back("--" + name);
    }
  }
  return flags;
}

/// What CLI11 found wrong with the command line, in the grammar of all messages.
InputError parse_problem(const CLI::App& program, const CLI::ParseError& error) {
  const auto called = program.get_subcommands();
  const CLI::App& parser = called.empty() ? program : *called.front();
  const std::string help = fmt::format("See `moest{} --help`.", called.empty() ? "" : " " + parser.get_name());
  const std::vector<std::string> unknown = program.remaining(true);
  if (!unknown.empty()) {
    const std::string& word = unknown.front();
    std::vector<std::string> known = known_flags(parser);
    if (called.empty()) {
      known.clear();
      for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; })) {
        known.push_back(command->get_name());
      }
    }
    const std::string nearest = nearest_name(word.substr(0, word.find('=')), known);
    return {fmt::format("unknown {} `{}`", called.empty() ? "command" : "argument", word),
            called.empty() ? fmt::format("known: {}", listed(known)) : "this command does not take it",
            nearest.empty() ? help : fmt::format("Did you mean `{}`?", nearest)};
  }
  return {"the command line is incomplete or wrong", error.what(), help};
}

int run(int argc, char** argv) {
  CLI::App program("moest fits mixtures of experts by least squares.", "moest");
  program.set_version_flag("--version", build_line());
  program.require_subcommand(1);
  program.footer("Exit status: 0 done, 1 failed, 2 wrong command or input, 3 done but no start converged.\n"
                 "`moest COMMAND --help` tells the options of a command.");
  std::vector<Command> commands;
  for (const auto make : {make_fit_command, make_predict_command, make_simulate_command, make_describe_command,
                          make_plot_command, make_completion_command}) {
    commands.push_back(make(program));
    commands.back().parser->positionals_at_end(false);
  }
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (is_answer(error)) {
      return program.exit(error);
    }
    throw parse_problem(program, error);
  }
  for (const Command& command : commands) {
    if (command.parser->parsed()) {
      return command.action();
    }
  }
  return kBadInput;
}

}  // namespace
}  // namespace moest::app

int main(int argc, char** argv) {
  using moest::app::ExitStatus;
  try {
    return moest::app::run(argc, argv);
  } catch (const moest::InputError& error) {
    fmt::print(stderr, "moest: {}\n", error.what());
    return ExitStatus::kBadInput;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "moest: out of memory (the data or the model do not fit) Use fewer rows, inputs or experts.\n");
    return ExitStatus::kFailed;
  } catch (const std::exception& error) {
    fmt::print(stderr, "moest: {}\n", error.what());
    return ExitStatus::kFailed;
  }
}
