#include "tests/model/mixture_harness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <stdexcept>
#include <variant>

#include "moest/base/error.h"
#include "moest/base/option_json.h"
#include "moest/kernel/output_passes.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"
#include "moest/model/mixture_value.h"
#include "moest/model/predict.h"
#include "tests/model/automatic_derivatives.h"

namespace moest {
namespace {

constexpr double kHarnessBound = 8;

using Numbers = std::span<const Real>;
using RealMatrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic>;
using RealVector = Eigen::Matrix<Real, Eigen::Dynamic, 1>;

Numbers numbers_of(const RealVector& vector) {
  return {vector.data(), static_cast<std::size_t>(vector.size())};
}

Real dot(Numbers a, Numbers b) { return std::inner_product(a.begin(), a.end(), b.begin(), Real{0}); }
Real length(Numbers a) { return std::sqrt(dot(a, a)); }

Real squared_distance(Numbers a, Numbers b) {
  Real sum = 0;
  for (std::size_t j = 0; j < b.size(); ++j) {
    sum += (a[j] - b[j]) * (a[j] - b[j]);
  }
  return sum;
}

// x' A x, of which `numbers` begin with the upper triangle of A.
Real quadratic_form(Numbers numbers, Numbers x) {
  Real sum = 0;
  std::size_t next = 0;
  for (std::size_t u = 0; u < x.size(); ++u) {
    sum += numbers[next++] * x[u] * x[u];
    for (std::size_t v = u + 1; v < x.size(); ++v) {
      sum += 2 * numbers[next++] * x[u] * x[v];
    }
  }
  return sum;
}

Real neuron(const ExpertSpec& spec, Numbers eta, Numbers x, const std::function<Real(Real)>& phi) {
  auto rest = eta.subspan(x.size());
  const auto take = [&](bool has, Real otherwise) {
    if (!has) {
      return otherwise;
    }
    const Real first = rest.front();
    rest = rest.subspan(1);
    return first;
  };
  const Real b = take(spec.bias, 0);
  const Real c = take(spec.output_weight, 1);
  const Real c_0 = take(spec.output_offset, 0);
  return c * phi(dot(eta.first(x.size()), x) + b) + c_0;
}

// The formulas of theory.md, a line per kind: the score of a gate, and the value of an expert. The weights
// are the softmax of the scores or, if they do not sum to one, their exponentials. Long double squares 1e300
// without overflow.
bool weights_sum_to_one(const MixtureSpec& spec) { return spec.gate.kind != "sigmoid"; }

using Score = std::function<Real(const GateSpec&, const RealAtom&, Numbers x)>;
const std::map<std::string, Score>& scores() {
  static const std::map<std::string, Score> formulas{
      {"softmax",
       [](const GateSpec&, const RealAtom& atom, Numbers x) { return atom.bias + dot(atom.gate, x); }},
      {"perturbed_cosine",
       [](const GateSpec& spec, const RealAtom& atom, Numbers x) {
         return dot(atom.gate, x) / ((length(atom.gate) + spec.tau1) * (length(x) + spec.tau2)) /
                    spec.temperature.value +
                atom.bias;
       }},
      {"dense_to_sparse",
       [](const GateSpec& spec, const RealAtom& atom, Numbers x) {
         const Real t = dot(atom.gate, x);
         const Real r = spec.router == "tanh"      ? std::tanh(t)
                        : spec.router == "sigmoid" ? (1 + std::tanh(t / 2)) / 2
                        : spec.router == "gelu"    ? t * std::erfc(-t / std::sqrt(Real{2})) / 2
                                                   : t;
         return (r + atom.bias) / spec.temperature.value;
       }},
      {"hierarchical",  // at each level
       [](const GateSpec&, const RealAtom& atom, Numbers x) { return atom.bias + dot(atom.gate, x); }},
      {"normalized_sigmoid",
       [](const GateSpec&, const RealAtom& atom, Numbers x) {
         const Real t = atom.bias + dot(atom.gate, x);
         return t > 0 ? -std::log1p(std::exp(-t)) : t - std::log1p(std::exp(t));
       }},
      {"sigmoid",
       [](const GateSpec&, const RealAtom& atom, Numbers x) {
         const Real t = atom.bias + dot(atom.gate, x);
         return t > 0 ? -std::log1p(std::exp(-t)) : t - std::log1p(std::exp(t));
       }},
      {"cosine",
       [](const GateSpec& spec, const RealAtom& atom, Numbers x) {
         return dot(atom.gate, x) / length(atom.gate) / length(x) / spec.temperature.value + atom.bias;
       }},
      {"laplace", [](const GateSpec&, const RealAtom& atom,
                     Numbers x) { return atom.bias - std::sqrt(squared_distance(atom.gate, x)); }},
      {"quadratic",
       [](const GateSpec&, const RealAtom& atom, Numbers x) {
         return quadratic_form(atom.gate, x) + dot(Numbers(atom.gate).last(x.size()), x) + atom.bias;
       }},
      {"monomial", [](const GateSpec&, const RealAtom& atom,
                      Numbers x) { return quadratic_form(atom.gate, x) + atom.bias; }},
  };
  return formulas;
}

using ExpertFormula = std::function<Real(const ExpertSpec&, Numbers eta, Numbers x)>;
const std::map<std::string, ExpertFormula>& expert_formulas() {
  static const std::map<std::string, ExpertFormula> formulas{
      {"constant", [](const ExpertSpec&, Numbers eta, Numbers) { return eta[0]; }},
      {"linear", [](const ExpertSpec& spec, Numbers eta,
                    Numbers x) { return neuron(spec, eta, x, [](Real t) { return t; }); }},
      {"sigmoid",
       [](const ExpertSpec& spec, Numbers eta, Numbers x) {
         return neuron(spec, eta, x, [](Real t) { return (1 + std::tanh(t / 2)) / 2; });
       }},
      {"polynomial",
       [](const ExpertSpec& spec, Numbers eta, Numbers x) {
         return neuron(spec, eta, x, [&](Real t) { return std::pow(t, spec.degree); });
       }},
      {"tanh", [](const ExpertSpec& spec, Numbers eta,
                  Numbers x) { return neuron(spec, eta, x, [](Real t) { return std::tanh(t); }); }},
      {"gelu",
       [](const ExpertSpec& spec, Numbers eta, Numbers x) {
         return neuron(spec, eta, x, [](Real t) { return t * std::erfc(-t / std::sqrt(Real{2})) / 2; });
       }},
      {"silu",
       [](const ExpertSpec& spec, Numbers eta, Numbers x) {
         return neuron(spec, eta, x, [](Real t) { return t * (1 + std::tanh(t / 2)) / 2; });
       }},
      {"softplus",
       [](const ExpertSpec& spec, Numbers eta, Numbers x) {
         return neuron(spec, eta, x,
                       [](Real t) { return t > 0 ? t + std::log1p(std::exp(-t)) : std::log1p(std::exp(t)); });
       }},
      {"relu", [](const ExpertSpec& spec, Numbers eta,
                  Numbers x) { return neuron(spec, eta, x, [](Real t) { return t > 0 ? t : Real{0}; }); }},
      {"ffn",
       [](const ExpertSpec& spec, Numbers eta, Numbers x) {
         ExpertSpec one;
         one.kind = spec.activation;
         one.output_weight = true;
         Real sum = eta.back();
         const std::size_t size = x.size() + 2;
         for (int m = 0; m < spec.hidden; ++m) {
           const Numbers own = eta.subspan(static_cast<std::size_t>(m) * size, size);
           sum += expert_formulas().at(spec.activation)(one, own, x);
         }
         return sum;
       }},
  };
  return formulas;
}

// The numbers of one output in the order of a model that has no other.
std::vector<Real> eta_of_output(const MixtureSpec& spec, Numbers eta, int output) {
  const auto num_outputs = static_cast<std::size_t>(spec.num_outputs);
  const auto at = static_cast<std::size_t>(output);
  if (num_outputs == 1 || spec.expert.kind != "ffn") {
    const Numbers own = eta.subspan(at * (eta.size() / num_outputs), eta.size() / num_outputs);
    return {own.begin(), own.end()};
  }
  const auto hidden = static_cast<std::size_t>(spec.expert.hidden);
  const auto inner = static_cast<std::size_t>(spec.num_inputs) + 1;
  const Numbers own = eta.subspan(hidden * inner + at * (hidden + 1), hidden + 1);
  std::vector<Real> result;
  for (std::size_t m = 0; m < hidden; ++m) {
    const Numbers shared = eta.subspan(m * inner, inner);
    result.insert(result.end(), shared.begin(), shared.end());
    result.push_back(own[m]);
  }
  result.push_back(own[hidden]);
  return result;
}

template <class Formula>
const Formula& formula_of(const std::map<std::string, Formula>& formulas, const std::string& kind) {
  const auto found = formulas.find(kind);
  if (found == formulas.end()) {
    throw std::logic_error(
        fmt::format("`{}` has no formula: add its line to tests/model/mixture_harness.cc", kind));
  }
  return found->second;
}

// Each option of `info` at its default or, together with the other numbers, at another value; all switches;
// of each option that takes whole numbers all if they are few, else the first.
template <class Owner>
std::vector<Owner> option_variants(const KindInfo& info, std::span<const Option<Owner>> options,
                                   const Owner& base, bool can_learn) {
  std::vector<Owner> result{base};
  Owner numbers = base;
  bool has_numbers = false;
  Real value = 0.23L;
  constexpr int kMostWholeNumbers = 6;
  constexpr int kFirstOfMany = 3;
  std::vector<Owner> further;
  for (const Option<Owner>& option : options) {
    if (std::find(info.options.begin(), info.options.end(), option.name) == info.options.end()) {
      continue;
    }
    std::visit(
        [&](auto member) {
          if constexpr (std::is_same_v<std::remove_reference_t<decltype(base.*member)>, const bool>) {
            const std::size_t count = result.size();
            for (std::size_t i = 0; i < count; ++i) {
              Owner other = result[i];
              other.*member = !(base.*member);
              result.push_back(other);
            }
          } else if constexpr (std::is_same_v<std::remove_reference_t<decltype(base.*member)>,
                                              const double>) {
            value *= 1.9L;
            numbers.*member = std::clamp(static_cast<double>(value), option.low, option.high);
            has_numbers = true;
          } else if constexpr (std::is_same_v<std::remove_reference_t<decltype(base.*member)>,
                                              const Learnable>) {
            value *= 1.9L;
            numbers.*member = {std::clamp(static_cast<double>(value), option.low, option.high), false};
            has_numbers = true;
            if (can_learn) {
              further.emplace_back(base).*member = {1.0, true};
            }
          } else if constexpr (std::is_same_v<std::remove_reference_t<decltype(base.*member)>,
                                              const Partition>) {
            const std::initializer_list<Partition> partitions{{1, {}},     {2, {}},     {5, {}},
                                                              {0, {1, 1}}, {0, {1, 4}}, {0, {2, 1, 2}}};
            for (const Partition& partition : partitions) {
              further.emplace_back(base).*member = partition;
            }
          } else if constexpr (std::is_same_v<std::remove_reference_t<decltype(base.*member)>,
                                              const std::string>) {
            for (const std::string_view choice : option.choices) {
              if (base.*member != choice) {
                further.emplace_back(base).*member = choice;
              }
            }
          } else if constexpr (std::is_same_v<std::remove_reference_t<decltype(base.*member)>, const int>) {
            const auto low = static_cast<int>(option.low);
            const auto high = static_cast<int>(option.high);
            const int last = high < low + kMostWholeNumbers ? high : low + kFirstOfMany - 1;
            for (int whole = low; whole <= last; ++whole) {
              if (base.*member != whole) {
                further.emplace_back(base).*member = whole;
              }
            }
          }
        },
        option.member);
  }
  if (has_numbers) {
    result.push_back(numbers);
  }
  result.insert(result.end(), further.begin(), further.end());
  return result;
}

std::vector<Real> widened_row(const Eigen::MatrixXd& inputs, Eigen::Index row) {
  std::vector<Real> x;
  for (Eigen::Index j = 0; j < inputs.cols(); ++j) {
    x.push_back(inputs(row, j));
  }
  return x;
}

RealMeasure measure_at(const MixtureChart& chart, const RealVector& theta) {
  return measure_at(chart, numbers_of(theta));
}

Real value_at(const MixtureChart& chart, const RealVector& theta, Numbers z, Numbers x, int output) {
  return mixture_value_in_chart<Real>(chart.spec(), measure_at(chart, theta), z, x,
                                      factor_at(chart, numbers_of(theta)), output);
}

// Of the fourth order, with the step h.
Real central_difference(Real& argument, Real h, const std::function<Real()>& value) {
  const Real centre = argument;
  const auto at = [&](Real shift) {
    argument = centre + shift;
    return value();
  };
  const Real slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
  argument = centre;
  return slope;
}

RealVector row_of_differences(const MixtureChart& chart, RealVector theta, Numbers x, int output,
                              Real largest_feature) {
  RealVector row(theta.size());
  const std::vector<Real> z = gate_features<Real>(chart.spec(), x);
  for (Eigen::Index p = 0; p < theta.size(); ++p) {
    row[p] = central_difference(theta[p], 2e-4L / largest_feature,
                                [&] { return value_at(chart, theta, z, x, output); });
  }
  return row;
}

RealVector row_of_jacobian(const MixtureChart& chart, const RealVector& theta, Numbers x, int output) {
  const std::vector<Real> row =
      automatic_gradient(chart, numbers_of(theta), gate_features<Real>(chart.spec(), x), x, output);
  return Eigen::Map<const RealVector>(row.data(), static_cast<Eigen::Index>(row.size()));
}

// What the normal equations of some samples should be, and how far off they may be.
class ExpectedSums {
 public:
  explicit ExpectedSums(Eigen::Index size)
      : gradient_(RealVector::Zero(size)),
        gram_(RealMatrix::Zero(size, size)),
        gradient_tolerance_(RealVector::Zero(size)),
        gram_tolerance_(RealMatrix::Zero(size, size)) {}

