#include "app/command.h"

#include <cstdio>

#include "moest/base/file.h"
#include "moest/model/model_json.h"

namespace moest::app {

void add_common_options(CLI::App& parser, CommonOptions& options) {
  parser.add_flag("--json", options.json, "print one JSON document instead of text");
  parser.add_flag("--quiet", options.quiet, "no progress and no notes on standard error");
}

void add_threads_option(CLI::App& parser, int& threads) {
  parser.add_option("--threads", threads, "number of threads, 0 for all cores (default 0)")
      ->type_name("N")
      ->check(CLI::Range(0, 4096));
}

void note(const CommonOptions& options, const std::string& text) {
  if (!options.quiet) {
    fmt::print(stderr, "note: {}\n", text);
  }
}

void print_json(const nlohmann::ordered_json& json) { write_output("-", readable_text(json)); }

std::string source_name(const std::string& path) { return path == "-" ? "standard input" : path; }

}  // namespace moest::app
