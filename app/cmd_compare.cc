// moest compare: which gate, which expert, and how many of them.
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include "app/command.h"
#include "app/data_options.h"
#include "app/progress.h"
#include "moest/base/file.h"
#include "moest/base/journal.h"
#include "moest/base/number.h"
#include "moest/model/catalogue.h"
#include "moest/model/model_json.h"
#include "moest/report/comparison_text.h"
#include "moest/report/gnuplot.h"
#include "moest/selection/comparison.h"

namespace moest::app {
namespace {

struct CompareCommand {
  CommonOptions common;
  DataOptions data;
  // Empty: those of the default grid.
  std::vector<std::string> gates;
  std::vector<std::string> expert_kinds;
  std::vector<int> num_experts;
  std::vector<double> ridges;
  GateSpec gate;
  ExpertSpec expert;
  ComparisonOptions options;
  std::string test_rows;
  std::string store;
  std::string output;
  std::string picture;
};

/// Whole numbers and ranges of them: "1..4,8,16".
std::vector<int> parse_numbers(const std::string& flag, const std::string& text) {
  constexpr int kMostExperts = 1'000'000;
  std::set<int> numbers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const std::size_t dots = part.find("..");
    int low = 0;
    read_number(flag, part.substr(0, dots), low);
    int high = low;
    if (dots != std::string::npos) {
      read_number(flag, part.substr(dots + 2), high);
    }
    if (low < 1 || high < low || high > kMostExperts) {
      throw InputError(fmt::format("{} {} cannot be used", flag, part), "a mixture has at least one expert",
                       fmt::format("For example {} 1..4,8.", flag));
    }
    for (int number = low; number <= high; ++number) {
      numbers.insert(number);
    }
    begin = end + 1;
  }
  return {numbers.begin(), numbers.end()};
}

std::vector<double> parse_ridges(const std::string& flag, const std::string& text) {
  std::vector<double> ridges;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    read_number(flag, text.substr(begin, end - begin), ridges.emplace_back());
    check_range("ridge", ridges.back(), 0, 1e9);
    begin = end + 1;
  }
  return ridges;
}

/// Data rows of the table, counted from 0, one per line.
std::vector<std::size_t> read_rows(const std::string& path) {
  std::istringstream lines(read_input(path));
  std::vector<std::size_t> rows;
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const ParsedNumber parsed = parse_number(line);
    const bool is_row = parsed.status == NumberStatus::ok && parsed.value >= 0 && parsed.value < 1e15 &&
                        parsed.value == std::floor(parsed.value);
    if (!is_row) {
      throw InputError(fmt::format("{}, line {}: `{}` is no row", path, number, line),
                       "there is one number per line, and data rows are counted from 0", "Correct the line.");
    }
    rows.push_back(static_cast<std::size_t>(parsed.value));
  }
  return rows;
}

/// The samples of those rows.
Indices samples_of_rows(const CompareCommand& command, const Dataset& data) {
  if (command.test_rows.empty()) {
    return {};
  }
  const std::vector<std::size_t> wanted = read_rows(command.test_rows);
  const std::set<std::size_t> rows(wanted.begin(), wanted.end());
  Indices samples;
  for (std::size_t i = 0; i < data.rows.size(); ++i) {
    if (rows.contains(data.rows[i])) {
      samples.push_back(static_cast<Eigen::Index>(i));
    }
  }
  if (samples.empty() || samples.size() == data.rows.size()) {
    throw InputError(fmt::format("{}: {} of {} rows of the table are test rows", command.test_rows,
                                 samples.size(), data.rows.size()),
                     "some rows are for learning and some for judging", "Check the file.");
  }
  if (!rows.empty() && *rows.rbegin() > data.rows.back() && samples.size() < rows.size()) {
    note(command.common,
         fmt::format("{} of {} test rows are in use; the others are beyond the table or left out",
                     samples.size(), rows.size()));
  }
  return samples;
}

/// Each option that was given must belong to one of the kinds at least.
template <class Owner>
void refuse_options_of_none(const CLI::App& parser, std::span<const Option<Owner>> options,
                            const std::vector<KindInfo>& kinds) {
  for (const Option<Owner>& option : options) {
    const bool belongs =
        std::any_of(kinds.begin(), kinds.end(), [&](const KindInfo& kind) { return kind.has(option.name); });
    if (!belongs && parser.get_option_no_throw(flag_of(option)) != nullptr &&
        parser.count(flag_of(option)) > 0) {
      throw InputError(fmt::format("{} belongs to none of the kinds that are compared", flag_of(option)),
                       "an option counts for the kinds that have it", "Leave it out or add such a kind.");
    }
  }
}