  // Samples that share one row of J and differ in e.
  void add(const std::vector<Real>& errors, const RealVector& row, const Magnitudes& magnitudes) {
    const Real value = magnitudes.value_tolerance();
    const RealVector off = RealVector::Constant(row.size(), magnitudes.derivative_tolerance());
    const RealVector size = row.cwiseAbs() + off;
    const auto num_samples = static_cast<Real>(errors.size());
    Real sum = 0;
    Real sum_of_sizes = 0;
    for (const Real e : errors) {
      const Real largest = std::abs(e) + value;
      sum += e;
      sum_of_sizes += largest;
      rss_ += e * e;
      rss_tolerance_ += 2 * largest * value;
      rss_size_ += largest * largest;
    }
    count_ += num_samples;
    gradient_ += sum * row;
    gradient_tolerance_ += sum_of_sizes * off + num_samples * value * size;
    gradient_size_ += sum_of_sizes * size.maxCoeff();
    gram_ += num_samples * row * row.transpose();
    gram_tolerance_ += num_samples * (size * off.transpose() + off * size.transpose());
    gram_size_ += num_samples * size.maxCoeff() * size.maxCoeff();
  }

  // `places[p]`: which coordinate of the sums is coordinate p of `given`.
  void compare(const NormalEquations& given, const std::vector<Eigen::Index>& places,
               const std::string& where, Worst& worst) const {
    // A sum of n terms in eight chains and blocks: below n / 4 + 16 roundings of the partial sums.
    const Real rounding = std::numeric_limits<double>::epsilon() * (count_ / 4 + 16);
    worst.see(given.objective - rss_, rss_tolerance_ + rounding * rss_size_, where + " rss");
    const auto size = static_cast<Eigen::Index>(places.size());
    if (given.gradient.size() != size || given.gram.rows() != size || given.gram.cols() != size) {
      worst.see(std::numeric_limits<Real>::infinity(), 1, where + " shape");
      return;
    }
    for (Eigen::Index p = 0; p < size; ++p) {
      const Eigen::Index i = places[static_cast<std::size_t>(p)];
      worst.see(given.gradient[p] - gradient_[i], gradient_tolerance_[i] + rounding * gradient_size_,
                fmt::format("{} gradient[{}]", where, p));
      for (Eigen::Index q = 0; q < size; ++q) {
        const Eigen::Index j = places[static_cast<std::size_t>(q)];
        const Real difference = given.gram(p, q) - gram_(i, j);
        const Real tolerance = gram_tolerance_(i, j) + rounding * gram_size_;
        if (worst.is_worse(difference, tolerance)) {  // most entries are not, and need no name
          worst.see(difference, tolerance, fmt::format("{} gram({}, {})", where, p, q));
        }
      }
    }
  }

