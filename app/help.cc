#include "app/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "moest/report/text_table.h"

namespace moest::app {
namespace {

constexpr std::size_t kDescriptionColumn = 28;

std::string with_value(const CLI::Option& option) {
  const bool takes_value = !option.get_positional() && option.get_type_size() != 0;
  return display_name(option) + (takes_value ? " " + option.get_type_name() : "");
}

std::string entry(const std::string& name, const std::string& description) {
  std::string line = "  " + name;
  if (line.size() + 2 > kDescriptionColumn) {
    line += "\n" + std::string(kDescriptionColumn, ' ');
  } else {
    line.resize(kDescriptionColumn, ' ');
  }
  return line + wrapped(description, kDescriptionColumn) + "\n";
}

std::string usage(const CLI::App& app, const std::string& name) {
  std::string text = "Usage: " + name;
  std::string required;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      text += " " + with_value(*option);
    } else if (option->get_required()) {
      required += " " + with_value(*option);
    }
  }
  const bool has_commands = app.get_require_subcommand_min() > 0;
  return text + required + (has_commands ? " COMMAND" : "") + " [options]\n";
}

std::string group_text(const CLI::App& app, const std::string& group) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional() && option->get_group() == group) {
      text += entry(with_value(*option), option->get_description());
    }
  }
  return text.empty() ? text : fmt::format("\n{}:\n{}", group, text);
}

}  // namespace

std::string display_name(const CLI::Option& option) {
  return option.get_positional() ? option.get_type_name() : "--" + option.get_lnames().front();
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode) const {
  std::string text = fmt::format("{}\n\n{}", app->get_description(), usage(*app, name));
  std::string arguments;
  for (const CLI::Option* option : app->get_options()) {
    if (option->get_positional()) {
      arguments += entry(display_name(*option), option->get_description());
    }
  }
  text += arguments.empty() ? arguments : "\n" + arguments;
  const auto commands = app->get_subcommands([](const CLI::App*) { return true; });
  if (!commands.empty()) {
    text += "\nCommands:\n";
    for (const CLI::App* command : commands) {
      text += entry(command->get_name(), command->get_description());
    }
  }
  std::vector<std::string> groups = app->get_groups();
  std::stable_partition(groups.begin(), groups.end(),
                        [](const std::string& group) { return group != "Options"; });
  for (const std::string& group : groups) {
    text += group_text(*app, group);
  }
  return fmt::format("{}\n{}\n", text, app->get_footer());
}

}  // namespace moest::app
