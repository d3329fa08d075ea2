#include "moest/model/constraints.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>

#include "moest/base/error.h"
#include "moest/base/number.h"
#include "moest/model/catalogue.h"
#include "moest/model/chart.h"

namespace moest {
namespace {

constexpr const char* kExamples =
    "Write for example atoms[0].expert[1]=0, atoms[*].gate[2]=0 or atoms[0].expert[0]=atoms[1].expert[0].";

/// Reads one path from left to right.
class PathReader {
 public:
  PathReader(std::string_view text, std::string_view of) : text_(text), of_(of) {}

  ParameterPath read() {
    ParameterPath path;
    path.text = std::string(text_);
    path.of_group = take("groups");
    if (!path.of_group && !take("atoms")) {
      refuse("`atoms[` or `groups[`");
    }
    expect("[");
    if (!take("*")) {
      path.index = number();
    }
    expect("]");
    expect(".");
    path.part = part();
    while (take("[")) {
      path.numbers.push_back(number());
      expect("]");
    }
    if (at_ < text_.size()) {
      refuse("the end");
    }
    const bool has_number = !path.numbers.empty();
    if (has_number == (path.part == ParameterPath::Part::bias)) {
      refuse(has_number ? "no number: there is one bias" : "a number in brackets");
    }
    return path;
  }

 private:
  bool take(std::string_view word) {
    const bool is_there = text_.substr(at_).starts_with(word);
    at_ += is_there ? word.size() : 0;
    return is_there;
  }
  void expect(std::string_view word) {
    if (!take(word)) {
      refuse(fmt::format("`{}`", word));
    }
  }
  int number() {
    constexpr int kMostDigits = 6;
    int value = 0;
    const std::size_t begin = at_;
    for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0; ++at_) {
      value = 10 * value + (text_[at_] - '0');
      if (at_ - begin >= kMostDigits) {
        refuse("a smaller number");
      }
    }
    if (at_ == begin) {
      refuse("a number, counted from 0");
    }
    return value;
  }
  ParameterPath::Part part() {
    if (take("gate")) {
      return ParameterPath::Part::gate;
    }
    if (take("expert")) {
      return ParameterPath::Part::expert;
    }
    if (!take("bias")) {
      refuse("`gate`, `bias` or `expert`");
    }
    return ParameterPath::Part::bias;
  }
  [[noreturn]] void refuse(std::string_view wanted) const {
    throw InputError(fmt::format("`{}` cannot be used", of_),
                     fmt::format("at `{}`: {} should be there", text_.substr(at_), wanted), kExamples);
  }

  std::string_view text_, of_;
  std::size_t at_ = 0;
};

/// Coordinates that are equal, and the value that some of them have.
class Classes {
 public:
  explicit Classes(int num_coordinates) : parent_(static_cast<std::size_t>(num_coordinates)) {
    std::iota(parent_.begin(), parent_.end(), 0);
  }

  void fix(int coordinate, double value, const std::string& text) {
    const auto [place, is_new] = values_.emplace(root(coordinate), std::pair(value, text));
    if (!is_new && place->second.first != value) {
      contradict(place->second.second, text);
    }
  }
  void unite(int a, int b, const std::string& text) {
    const int low = std::min(root(a), root(b));
    const int high = std::max(root(a), root(b));
    if (low == high) {
      return;
    }
    parent_[static_cast<std::size_t>(high)] = low;
    if (const auto value = values_.extract(high)) {
      fix(low, value.mapped().first, text);
    }
  }
  int root(int coordinate) const {
    while (parent_[static_cast<std::size_t>(coordinate)] != coordinate) {
      coordinate = parent_[static_cast<std::size_t>(coordinate)];
    }
    return coordinate;
  }
  std::optional<double> value(int coordinate) const {
    const auto found = values_.find(root(coordinate));
    return found == values_.end() ? std::nullopt : std::optional(found->second.first);
  }

 private:
  [[noreturn]] static void contradict(const std::string& a, const std::string& b) {
    throw InputError(fmt::format("`{}` cannot be used", b), fmt::format("`{}` says otherwise", a),
                     "Leave one of them out.");
  }

  std::vector<int> parent_;
  std::map<int, std::pair<double, std::string>> values_;  // by root, with the equation that gave it
};

/// Where a number of a model file is in theta.
struct Place {
  int coordinate;
  double factor;       // of the number in the file
  int reference = -1;  // of a gate that is relative to another one: where that has the same number
  int softmax = -1;
};

[[noreturn]] void refuse(const Equation& equation, std::string_view why, std::string_view suggestion) {
  throw InputError(fmt::format("`{}` cannot be used", equation.text), why, suggestion);
}

/// Finds the numbers of one equation.
class Finder {
 public:
  Finder(const MixtureChart& chart, const Equation& equation) : chart_(chart), equation_(equation) {}