 private:
  Real count_ = 0, rss_ = 0, rss_tolerance_ = 0, rss_size_ = 0, gradient_size_ = 0, gram_size_ = 0;
  RealVector gradient_;
  RealMatrix gram_;
  RealVector gradient_tolerance_;
  RealMatrix gram_tolerance_;
};

std::span<const double> as_span(const Eigen::VectorXd& vector) {
  return {vector.data(), static_cast<std::size_t>(vector.size())};
}

// Whether x is so close to the centre of a gate that a difference of f might reach over its kink.
bool is_near_centre(const MixtureSpec& spec, const std::vector<RealAtom>& atoms, Numbers x) {
  const std::vector<Real> z = gate_features<Real>(spec, x);
  return gate_link(spec.gate) == Link::negative_distance &&
         std::any_of(atoms.begin(), atoms.end(), [&](const RealAtom& atom) {
           return squared_distance(atom.gate, Numbers(z).first(x.size())) < 0.01L;
         });
}

// Whether a difference of f might reach over the kink of an expert.
bool is_near_kink(const MixtureSpec& spec, const std::vector<RealAtom>& atoms, Numbers x) {
  const ExpertForm form = expert_form(spec.expert);
  if (form.shape.link != Link::relu) {
    return false;
  }
  return std::any_of(atoms.begin(), atoms.end(), [&](const RealAtom& atom) {
    bool is_near = false;
    for (int m = 0; m < form.num_neurons; ++m) {
      const std::size_t size = x.size() + (form.bias ? 1 : 0) + (form.weight ? 1 : 0);
      for (int output = 0; output < spec.num_outputs; ++output) {
        const std::vector<Real> eta = eta_of_output(spec, atom.expert, output);
        const Numbers own = Numbers(eta).subspan(static_cast<std::size_t>(m) * size);
        is_near |= std::abs(dot(own.first(x.size()), x) + (form.bias ? own[x.size()] : 0)) < 1e-3L;
      }
    }
    return is_near;
  });
}

// How many scores are larger, or equal and earlier.
int place_in_order(const std::vector<Real>& scores, std::size_t i) {
  int before = 0;
  for (std::size_t j = 0; j < scores.size(); ++j) {
    before += scores[j] > scores[i] || (scores[j] == scores[i] && j < i) ? 1 : 0;
  }
  return before;
}

// How far the smallest score that counts is above the largest that does not.
Real gap_at_top_k(const ReferenceValues& values) {
  Real low = std::numeric_limits<Real>::infinity();
  Real high = -low;
  for (std::size_t i = 0; i < values.scores.size(); ++i) {
    if (values.kept[i]) {
      low = std::min(low, values.scores[i]);
    } else {
      high = std::max(high, values.scores[i]);
    }
  }
  return low - high;
}

std::vector<double> means(const HarnessPoint& point, const Eigen::VectorXd& theta) {
  const SampleBlocks samples = point.chart.blocks(point.inputs);
  OutputPasses passes(point.chart.layouts(), samples);
  const Eigen::VectorXd v = point.chart.kernel_parameters(theta);
  std::vector<double> result;
  for (int output = 0; output < passes.num_outputs(); ++output) {
    for (int block = 0; block < samples.num_blocks(); ++block) {
      const double* mean = passes.evaluate(as_span(v), block, output).mean;
      result.insert(result.end(), mean, mean + samples.block_samples(block));
    }
  }
  return result;
}

}  // namespace

std::vector<std::string> kinds_without_reference(std::span<const std::string> gates,
                                                 std::span<const std::string> experts) {
  std::vector<std::string> messages;
  const auto try_all = [&](std::span<const std::string> kinds, const auto& formulas) {
    for (const std::string& kind : kinds) {
      try {
        formula_of(formulas, kind);
      } catch (const std::logic_error& error) {
        messages.emplace_back(error.what());
      }
    }
  };
  try_all(gates, scores());
  try_all(experts, expert_formulas());
  return messages;
}

std::vector<MixtureSpec> variants(const std::string& gate, const std::string& expert) {
  const auto makes = [](const Partition& parts, int whole) {
    return parts.sizes.empty() ? parts.number == 0 || whole % parts.number == 0
                               : std::reduce(parts.sizes.begin(), parts.sizes.end()) == whole;
  };
  std::vector<MixtureSpec> result;
  GateSpec gate_spec;
  gate_spec.kind = gate;
  ExpertSpec expert_spec;
  expert_spec.kind = expert;
  const bool can_learn = visit_gate(gate, [](auto kind) { return decltype(kind)::kCanLearnTemperature; });
  const int min_inputs = visit_gate(gate, [](auto kind) { return decltype(kind)::kMinInputs; });
  const auto add = [&](const GateSpec& one_gate, const ExpertSpec& one_expert) {
    for (const int d : {1, 2, 8}) {
      for (const int k : {1, 2, 5}) {
        if (d >= min_inputs && one_gate.top_k <= k && makes(one_gate.groups, k)) {
          result.push_back({one_gate, one_expert, d, k});
        }
      }
    }
  };
  for (const GateSpec& one : option_variants(gate_info(gate), gate_options(), gate_spec, can_learn)) {
    add(one, expert_spec);
  }
  for (const ExpertSpec& one :
       option_variants(expert_kind(expert).info, expert_options(), expert_spec, false)) {
    if (!(one == expert_spec)) {
      add(gate_spec, one);
    }
    result.push_back({gate_spec, one, std::max(2, min_inputs), 3, 2});
  }
  return result;
}

std::string describe(const MixtureSpec& spec) {
  return fmt::format("{} {} x {} {}, d {}, k {}, m {}", spec.gate.kind,
                     options_json(gate_options(), spec.gate).dump(), spec.expert.kind,
                     options_json(expert_options(), spec.expert).dump(), spec.num_inputs, spec.num_experts,
                     spec.num_outputs);
}

HarnessPoint::HarnessPoint(const MixtureSpec& spec, Eigen::Index num_rows, Stream& stream)
    : chart(spec, kHarnessBound), theta(chart.num_coordinates()), inputs(num_rows, spec.num_inputs) {
  for (const RegionBlock& block : chart.regions()) {
    auto part = theta.segment(block.offset, block.size);
    // Not nearly 0: with a neuron of a hardly any x, all inputs would be near its kink.
    constexpr double kLeast = 0.01;
    for (double& value : part) {
      value = stream.normal();
      value = std::copysign(std::max(kLeast, std::abs(value)), value);
    }
    if (block.region.shape == Region::Shape::ball) {
      part *= std::min(stream.uniform(0.1, 0.8) * block.region.size, 10.0) / part.norm();
    } else if (block.region.shape == Region::Shape::sphere) {
      project(block.region, part);
    } else if (block.region.low) {
      part.setConstant(stream.uniform(0.5, 2));
    } else {
      part = part.cwiseMax(-3).cwiseMin(3);
    }
  }
  const RealMeasure measure = measure_at(chart, RealVector(theta.cast<Real>()));
  MixtureSpec of_section = spec;
  of_section.gate = chart.gate_of(theta);
  const RealMeasure raw = widened(chart.measure(theta));
  constexpr Real kLeastGap = 0.02L;  // the steps of differences move scores by less
  for (Eigen::Index row = 0; row < num_rows; ++row) {
    std::vector<Real> x;
    do {
      for (double& value : inputs.row(row)) {
        value = stream.normal();
      }
      x = widened_row(inputs, row);
    } while (is_near_kink(spec, measure.atoms, x) || is_near_centre(spec, measure.atoms, x) ||
             gap_at_top_k(reference_values(of_section, raw, x)) < kLeastGap);
  }
}

bool Worst::is_worse(Real difference, Real tolerance) const {
  return !(std::abs(difference) <= static_cast<Real>(ratio) * tolerance);
}

void Worst::see(Real difference, Real tolerance, const std::string& place) {
  if (is_worse(difference, tolerance)) {
    const Real size = std::abs(difference) / tolerance;
    ratio = std::isnan(size) ? std::numeric_limits<double>::infinity() : static_cast<double>(size);
    where = fmt::format("{}: off by {:.3g}, tolerance {:.3g}", place, static_cast<double>(difference),
                        static_cast<double>(tolerance));
  }
}

ReferenceValues reference_values(const MixtureSpec& spec, const RealMeasure& measure, Numbers x, int output) {
  const std::vector<RealAtom>& atoms = measure.atoms;
  const Score& score = formula_of(scores(), spec.gate.kind);
  std::vector<Real> seen(x.begin(), x.end());
  if (spec.gate.input_map == "tanh") {
    for (Real& value : seen) {
      value = std::sinh(std::clamp<Real>(value, -50, 50)) / std::cosh(std::clamp<Real>(value, -50, 50));
    }
  }
  const ExpertFormula& expert = formula_of(expert_formulas(), spec.expert.kind);
  ReferenceValues values;
  for (const RealAtom& atom : atoms) {
    values.scores.push_back(score(spec.gate, atom, seen));
    values.experts.push_back(expert(spec.expert, eta_of_output(spec, atom.expert, output), x));
  }
  for (std::size_t g = 0, i = 0; g < measure.groups.size(); ++g) {
    const auto first = values.scores.begin() + static_cast<std::ptrdiff_t>(i);
    const auto last = first + group_sizes(spec)[g];
    const Real largest = *std::max_element(first, last);
    const Real masses = std::accumulate(first, last, Real{0}, [&](Real total, Real score_in_group) {
      return total + std::exp(score_in_group - largest);
    });
    for (; values.scores.begin() + static_cast<std::ptrdiff_t>(i) < last; ++i) {
      values.scores[i] += score(spec.gate, measure.groups[g], seen) - largest - std::log(masses);
    }
  }
  const bool normalised = weights_sum_to_one(spec);
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    values.kept.push_back(spec.gate.top_k == 0 || place_in_order(values.scores, i) < spec.gate.top_k);
  }
  const Real largest = normalised ? *std::max_element(values.scores.begin(), values.scores.end()) : 0;
  Real total = 0;
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    total += values.weights.emplace_back(values.kept[i] ? std::exp(values.scores[i] - largest) : 0);
  }
  total = normalised ? total : 1;
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    values.weights[i] /= total;
    values.mean += values.weights[i] * values.experts[i];
  }
  return values;
}

