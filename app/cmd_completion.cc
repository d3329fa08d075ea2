// moest completion: scripts that let a shell complete moest's commands and options.
#include <memory>

#include "app/command.h"
#include "moest/base/file.h"

namespace moest::app {
namespace {

struct CompletionCommand {
  std::string shell;
  int threads = 0;
  bool quiet = false;
};

std::vector<std::string> flags_of(const CLI::App& parser) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : parser.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      flags.push_back("--" + name);
    }
  }
  return flags;
}

std::vector<const CLI::App*> commands_of(const CLI::App& program) {
  return program.get_subcommands([](const CLI::App*) { return true; });
}

std::string bash_script(const CLI::App& program) {
  std::vector<std::string> names;
  std::string cases;
  for (const CLI::App* command : commands_of(program)) {
    names.push_back(command->get_name());
    cases +=
        fmt::format("    {}) words=\"{}\" ;;\n", command->get_name(), fmt::join(flags_of(*command), " "));
  }
  return fmt::format(
      "_moest() {{\n"
      "  local current=\"${{COMP_WORDS[COMP_CWORD]}}\" words=\"\"\n"
      "  if [[ $COMP_CWORD -eq 1 ]]; then\n"
      "    COMPREPLY=($(compgen -W \"{} {}\" -- \"$current\"))\n"
      "    return\n"
      "  fi\n"
      "  case \"${{COMP_WORDS[1]}}\" in\n{}  esac\n"
      "  if [[ $current == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  else\n"
      "    COMPREPLY=($(compgen -f -- \"$current\"))\n"
      "  fi\n"
      "}}\n"
      "complete -o filenames -F _moest moest\n",
      fmt::join(names, " "), fmt::join(flags_of(program), " "), cases);
}

std::string zsh_script(const CLI::App& program) {
  return "autoload -U +X bashcompinit && bashcompinit\n" + bash_script(program);
}

// fish reads descriptions too; quotes in them are the only thing to escape.
std::string fish_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string{c};
  }
  return quoted + "'";
}

std::string fish_script(const CLI::App& program) {
  std::string script;
  for (const CLI::App* command : commands_of(program)) {
    script += fmt::format("complete -c moest -n __fish_use_subcommand -a {} -d {}\n", command->get_name(),
                          fish_quoted(command->get_description()));
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        script += fmt::format("complete -c moest -n '__fish_seen_subcommand_from {}' -l {} -d {}\n",
                              command->get_name(), name, fish_quoted(option->get_description()));
      }
    }
  }
  return script;
}

int run_completion(const CLI::App& program, const std::string& shell) {
  if (shell == "bash") {
    write_output("-", bash_script(program));
  } else if (shell == "zsh") {
    write_output("-", zsh_script(program));
  } else if (shell == "fish") {
    write_output("-", fish_script(program));
  } else {
    throw InputError(fmt::format("no completion for the shell `{}`", shell), "known: bash, zsh, fish",
                     "Name one of these.");
  }
  return kDone;
}

}  // namespace

Command make_completion_command(CLI::App& program) {
  CLI::App* parser = program.add_subcommand("completion", "print a completion script for a shell");
  const auto command = std::make_shared<CompletionCommand>();
  parser->add_option("shell", command->shell, "bash, zsh or fish")->type_name("SHELL")->required();
  add_threads_option(*parser, command->threads);
  parser->add_flag("--quiet", command->quiet, "as everywhere; there are no notes here")
      ->disable_flag_override();
  parser->footer("For bash: source <(moest completion bash)");
  return {parser, [&program, command] { return run_completion(program, command->shell); }};
}

}  // namespace moest::app
