// The help texts, laid out.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace moest::app {

/// How messages and help call an option: `--target`, or `DATA` for an argument without a name.
std::string display_name(const CLI::Option& option);

/// Lays out the help of the program and of its commands: usage with everything that is required, one
/// paragraph per group of options (the group "Options" last), no line wider than 100 where words allow it.
class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

}  // namespace moest::app