Magnitudes::Magnitudes(const MixtureSpec& spec, const RealMeasure& measure, Numbers x)
    : roundings(8 * (spec.num_inputs + spec.num_experts + 8)) {
  const std::vector<Real> z = gate_features<Real>(spec, x);
  for (const auto& numbers : {z, std::vector<Real>(x.begin(), x.end())}) {
    for (const Real value : numbers) {
      feature = std::max(feature, std::abs(value));
    }
  }
  const auto see_gate = [&](const RealAtom& atom) {
    Real gate_sum = 1;  // |log sigmoid(t)| <= |t| + log 2
    const std::vector<Real> v = gate_slopes(spec, atom.gate);
    for (std::size_t j = 0; j < z.size(); ++j) {
      gate_sum += std::abs(v[j] * z[j]);
    }
    of_gate = std::max(of_gate, gate_sum);
    if (gate_link(spec.gate) == Link::negative_distance) {
      // With T the sum of the magnitudes of the terms of D^2: eps T is its rounding, and eps T / D, or the
      // root of eps T at most, that of D. The slope has 1 / D as a factor, and takes the rounding of D.
      const Real distance = std::sqrt(squared_distance(atom.gate, Numbers(z).first(x.size())));
      const Real least = std::sqrt(std::numeric_limits<double>::epsilon() * gate_sum);
      const Real closeness = std::max<Real>(1, 1 / std::max(distance, least));
      feature = std::max(feature, std::sqrt(2 * gate_sum) * closeness * closeness);
      gate_sum /= std::max(distance, least);
    }
    if (gate_bias_is_outside(spec.gate)) {
      feature = std::max(feature, gate_sum);  // the factor's is r(t)
      gate_sum *= std::max<Real>(1, 1 / Real{spec.gate.temperature.value});
    }
    return gate_sum + std::abs(atom.bias);
  };
  Real of_groups = 0;
  for (const RealAtom& group : measure.groups) {
    of_groups = std::max(of_groups, see_gate(group));
  }
  const ExpertForm form = expert_form(spec.expert);
  for (const RealAtom& atom : measure.atoms) {
    score = std::max(score, of_groups + see_gate(atom));
    for (int output = 0; output < spec.num_outputs; ++output) {
      const std::vector<Real> eta = eta_of_output(spec, atom.expert, output);
      std::size_t next = 0;
      Real sum = 0;
      for (int m = 0; m < form.num_neurons; ++m) {
        Real argument = 0;
        for (std::size_t j = 0; form.uses_inputs && j < x.size(); ++j) {
          argument += std::abs(eta[next++] * x[j]);
        }
        argument += form.bias ? std::abs(eta[next++]) : Real{0};
        const Real c = form.weight ? std::abs(eta[next++]) : Real{1};
        // |phi(t)|, |t phi'(t)| and a 32nd of the fifth derivative are at most p^2 (1 + |t|)^p, p = 1 for all
        // but powers.
        const int p = spec.expert.kind == "polynomial" ? spec.expert.degree : 1;
        sum += std::max(c, Real{1}) * p * p * std::pow(1 + argument, p);
      }
      height = std::max(height, sum + (form.offset ? std::abs(eta[next]) : Real{0}));
    }
  }
  height *= weights_sum_to_one(spec) ? 1 : spec.num_experts;
}