/// What is given, with each kind's own options.
template <class Owner>
Owner with_own_options(const KindInfo& info, std::span<const Option<Owner>> options, const Owner& given) {
  Owner own;
  own.kind = std::string(info.name);
  for (const Option<Owner>& option : options) {
    if (info.has(option.name)) {
      std::visit([&](auto member) { own.*member = given.*member; }, option.member);
    }
  }
  return own;
}

template <class Owner>
std::vector<std::string> kinds_of(const std::vector<Owner>& owners) {
  std::vector<std::string> kinds(owners.size());
  std::transform(owners.begin(), owners.end(), kinds.begin(), [](const Owner& owner) { return owner.kind; });
  return kinds;
}

Grid grid_of(const CLI::App& parser, const CompareCommand& command, Eigen::Index num_samples) {
  Grid grid = default_grid(num_samples);
  std::vector<KindInfo> gates;
  std::vector<KindInfo> experts;
  for (const std::string& kind : command.gates.empty() ? kinds_of(grid.gates) : command.gates) {
    gates.push_back(gate_info(kind));
  }
  for (const std::string& kind :
       command.expert_kinds.empty() ? kinds_of(grid.experts) : command.expert_kinds) {
    experts.push_back(expert_kind(kind).info);
  }
  refuse_options_of_none(parser, gate_options(), gates);
  refuse_options_of_none(parser, expert_options(), experts);
  grid.gates.clear();
  for (const KindInfo& info : gates) {
    grid.gates.push_back(with_own_options(info, gate_options(), command.gate));
  }
  grid.experts.clear();
  for (const KindInfo& info : experts) {
    grid.experts.push_back(with_own_options(info, expert_options(), command.expert));
    grid.experts.back().output_weight |= info.has("output_weight");
  }
  if (!command.num_experts.empty()) {
    grid.num_experts = command.num_experts;
  }
  if (!command.ridges.empty()) {
    grid.ridges = command.ridges;
  }
  return grid;
}

Comparison run_comparison(const CompareCommand& command, const Grid& grid, const Dataset& data) {
  const Indices test = samples_of_rows(command, data);
  std::optional<Journal> journal;
  if (!command.store.empty()) {
    journal.emplace(command.store);
  }
  const InterruptGuard guard;
  ProgressLine line;
  std::function<void(const ContestProgress&)> progress;
  if (!command.common.quiet) {
    progress = [&](const ContestProgress& state) {
      line.show(fmt::format("{} of {} fits", state.num_done, state.num_planned), state.seconds,
                state.share_done);
    };
  }
  return compare(grid, data, test, command.options, journal ? &*journal : nullptr, {guard.flag(), {}},
                 progress);
}

/// A word of a command line, quoted where a shell would not take it as it is.
std::string shell_word(const std::string& word) {
  const auto is_plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_-./,:=+@%").find(c) != std::string_view::npos;
  };
  const bool needs_none = !word.empty() && std::all_of(word.begin(), word.end(), is_plain);
  return needs_none ? word : in_shell_quotes(word);
}

/// The command that fits to the same columns, as far as that.
std::string beginning_of_fit(const DataOptions& data) {
  std::string text = "moest fit " + shell_word(data.data);
  const auto add = [&](const std::string& flag, const std::string& value) {
    text += value.empty() ? "" : fmt::format(" {} {}", flag, shell_word(value));
  };
  add("--target", fmt::format("{}", fmt::join(data.columns.targets, ",")));
  add("--inputs", fmt::format("{}", fmt::join(data.columns.inputs, ",")));
  add("--categorical", fmt::format("{}", fmt::join(data.columns.categorical, ",")));
  add("--weights-column", data.columns.weights);
  return text + (data.drop_missing ? " --drop-missing" : "");
}