  std::vector<Place> find(const ParameterPath& path) const {
    const int k = chart_.num_experts();
    const int number = path.of_group ? chart_.num_gates() - k : k;
    const int first = path.of_group ? k : 0;
    if (path.of_group && number == 0) {
      refuse(equation_, "the gate has no groups", "Write atoms in place of groups.");
    }
    if (path.of_group && path.part == ParameterPath::Part::expert) {
      refuse(equation_, "a group has a gate only", "Write atoms in place of groups.");
    }
    std::vector<Place> places;
    for (int i = path.index.value_or(0); i < (path.index ? std::min(number, *path.index + 1) : number); ++i) {
      places.push_back(path.part == ParameterPath::Part::expert ? expert(path, i) : gate(path, first + i));
    }
    return places;
  }

 private:
  Place expert(const ParameterPath& path, int atom) const {
    const MixtureSpec& spec = chart_.spec();
    const bool by_target = spec.num_outputs > 1;
    if (path.numbers.size() != (by_target ? 2U : 1U)) {
      refuse(equation_,
             by_target ? "with several targets an expert is several lists" : "an expert is one list",
             by_target ? "Write expert[LIST][NUMBER]." : "Write expert[NUMBER].");
    }
    const std::vector<int> sizes = expert_places(spec).list_sizes();
    const int list = by_target ? path.numbers.front() : 0;
    check_number(list, static_cast<int>(sizes.size()), "lists");
    check_number(path.numbers.back(), sizes[static_cast<std::size_t>(list)], "numbers");
    return {std::accumulate(sizes.begin(), sizes.begin() + list, chart_.expert_offset(atom)) +
                path.numbers.back(),
            1};
  }

  Place gate(const ParameterPath& path, int gate) const {
    const bool is_bias = path.part == ParameterPath::Part::bias;
    const auto [place, factor] = is_bias ? bias() : slope(path);
    Place result{chart_.gate_offset(gate) + place, factor};
    if (is_bias ? chart_.biases_are_relative() : chart_.slopes_are_relative()) {
      const auto& softmaxes = chart_.softmaxes();
      const auto own = std::find_if(softmaxes.begin(), softmaxes.end(),
                                    [&](const auto& of) { return gate >= of.first && gate < of.last; });
      result.softmax = static_cast<int>(own - softmaxes.begin());
      result.reference = chart_.gate_offset(own->last - 1) + place;
    }
    if (learns_temperature(chart_.spec().gate) && equation_.value.value_or(0) != 0) {
      refuse(equation_, "the temperature is learned, and the scale of the gate with it",
             "Give --temperature a value, or fix the number at 0.");
    }
    return result;
  }

  std::pair<int, double> bias() const {
    Atom raw = blank();
    raw.bias = 1;
    return {chart_.num_gate_coordinates(), atom_in_chart(chart_.spec(), raw).bias};
  }

  /// A raw number and its coordinate, if they are proportional.
  std::pair<int, double> slope(const ParameterPath& path) const {
    if (path.numbers.size() != 1) {
      refuse(equation_, "a gate is one list", "Write gate[NUMBER].");
    }
    check_number(path.numbers.front(), num_gate_parameters(chart_.spec()), "numbers");
    if (chart_.regions().front().region.shape != Region::Shape::box) {
      refuse(equation_,
             fmt::format("the {} gate normalises its omega, of which a part cannot be held alone",
                         chart_.spec().gate.kind),
             "Leave the input out of the gate's inputs, or choose another gate.");
    }
    Atom raw = blank();
    raw.gate[static_cast<std::size_t>(path.numbers.front())] = 1;
    const std::vector<double> in_chart = atom_in_chart(chart_.spec(), raw).gate;
    const auto place = std::find_if(in_chart.begin(), in_chart.end(), [](double v) { return v != 0; });
    MOEST_EXPECT(place != in_chart.end());
    return {static_cast<int>(place - in_chart.begin()), *place};
  }

  Atom blank() const {
    return {0, std::vector<double>(static_cast<std::size_t>(num_gate_parameters(chart_.spec()))), {}};
  }
  void check_number(int number, int count, std::string_view what) const {
    if (number >= count) {
      refuse(equation_, fmt::format("there are {} {}, counted from 0", count, what), kExamples);
    }
  }

  const MixtureChart& chart_;
  const Equation& equation_;
};

void check_region(const MixtureChart& chart, const Equation& equation, const Place& place, double value) {
  const auto& regions = chart.regions();
  const auto own = std::find_if(regions.begin(), regions.end(), [&](const RegionBlock& block) {
    return place.coordinate < block.offset + block.size;
  });
  const double low = own->region.lower() / place.factor;
  const double high = own->region.size / place.factor;
  if (!(value >= low && value <= high)) {
    refuse(equation, fmt::format("the bounds are {:.6g} and {:.6g}", low, high),
           "Choose a value between them, or raise --bound.");
  }
}

}  // namespace