Real Magnitudes::value_tolerance() const {
  return std::numeric_limits<double>::epsilon() * roundings * (1 + score) * height;
}

Real Magnitudes::derivative_tolerance() const { return value_tolerance() * feature; }

std::vector<Real> flattened(const RealMeasure& measure) {
  std::vector<Real> numbers;
  for (const auto* atoms : {&measure.atoms, &measure.groups}) {
    for (const RealAtom& atom : *atoms) {
      numbers.push_back(atom.bias);
      numbers.insert(numbers.end(), atom.gate.begin(), atom.gate.end());
      numbers.insert(numbers.end(), atom.expert.begin(), atom.expert.end());
    }
  }
  return numbers;
}

RealMeasure widened(const Measure& measure) {
  const auto wide = [](const Atom& atom) {
    return RealAtom{
        atom.bias, {atom.gate.begin(), atom.gate.end()}, {atom.expert.begin(), atom.expert.end()}};
  };
  RealMeasure result;
  std::transform(measure.atoms.begin(), measure.atoms.end(), std::back_inserter(result.atoms), wide);
  std::transform(measure.groups.begin(), measure.groups.end(), std::back_inserter(result.groups), wide);
  return result;
}

Worst value_discrepancy(const HarnessPoint& point) {
  MixtureSpec spec = point.chart.spec();
  spec.gate = point.chart.gate_of(point.theta);
  const Measure measure = point.chart.measure(point.theta);
  const RealMeasure real_measure = widened(measure);
  const Eigen::VectorXd v =
      point.chart.kernel_parameters(MixtureChart(spec, kHarnessBound).coordinates(measure));
  const SampleBlocks samples = point.chart.blocks(point.inputs);
  OutputPasses passes(point.chart.layouts(), samples);
  Worst worst;
  for (Eigen::Index place = 0; place < point.inputs.rows() * spec.num_outputs; ++place) {
    const Eigen::Index row = place / spec.num_outputs;
    const auto output = static_cast<int>(place % spec.num_outputs);
    const std::vector<Real> x = widened_row(point.inputs, row);
    const std::vector<double> narrow_x(x.begin(), x.end());
    const ReferenceValues expected = reference_values(spec, real_measure, x, output);
    const Magnitudes magnitudes(spec, measure_in_chart(spec, real_measure), x);
    const BlockValues& values = passes.evaluate(as_span(v), static_cast<int>(row / kBlockSize), output);
    const auto s = static_cast<std::size_t>(row % kBlockSize);
    worst.see(values.mean[s] - expected.mean, magnitudes.value_tolerance(), "kernel mean");
    Real total = 0;
    for (std::size_t i = 0; i < measure.atoms.size(); ++i) {
      worst.see(values.weights[i][s] - expected.weights[i], magnitudes.value_tolerance() / magnitudes.height,
                "kernel weight");
      worst.see(values.experts[i][s] - expected.experts[i],
                magnitudes.value_tolerance() / (1 + magnitudes.score), "kernel expert");
      worst.see(values.weights[i][s] < 0 ? 1 : 0, 0.5L, "negative weight");
      total += values.weights[i][s];
    }
    if (weights_sum_to_one(spec)) {
      worst.see(total - 1, std::numeric_limits<double>::epsilon() * static_cast<Real>(measure.atoms.size()),
                "sum of weights");
    }
    worst.see(mixture_value<double>(spec, measure, narrow_x, output) - expected.mean,
              magnitudes.value_tolerance(), "mixture_value<double>");
    worst.see(mixture_value<Real>(spec, real_measure, x, output) - expected.mean,
              magnitudes.value_tolerance() / 1000, "mixture_value<long double>");
  }
  return worst;
}

