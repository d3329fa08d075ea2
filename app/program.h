// What a program does with its command line: declares the commands, runs the one that was called, turns
// errors into exit statuses.
#pragma once

#include <string>
#include <vector>

#include "app/command.h"

namespace moest::app {

/// A program of the project and what its help and messages say of it.
struct Program {
  std::string name;
  std::string description;
  std::string version;  // the answer to --version
  std::string version_help;
  std::string exit_statuses;  // the last line of every help text
  std::string memory_advice;  // what to do when memory runs out
  std::vector<Command (*)(CLI::App&)> commands;
};

/// Runs the command that the arguments name, or `completion`, which every program has. Returns the exit
/// status; throws nothing.
int run_program(const Program& program, int argc, char** argv);

}  // namespace moest::app