Equation parse_equation(std::string_view text) {
  const std::size_t sign = text.find('=');
  if (sign == std::string_view::npos) {
    throw InputError(fmt::format("`{}` cannot be used", text), "it has no `=`", kExamples);
  }
  Equation equation{std::string(text), PathReader(text.substr(0, sign), text).read(), {}, {}};
  const std::string_view right = text.substr(sign + 1);
  if (right.starts_with("atoms") || right.starts_with("groups")) {
    equation.right = PathReader(right, text).read();
    if (!equation.right->index) {
      refuse(equation, "`*` on the right names no single number", kExamples);
    }
    if (equation.right->part != equation.left.part) {
      refuse(equation, "the two numbers are of different kinds",
             "Tie gates to gates and experts to experts.");
    }
    return equation;
  }
  const ParsedNumber number = parse_number(right);
  if (number.status != NumberStatus::ok) {
    refuse(equation, fmt::format("`{}` is neither a finite number nor a path", right), kExamples);
  }
  equation.value = number.value;
  return equation;
}

std::vector<Equation> parse_equations(std::span<const std::string> texts) {
  std::vector<Equation> equations;
  equations.reserve(texts.size());
  for (const std::string& text : texts) {
    equations.push_back(parse_equation(text));
  }
  return equations;
}

void check_paths(const MixtureChart& chart, std::span<const Equation> equations) {
  const auto check_path = [&](const Equation& equation, const ParameterPath& path) {
    const int k = chart.num_experts();
    const int number = path.of_group ? chart.num_gates() - k : k;
    if (path.index && *path.index >= number) {
      refuse(equation,
             fmt::format("there are {} {}, counted from 0", number, path.of_group ? "groups" : "atoms"),
             kExamples);
    }
  };
  for (const Equation& equation : equations) {
    check_path(equation, equation.left);
    if (equation.right) {
      check_path(equation, *equation.right);
    }
  }
}

Constraints::Constraints(const MixtureChart& chart, std::span<const Equation> equations) {
  Classes classes(chart.num_coordinates());
  std::vector<int> references;
  const auto pin = [&](const Place& place, const std::string& text) {
    if (place.reference >= 0) {
      classes.fix(place.reference, 0, text);
      references.push_back(place.reference);
    }
  };
  for (const Equation& equation : equations) {
    const Finder finder(chart, equation);
    const std::vector<Place> right = equation.right ? finder.find(*equation.right) : std::vector<Place>{};
    if (equation.right && right.empty()) {
      continue;
    }
    for (const Place& place : finder.find(equation.left)) {
      pin(place, "the last gate is the reference, 0");
      if (equation.value) {
        check_region(chart, equation, place, *equation.value);
        classes.fix(place.coordinate, *equation.value * place.factor, equation.text);
        continue;
      }
      if (right.front().factor != place.factor) {
        refuse(equation, "the two numbers have different scales in the model", kExamples);
      }
      pin(right.front(), "the last gate is the reference, 0");
      classes.unite(place.coordinate, right.front().coordinate, equation.text);
    }
  }
  for (int j = 0; j < chart.num_coordinates(); ++j) {
    if (const std::optional<double> value = classes.value(j)) {
      fixed_.push_back({j, *value});
    } else if (classes.root(j) != j) {
      ties_.push_back({j, classes.root(j)});
    }
  }
  for (const std::vector<int>& places : chart.shift_gauges()) {
    if (std::find(references.begin(), references.end(), places.back()) != references.end()) {
      pinned_.push_back(places);
    }
  }
}

int Constraints::num_determined() const {
  return static_cast<int>(fixed_.size() + ties_.size() - pinned_.size());
}

void Constraints::impose(Eigen::VectorXd& theta) const {
  for (const std::vector<int>& places : pinned_) {
    const double shift = theta[places.back()];
    for (const int place : places) {
      theta[place] -= shift;
    }
  }
  for (const auto& [coordinate, value] : fixed_) {
    theta[coordinate] = value;
  }
  spread(theta);
}

void Constraints::fold(NormalEquations& equations) const {
  fold(equations.gradient);
  for (const auto& [coordinate, to] : ties_) {
    equations.diagonal[to] += equations.diagonal[coordinate];
    equations.diagonal[coordinate] = 0;
    equations.gram.row(to) += equations.gram.row(coordinate);
    equations.gram.row(coordinate).setZero();
    equations.gram.col(to) += equations.gram.col(coordinate);
    equations.gram.col(coordinate).setZero();
  }
}

void Constraints::fold(Eigen::VectorXd& gradient) const {
  for (const auto& [coordinate, to] : ties_) {
    gradient[to] += gradient[coordinate];
    gradient[coordinate] = 0;
  }
}

}  // namespace moest