void linearise(const MixtureChart& chart, const SampleBlocks& samples, const Eigen::VectorXd& theta,
               NormalEquations& in_kernel, NormalEquations& in_theta) {
  OutputPasses passes(chart.layouts(), samples);
  const Eigen::VectorXd v = chart.kernel_parameters(theta);
  passes.linearise(as_span(v), in_kernel);
  chart.pull_back(theta, Curvature::gauss_newton, in_kernel, in_theta);
}

Worst derivative_discrepancy(const HarnessPoint& point, const Linearise& linearise) {
  const MixtureChart& chart = point.chart;
  const RealVector theta = point.theta.cast<Real>();
  const RealMeasure measure = measure_at(chart, theta);
  const Eigen::Index num_rows = point.inputs.rows();
  Worst worst;
  // Of each row and output in turn.
  const int num_outputs = chart.spec().num_outputs;
  std::vector<RealVector> rows;
  std::vector<Magnitudes> magnitudes;
  std::vector<Real> values;
  for (Eigen::Index place = 0; place < num_rows * num_outputs; ++place) {
    const std::vector<Real> x = widened_row(point.inputs, place / num_outputs);
    const auto output = static_cast<int>(place % num_outputs);
    magnitudes.emplace_back(chart.spec(), measure, x);
    values.push_back(value_at(chart, theta, gate_features<Real>(chart.spec(), x), x, output));
    rows.push_back(row_of_jacobian(chart, theta, x, output));
    const RealVector differences = row_of_differences(chart, theta, x, output, magnitudes.back().feature);
    for (Eigen::Index p = 0; p < theta.size(); ++p) {
      worst.see(rows.back()[p] - differences[p], magnitudes.back().derivative_tolerance(),
                fmt::format("automatic derivative[{}] against differences", p));
    }
  }
  // Kernel coordinates are those of theta without the last gate of each softmax, which the kernel holds at 0:
  // its derivatives by the others are the same.
  std::vector<Eigen::Index> in_theta(static_cast<std::size_t>(theta.size()));
  std::iota(in_theta.begin(), in_theta.end(), Eigen::Index{0});
  std::vector<Eigen::Index> in_kernel;
  for (const MixtureChart::Source& source : chart.kernel_sources()) {
    in_kernel.push_back(source.plus);
  }

  NormalEquations kernel_equations;
  NormalEquations theta_equations;
  const auto check = [&](Eigen::Index first, Eigen::Index n, const std::function<Real(Eigen::Index)>& error) {
    Eigen::MatrixXd inputs(n, point.inputs.cols());
    Eigen::MatrixXd target(n, num_outputs);
    std::vector<std::vector<Real>> errors(rows.size());
    for (Eigen::Index s = 0; s < n; ++s) {
      const Eigen::Index row = (first + s) % num_rows;
      inputs.row(s) = point.inputs.row(row);
      for (Eigen::Index output = 0; output < num_outputs; ++output) {
        const auto i = static_cast<std::size_t>(row * num_outputs + output);
        target(s, output) = static_cast<double>(values[i] + static_cast<Real>(1 + output) * error(s));
        errors[i].push_back(target(s, output) - values[i]);
      }
    }
    ExpectedSums expected(theta.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!errors[i].empty()) {
        expected.add(errors[i], rows[i], magnitudes[i]);
      }
    }
    SampleBlocks samples = chart.blocks(inputs);
    for (int output = 0; output < num_outputs; ++output) {
      samples.set_target(target.col(output), output);
    }
    linearise(chart, samples, point.theta, kernel_equations, theta_equations);
    // Where the chart is curved, the kernel's coordinates are others.
    if (!chart.is_curved()) {
      expected.compare(kernel_equations, in_kernel, fmt::format("n = {}, kernel", n), worst);
    }
    expected.compare(theta_equations, in_theta, fmt::format("n = {}, theta", n), worst);
  };
  for (Eigen::Index row = 0; row < num_rows; ++row) {
    check(row, 1, [](Eigen::Index) { return Real{1}; });
  }
  for (const Eigen::Index n : {255, 256, 257, 1000}) {
    check(0, n, [](Eigen::Index s) { return std::sin(static_cast<Real>(s) + 0.5L); });
  }
  return worst;
}