int run_compare(const CLI::App& parser, const CompareCommand& command) {
  check_files(command.common, {command.data.data, command.test_rows}, command.output);
  check_files({}, {command.data.data, command.test_rows}, command.picture);
  check_files({}, {command.data.data, command.test_rows}, command.store);
  check_distinct({command.output, command.picture, command.store});
  if (!command.picture.empty()) {
    check_picture(command.picture);
  }
  check_options(command.options, comparison_options());
  check_options(command.gate, gate_options());
  check_options(command.expert, expert_options());
  static_cast<void>(grid_of(parser, command, 0));  // refuses what is wrong before the data are read
  const Dataset data = read_data(command.data);
  const Grid grid = grid_of(parser, command, data.target.rows());
  for (const std::string& text : data.notes) {
    note(command.common, text);
  }
  const Comparison comparison = run_comparison(command, grid, data);
  const bool is_whole = comparison.status == FitStatus::converged;
  if (is_whole && !command.output.empty()) {
    write_ensemble(command.output, comparison.model);
  }
  if (!command.picture.empty()) {
    plot_comparison(comparison, command.picture);
  }
  if (command.common.json) {
    nlohmann::ordered_json json{{"command", "compare"}};
    json.update(to_json(comparison));
    print_json(json);
  } else {
    const std::string source = source_name(command.data.data);
    write_output("-", comparison_report(comparison, source, beginning_of_fit(command.data)));
  }
  if (!is_whole) {
    note(command.common, command.store.empty()
                             ? "interrupted; with --store FILE the same command goes on where it stopped"
                             : "interrupted; the same command goes on where it stopped");
  }
  return is_whole ? kDone : kNotConverged;
}

}  // namespace

Command make_compare_command(CLI::App& program) {
  CLI::App* parser =
      program.add_subcommand("compare", "find the gate, the expert and their number that predict best");
  const auto command = std::make_shared<CompareCommand>();
  add_data_options(*parser, command->data, "column to predict");
  const Grid defaults = default_grid(0);
  const std::string group = "Models";
  const auto names = [&](const std::string& flag, std::vector<std::string>& list, const std::string& help,
                         const std::vector<std::string>& kinds) {
    add_names(*parser, flag, list, help + fmt::format(" (default {})", fmt::join(kinds, ",")))
        ->type_name("KIND,...")
        ->group(group);
  };
  names("--gates", command->gates, "gates: " + listed(gate_names()), kinds_of(defaults.gates));
  names("--expert-kinds", command->expert_kinds,
        "experts: " + listed(expert_names()) + "; neurons have an output weight", kinds_of(defaults.experts));
  parser
      ->add_option_function<std::string>(
          "--experts",
          [command](const std::string& text) { command->num_experts = parse_numbers("--experts", text); },
          fmt::format("numbers of experts (default {}, of 5000 rows or more up to 32)",
                      fmt::join(defaults.num_experts, ",")))
      ->type_name("K..K,K,...")
      ->group(group);
  parser
      ->add_option_function<std::string>(
          "--ridge", [command](const std::string& text) { command->ridges = parse_ridges("--ridge", text); },
          fmt::format("penalties that are tried (default {}, of 5000 rows or more 0 and 0.03, of 20,000 or "
                      "more 0.003)",
                      fmt::join(defaults.ridges, ",")))
      ->type_name("X,...")
      ->group(group);
  add_options<GateSpec>(*parser, gate_options(), command->gate, group);
  add_options<ExpertSpec>(*parser, expert_options(), command->expert, group);
  const std::string judging = "Comparison";
  add_options<ComparisonOptions>(*parser, comparison_options(), command->options, judging);
  parser
      ->add_option("--test-rows", command->test_rows,
                   "file of data rows, counted from 0, one per line: they serve for the final errors only")
      ->type_name("FILE")
      ->group(judging);
  parser
      ->add_option("--store", command->store,
                   "file that keeps every result as it comes: the same command goes on where it stopped")
      ->type_name("FILE")
      ->group(judging);
  parser
      ->add_option("--output", command->output, "where the best model, fitted to all rows for learning, goes")
      ->type_name("MODEL");
  parser->add_option("--picture", command->picture, "error against the number of experts: .svg, .pdf or .png")
      ->type_name("PICTURE");
  add_common_options(*parser, command->common);
  return {parser,
          [parser, command] { return run_compare(*parser, *command); },
          {{"--gates", gate_names()}, {"--expert-kinds", expert_names()}}};
}

}  // namespace moest::app
