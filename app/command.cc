#include "app/command.h"

#include <charconv>
#include <cstdio>
#include <filesystem>

#include "moest/base/file.h"
#include "moest/base/json_text.h"
#include "moest/base/number.h"
#include "moest/model/model_json.h"

namespace moest::app {
namespace {

template <class Whole>
void read_whole(const std::string& flag, const std::string& text, Whole& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    throw InputError(fmt::format("{} {} is out of range", flag, text),
                     fmt::format("the largest is {}", std::numeric_limits<Whole>::max()),
                     "Give a smaller number.");
  }
  if (error != std::errc() || end != text.data() + text.size()) {
    throw InputError(fmt::format("{} `{}` cannot be read", flag, text),
                     std::is_signed_v<Whole> ? "it must be a whole number" : "it must be a whole number >= 0",
                     fmt::format("For example {} 7.", flag));
  }
}

}  // namespace

Table read_table_for(const Model& model, const std::string& path) {
  ReadOptions read;
  for (const auto& [column, levels] : model.categories) {
    read.categorical.push_back(column);
  }
  return read_table(path, read);
}

std::vector<std::string> flags_of(const CLI::App& parser) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : parser.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      flags.push_back("--" + name);
    }
  }
  for (const CLI::App* part : parser.get_subcommands([](const CLI::App*) { return true; })) {
    for (const std::string& flag : flags_of(*part)) {
      if (std::ranges::find(flags, flag) == flags.end()) {
        flags.push_back(flag);
      }
    }
  }
  return flags;
}

void add_common_options(CLI::App& parser, CommonOptions& options) {
  parser.add_flag("--json", options.json, "print one JSON document instead of text")->disable_flag_override();
  parser.add_flag("--quiet", options.quiet, "no progress and no notes on standard error")
      ->disable_flag_override();
}

void add_threads_option(CLI::App& parser, int& threads) {
  const std::string flag = "--threads";
  const auto read = [flag, &threads](const std::string& text) {
    read_number(flag, text, threads);
    check_range("threads", threads, 0, 4096);
  };
  parser.add_option_function<std::string>(flag, read, "number of threads, 0 for all cores (default 0)")
      ->type_name("N");
}

void note(const CommonOptions& options, const std::string& text) {
  if (!options.quiet) {
    fmt::print(stderr, "note: {}\n", text);
  }
}

void print_json(const nlohmann::ordered_json& json) { write_output("-", readable_text(json)); }

std::string source_name(const std::string& path) { return path == "-" ? "standard input" : path; }

void check_distinct(const std::vector<std::string>& outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      std::error_code ignored;
      const bool is_same =
          outputs[i] == outputs[j] || std::filesystem::equivalent(outputs[i], outputs[j], ignored);
      if (!outputs[i].empty() && is_same) {
        throw InputError(fmt::format("cannot write {} twice", outputs[i]), "it would lose what was there",
                         "Give each of the outputs a file of its own.");
      }
    }
  }
}

void check_files(const CommonOptions& options, const std::vector<std::string>& inputs,
                 const std::string& output) {
  if (std::count(inputs.begin(), inputs.end(), "-") > 1) {
    throw InputError("standard input is given twice", "it can be read only once",
                     "Put one of them into a file.");
  }
  if (options.json && output == "-") {
    throw InputError("--json and --output - exclude each other", "both write to standard output",
                     "Leave one of them out, or name a file.");
  }
  for (const std::string& input : inputs) {
    std::error_code ignored;
    if (!output.empty() && std::filesystem::equivalent(input, output, ignored) &&
        std::filesystem::is_regular_file(output, ignored)) {
      throw InputError(fmt::format("cannot write {}", output),
                       fmt::format("the command reads it as {}", input), "Write to another file.");
    }
  }
  check_output(output);
}

void read_number(const std::string& flag, const std::string& text, int& value) {
  read_whole(flag, text, value);
}

void read_number(const std::string& flag, const std::string& text, std::uint64_t& value) {
  read_whole(flag, text, value);
}

void read_number(const std::string& flag, const std::string& text, double& value) {
  const ParsedNumber parsed = parse_number(text);
  if (parsed.status != NumberStatus::ok) {
    throw InputError(fmt::format("{} `{}` cannot be read", flag, text), "it must be a finite number",
                     fmt::format("For example {} 0.5.", flag));
  }
  value = parsed.value;
}

void read_number(const std::string& flag, const std::string& text, Learnable& value) {
  value.learned = text == "learned";
  if (*value.learned) {
    return;
  }
  const ParsedNumber parsed = parse_number(text);
  if (parsed.status != NumberStatus::ok) {
    throw InputError(fmt::format("{} `{}` cannot be read", flag, text),
                     "it must be a finite number or the word `learned`",
                     fmt::format("For example {} 0.5.", flag));
  }
  value.value = parsed.value;
}

void read_number(const std::string& flag, const std::string& text, Partition& value) {
  std::vector<int> numbers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const auto [stop, error] =
        std::from_chars(text.data() + begin, text.data() + end, numbers.emplace_back());
    if (error != std::errc() || stop != text.data() + end) {
      throw InputError(fmt::format("{} `{}` cannot be read", flag, text),
                       "it must be a whole number, or sizes separated by single commas",
                       fmt::format("For example {0} 2 or {0} 3,2.", flag));
    }
    begin = end + 1;
  }
  value = numbers.size() == 1 ? Partition{numbers.front(), {}} : Partition{0, numbers};
}

CLI::Option* add_names(CLI::App& parser, const std::string& flag, std::vector<std::string>& names,
                       const std::string& help) {
  const auto read = [flag, &names](const std::string& text) {
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      names.push_back(text.substr(begin, end - begin));
      if (names.back().empty()) {
        throw InputError(fmt::format("{} `{}` has an empty name", flag, text),
                         "names are separated by single commas", fmt::format("For example {} a,b.", flag));
      }
      begin = end + 1;
    }
  };
  return parser.add_option_function<std::string>(flag, read, help)->type_name("COLUMN,...");
}

}  // namespace moest::app