Worst raw_derivative_discrepancy(const HarnessPoint& point) {
  constexpr Eigen::Index kMostRows = 3;
  MixtureSpec spec = point.chart.spec();
  spec.gate = point.chart.gate_of(point.theta);
  const RealMeasure measure = widened(point.chart.measure(point.theta));
  std::vector<Real> units;  // of each parameter
  for (const auto* atoms : {&measure.atoms, &measure.groups}) {
    for (const RealAtom& atom : *atoms) {
      const Real unit =
          std::min<Real>(1, length(atom.gate)) * std::min<Real>(1, Real{spec.gate.temperature.value});
      units.insert(units.end(), 1 + atom.gate.size(), unit);
      units.insert(units.end(), atom.expert.size(), 1);
    }
  }
  std::vector<Real> numbers = flattened(measure);
  Worst worst;
  for (Eigen::Index row = 0; row < std::min(kMostRows, point.inputs.rows()); ++row) {
    const std::vector<Real> x = widened_row(point.inputs, row);
    const auto output = static_cast<int>(row) % spec.num_outputs;
    const Magnitudes magnitudes(spec, measure_in_chart(spec, measure), x);
    const std::vector<Real> automatic = automatic_raw_gradient(spec, measure, x, output);
    for (std::size_t p = 0; p < numbers.size(); ++p) {
      if (units[p] == 0) {
        continue;  // where |omega| has its kink
      }
      const Real slope = central_difference(numbers[p], 1e-4L * units[p] / magnitudes.feature, [&] {
        return mixture_value<Real>(spec, unflattened(Numbers(numbers), measure), x, output);
      });
      worst.see(automatic[p] - slope, magnitudes.derivative_tolerance() / units[p],
                fmt::format("raw derivative[{}]", p));
    }
  }
  return worst;
}

Worst gauge_discrepancy(const HarnessPoint& point, Stream& stream) {
  const MixtureChart& chart = point.chart;
  const std::vector<double> expected = means(point, point.theta);
  const RealMeasure real_measure = measure_at(chart, RealVector(point.theta.cast<Real>()));
  Worst worst;
  const auto compare = [&](const std::vector<double>& given, Real shift, const std::string& what) {
    for (std::size_t row = 0; row < expected.size(); ++row) {
      const Magnitudes magnitudes(
          chart.spec(), real_measure,
          widened_row(point.inputs, static_cast<Eigen::Index>(row) % point.inputs.rows()));
      worst.see(given[row] - expected[row],
                1e-13L * (1 + magnitudes.score + shift * magnitudes.feature) * magnitudes.height, what);
    }
  };

  Eigen::VectorXd shifted = point.theta;
  for (const std::vector<int>& places : chart.shift_gauges()) {
    const double shift = stream.uniform(-1, 1);
    for (const int place : places) {
      shifted[place] += shift;
    }
  }
  compare(means(point, shifted), chart.num_gate_coordinates() + 1, "common shift");

  // A learned temperature is part of the section.
  const auto chart_of_section = [&](const Eigen::VectorXd& theta) {
    MixtureSpec spec = chart.spec();
    spec.gate = chart.gate_of(theta);
    return MixtureChart(spec, kHarnessBound);
  };
  const MixtureChart of_section = chart_of_section(point.theta);
  Measure measure = chart.measure(point.theta);
  const Eigen::VectorXd again = of_section.coordinates(measure);
  compare(means(point, again), 0, "theta -> atoms -> theta");
  for (const RegionBlock& block : chart.regions()) {
    Eigen::VectorXd nearest = again.segment(block.offset, block.size);
    project(block.region, nearest);
    worst.see((nearest - again.segment(block.offset, block.size)).norm(), 1e-15L * block.region.size,
              "coordinates outside their region");
  }
  if (chart.biases_are_relative()) {
    for (const MixtureChart::Softmax& softmax : chart.softmaxes()) {
      const auto last = static_cast<std::size_t>(softmax.last) - 1;
      const std::size_t k = measure.atoms.size();
      worst.see((last < k ? measure.atoms[last] : measure.groups[last - k]).bias,
                std::numeric_limits<Real>::min(), "last bias of the section");
    }
  }
  compare(means(point, chart_of_section(again).coordinates(chart.measure(again))), 0,
          "atoms -> theta -> atoms");

  for (auto* atoms : {&measure.atoms, &measure.groups}) {
    for (Atom& atom : *atoms) {
      atom.bias += chart.biases_are_relative() ? 64 : 0;  // far outside the bound, but not up to a shift
    }
  }
  compare(means(point, of_section.coordinates(measure)), 64, "common shift of the biases");
  std::vector<double> keys;
  for (std::size_t i = 0; i < measure.atoms.size(); ++i) {
    keys.push_back(stream.uniform());
  }
  const auto compare_in_order = [&](const auto& comes_first) {
    const Arrangement order = arranged(chart.spec(), comes_first);
    Measure permuted;
    for (const int atom : order.atoms) {
      permuted.atoms.push_back(measure.atoms[static_cast<std::size_t>(atom)]);
    }
    for (const int group : order.groups) {
      permuted.groups.push_back(measure.groups[static_cast<std::size_t>(group)]);
    }
    compare(means(point, of_section.coordinates(permuted)), 64, "permutation");
  };
  compare_in_order([](std::span<const int> a, std::span<const int> b) { return a.front() > b.front(); });
  compare_in_order([&](std::span<const int> a, std::span<const int> b) {
    return keys[static_cast<std::size_t>(a.front())] < keys[static_cast<std::size_t>(b.front())];
  });
  return worst;
}

