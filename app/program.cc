#include "app/program.h"

#include <exception>
#include <new>

#include "app/help.h"

namespace moest::app {
namespace {

/// Help or version: CLI11 reports them as errors with exit code 0.
bool is_answer(const CLI::ParseError& error) { return error.get_exit_code() == 0; }

std::vector<std::string> command_names(const CLI::App& program) {
  std::vector<std::string> names;
  for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

bool has_commands(const CLI::App& parser) { return parser.get_require_subcommand_min() > 0; }

/// The command that was called, or the part of it.
const CLI::App& innermost(const CLI::App& parser) {
  const auto called = parser.get_subcommands();
  return called.empty() ? parser : innermost(*called.front());
}

/// "moest study run"
std::string name_of(const CLI::App& parser) {
  const CLI::App* parent = parser.get_parent();
  return parent == nullptr ? parser.get_name() : fmt::format("{} {}", name_of(*parent), parser.get_name());
}

InputError unknown_word(const CLI::App& parser, const std::string& word, const std::string& help) {
  const std::string flag = word.substr(0, word.find('='));
  const bool is_flag = word.starts_with("-");
  const bool is_command = has_commands(parser) && !is_flag;
  const std::vector<std::string> known = is_command ? command_names(parser) : flags_of(parser);
  const std::string nearest = is_command || is_flag ? nearest_name(flag, known) : "";
  const std::string why = is_command             ? fmt::format("known: {}", listed(known))
                          : has_commands(parser) ? "options follow the name of a command"
                                                 : fmt::format("`{}` does not take it", name_of(parser));
  return {fmt::format("unknown {} `{}`",
                      is_command ? "command"
                      : is_flag  ? "option"
                                 : "argument",
                      word),
          why, nearest.empty() ? help : fmt::format("Did you mean `{}`?", nearest)};
}

/// What CLI11 found wrong with the command line, in the grammar of all messages.
InputError parse_problem(const CLI::App& program, const CLI::ParseError& error) {
  const CLI::App& parser = innermost(program);
  const std::string name = name_of(parser);
  const std::string help = fmt::format("See `{} --help`.", name);
  const std::vector<std::string> before = program.remaining(false);
  const std::vector<std::string> unknown = program.remaining(true);
  if (!before.empty() && &parser != &program) {
    return {fmt::format("unknown option `{}`", before.front()), "options follow the name of the command",
            fmt::format("Write `{} ... {}`.", name, before.front())};
  }
  if (!unknown.empty()) {
    return unknown_word(parser, unknown.front(), help);
  }
  if (has_commands(parser)) {
    return {"a command is missing", fmt::format("known: {}", listed(command_names(parser))), help};
  }
  for (const CLI::Option* option : parser.get_options()) {
    if (option->count() > 1) {
      return {fmt::format("{} is given {} times", display_name(*option), option->count()),
              "once is all it takes", "Leave out all but one."};
    }
  }
  const std::string what = error.what();
  if (what.ends_with("disallowed flag override")) {
    return {fmt::format("--{} takes no value", what.substr(0, what.find(' '))), "it is a switch", help};
  }
  if (error.get_name() == "ArgumentMismatch") {
    const std::string flag = what.substr(0, what.find(':'));
    const CLI::Option* option = parser.get_option_no_throw(flag);
    return {fmt::format("{} lacks its value", flag), option == nullptr ? what : option->get_description(),
            help};
  }
  for (const CLI::Option* option : parser.get_options()) {
    if (option->get_required() && option->count() == 0) {
      return {fmt::format("{} is missing", display_name(*option)), option->get_description(), help};
    }
  }
  return {"the command line is wrong", what, help};
}

int run(const Program& program, int argc, char** argv) {
  CLI::App parser(program.description, program.name);
  parser.formatter(std::make_shared<HelpFormatter>());
  parser.set_help_flag("--help,-h", "print this help");
  parser.set_version_flag("--version", program.version, program.version_help);
  parser.require_subcommand(1);
  // Commands inherit the footer as it is when they are made.
  parser.footer(program.exit_statuses);
  std::vector<Command> commands;
  commands.reserve(program.commands.size() + 1);
  for (const auto make : program.commands) {
    commands.push_back(make(parser));
  }
  commands.push_back(make_completion_command(parser, commands));
  parser.footer(fmt::format("{}\n`{} COMMAND --help` tells the options of a command.", program.exit_statuses,
                            program.name));
  try {
    parser.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (is_answer(error)) {
      return parser.exit(error);
    }
    throw parse_problem(parser, error);
  }
  for (const Command& command : commands) {
    if (command.parser->parsed()) {
      return command.action();
    }
  }
  return kBadInput;
}

}  // namespace

int run_program(const Program& program, int argc, char** argv) {
  try {
    return run(program, argc, argv);
  } catch (const InputError& error) {
    fmt::print(stderr, "{}: {}\n", program.name, error.what());
    return kBadInput;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "{}: out of memory {}\n", program.name, program.memory_advice);
    return kFailed;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", program.name, error.what());
    return kFailed;
  }
}

}  // namespace moest::app
