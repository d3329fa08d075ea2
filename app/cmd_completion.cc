// The command completion of every program: scripts that let a shell complete its commands and options.
#include <memory>

#include "app/command.h"
#include "moest/base/file.h"

namespace moest::app {
namespace {

const std::vector<std::string> kShells{"bash", "zsh", "fish"};

struct CompletionCommand {
  std::string shell;
  int threads = 0;
  bool quiet = false;
};

std::string bash_script(const CLI::App& program, const std::vector<Command>& commands) {
  std::vector<std::string> names;
  std::string choices;
  std::string options;
  for (const Command& command : commands) {
    const std::string name = command.parser->get_name();
    names.push_back(name);
    options += fmt::format("    {}) words=\"{}\" ;;\n", name, fmt::join(flags_of(*command.parser), " "));
    for (const auto& [flag, words] : command.choices) {
      choices += fmt::format("    \"{} {}\") words=\"{}\" ;;\n", name, flag, fmt::join(words, " "));
    }
  }
  const std::string& program_name = program.get_name();
  std::string function = "_" + program_name;
  std::ranges::replace(function, '-', '_');
  return fmt::format(
      R"({0}() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}" words=""
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W "{2} {3}" -- "$current"))
    return
  fi
  case "${{COMP_WORDS[1]}} $previous" in
{4}  esac
  if [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{5}  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}}
complete -o filenames -F {0} {1}
)",
      function, program_name, fmt::join(names, " "), fmt::join(flags_of(program), " "), choices, options);
}

std::string zsh_script(const CLI::App& program, const std::vector<Command>& commands) {
  return "autoload -U +X bashcompinit && bashcompinit\n" + bash_script(program, commands);
}

// fish reads descriptions too; quotes in them are the only thing to escape.
std::string fish_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string{c};
  }
  return quoted + "'";
}

std::string fish_options(const std::string& program, const Command& command, const CLI::App& parser) {
  std::string script;
  for (const CLI::Option* option : parser.get_options()) {
    for (const std::string& flag : option->get_lnames()) {
      const auto choices = command.choices.find("--" + flag);
      const std::string values =
          choices == command.choices.end() ? "" : fmt::format(" -x -a '{}'", fmt::join(choices->second, " "));
      script += fmt::format("complete -c {} -n '__fish_seen_subcommand_from {}' -l {} -d {}{}\n", program,
                            parser.get_name(), flag, fish_quoted(option->get_description()), values);
    }
  }
  return script;
}

std::string fish_script(const std::string& program, const std::vector<Command>& commands) {
  std::string script;
  for (const Command& command : commands) {
    const std::string name = command.parser->get_name();
    script += fmt::format("complete -c {} -n __fish_use_subcommand -a {} -d {}\n", program, name,
                          fish_quoted(command.parser->get_description()));
    script += fish_options(program, command, *command.parser);
    for (const CLI::App* part : command.parser->get_subcommands([](const CLI::App*) { return true; })) {
      script += fmt::format("complete -c {} -n '__fish_seen_subcommand_from {}' -a {} -d {}\n", program, name,
                            part->get_name(), fish_quoted(part->get_description()));
      script += fish_options(program, command, *part);
    }
  }
  return script;
}

int run_completion(const CLI::App& program, const std::vector<Command>& commands, const std::string& shell) {
  if (shell == "bash") {
    write_output("-", bash_script(program, commands));
  } else if (shell == "zsh") {
    write_output("-", zsh_script(program, commands));
  } else if (shell == "fish") {
    write_output("-", fish_script(program.get_name(), commands));
  } else {
    throw InputError(fmt::format("no completion for the shell `{}`", shell),
                     fmt::format("known: {}", listed(kShells)), "Name one of these.");
  }
  return kDone;
}

}  // namespace

Command make_completion_command(CLI::App& program, const std::vector<Command>& commands) {
  CLI::App* parser = program.add_subcommand("completion", "print a completion script for a shell");
  const auto command = std::make_shared<CompletionCommand>();
  parser->add_option("shell", command->shell, "bash, zsh or fish")->type_name("SHELL")->required();
  add_threads_option(*parser, command->threads);
  parser->add_flag("--quiet", command->quiet, "as everywhere; there are no notes here")
      ->disable_flag_override();
  parser->footer(fmt::format("For bash: source <({} completion bash)", program.get_name()));
  // The shell is the argument after the name of the command itself.
  return {parser,
          [&program, &commands, command] { return run_completion(program, commands, command->shell); },
          {{parser->get_name(), kShells}}};
}

}  // namespace moest::app