namespace {

bool is_refused(const Model& model, const Eigen::MatrixXd& inputs) {
  try {
    predict(model, inputs, 1);
    return false;
  } catch (const InputError&) {
    return true;
  }
}

}  // namespace

Worst extreme_discrepancy(const MixtureSpec& spec, Stream& stream) {
  // Where a score or an expert is beyond the range of double, it is no number.
  constexpr Real kLargestIntermediate = 1e300L;
  const bool needs_directions =
      visit_gate(spec.gate.kind, [](auto gate) { return decltype(gate)::kNeedsDirections; });
  Worst worst;
  const auto numbers = [&](int size, double scale) {
    std::vector<double> result;
    for (int j = 0; j < size; ++j) {
      result.push_back(scale * (stream.uniform() < 0.5 ? -1 : 1) * stream.uniform(0.5, 1));
    }
    return result;
  };
  for (const double input_size : {0.0, 1e-300, 1.0, 1e4, 1e100}) {
    for (const double gate_size : {0.0, 1e-300, 1e-9, 1.0, 1e4, 1e100, 1e200}) {
      for (const double expert_size : {0.0, 1e-300, 1.0, 1e4}) {
        Model model{spec,
                    std::vector<std::string>(static_cast<std::size_t>(spec.num_inputs), "x"),
                    std::vector<std::string>(static_cast<std::size_t>(spec.num_outputs), "y"),
                    {},
                    {},
                    {},
                    {},
                    {}};
        for (int i = 0; i < spec.num_experts; ++i) {
          model.atoms.push_back({numbers(1, std::min(gate_size, 1e4)).front(),
                                 numbers(num_gate_parameters(spec), gate_size),
                                 numbers(num_expert_parameters(spec), expert_size)});
        }
        for (std::size_t g = 0; g < group_sizes(spec).size(); ++g) {
          model.groups.push_back({numbers(1, std::min(gate_size, 1e4)).front(),
                                  numbers(num_gate_parameters(spec), gate_size),
                                  {}});
        }
        const RealMeasure measure = widened(model.measure());
        const std::vector<double> x = numbers(spec.num_inputs, input_size);
        const std::vector<Real> real_x(x.begin(), x.end());
        const Eigen::MatrixXd inputs = Eigen::Map<const Eigen::RowVectorXd>(x.data(), spec.num_inputs);
        if (needs_directions && (input_size == 0 || gate_size == 0)) {
          worst.see(is_refused(model, inputs) ? 0 : 1, 0.5L, "a zero that has no direction is not refused");
          continue;
        }
        const int output = stream.below(spec.num_outputs);
        const ReferenceValues expected = reference_values(spec, measure, real_x, output);
        const Magnitudes magnitudes(spec, measure_in_chart(spec, measure), real_x);
        if (std::max({magnitudes.score, magnitudes.of_gate, magnitudes.height}) > kLargestIntermediate) {
          continue;
        }
        const Predictions given = predict(model, inputs, 1);
        const std::string where =
            fmt::format("inputs {}, gates {}, experts {}", input_size, gate_size, expert_size);

        const Real eps = std::numeric_limits<double>::epsilon() * magnitudes.roundings;
        Real total = 0;
        for (int i = 0; i < spec.num_experts; ++i) {
          const auto at = static_cast<std::size_t>(i);
          total += given.weights(0, i);
          worst.see(given.weights(0, i) < 0 ? 1 : 0, 0.5L, where + " negative weight");
          worst.see(given.experts(0, output * spec.num_experts + i) - expected.experts[at],
                    eps * magnitudes.height, where + " expert");
          // Where scores are so large that their rounding is not small, only a clear winner is certain.
          std::vector<Real> sorted = expected.scores;
          std::sort(sorted.rbegin(), sorted.rend());
          if (gap_at_top_k(expected) <= eps * magnitudes.score) {
            continue;  // rounding decides which experts count
          }
          const bool is_certain = weights_sum_to_one(spec) &&
                                  (sorted.size() < 2 || sorted[0] - sorted[1] > 800 + eps * magnitudes.score);
          if (is_certain || eps * magnitudes.score < 1e-3L) {
            worst.see(given.weights(0, i) - expected.weights[at],
                      is_certain ? Real{std::numeric_limits<double>::min()} : eps * (1 + magnitudes.score),
                      where + " weight");
            worst.see(given.mean(0, output) - expected.mean,
                      (is_certain ? eps : eps * (1 + magnitudes.score)) * magnitudes.height, where + " mean");
          }
        }
        if (weights_sum_to_one(spec)) {
          worst.see(total - 1, std::numeric_limits<double>::epsilon() * spec.num_experts,
                    where + " sum of weights");
        }
        worst.see(given.mean.allFinite() ? 0 : 1, 0.5L, where + " mean is not finite");

        const MixtureChart chart(spec, 1e210);
        SampleBlocks samples = chart.blocks(inputs);
        for (int j = 0; j < spec.num_outputs; ++j) {
          samples.set_target(Eigen::VectorXd::Ones(1), j);
        }
        NormalEquations in_kernel;
        NormalEquations in_theta;
        linearise(chart, samples, chart.coordinates(model.measure()), in_kernel, in_theta);
        // Products of two features and two values have to fit as well.
        const bool fits = magnitudes.feature * magnitudes.height < 1e150L;
        const bool any_nan = fits && (in_kernel.gradient.hasNaN() || in_kernel.gram.hasNaN());
        const bool small = input_size <= 1e4;
        worst.see(any_nan || (small && !in_theta.gram.allFinite()) ? 1 : 0, 0.5L,
                  where + " normal equations");
      }
    }
  }
  return worst;
}

}  // namespace moest
