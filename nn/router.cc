#include "nn/router.h"

#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "moest/base/error.h"
#include "moest/base/option_json.h"
#include "moest/model/catalogue.h"

namespace moest::nn {

namespace {

constexpr std::array<std::string_view, 7> kKinds{"linear",    "cosine",  "perturbed_cosine", "sigmoid",
                                                 "quadratic", "laplace", "dense_to_sparse"};
constexpr std::array<std::string_view, 2> kCommon{"router_projection", "router_bias"};
constexpr std::array<std::string_view, 4> kCosine{"temperature", "normalized_sides", "router_projection",
                                                  "router_bias"};
constexpr std::array<std::string_view, 2> kSides{"both", "experts"};
constexpr std::array<std::string_view, 5> kPerturbedCosine{"tau1", "tau2", "temperature", "router_projection",
                                                           "router_bias"};
constexpr std::array<std::string_view, 3> kSigmoid{"normalized", "router_projection", "router_bias"};
constexpr std::array<std::string_view, 3> kQuadratic{"router_rank", "router_projection", "router_bias"};
constexpr std::array<std::string_view, 5> kDenseToSparse{"temperature", "final_temperature", "router_link",
                                                         "router_projection", "router_bias"};

// A score's variance at the start, for a token whose coordinates have variance one.
constexpr double kFirstVariance = 0.1;

/// Whether the length of the token counts in its cosines.
bool is_one_sided(const RouterSpec& spec) { return spec.normalized_sides == "experts"; }

std::string_view gate_kind(const RouterSpec& spec) {
  return spec.kind == "linear" || is_one_sided(spec) ? "softmax"
         : spec.kind == "sigmoid" && spec.normalized ? "normalized_sigmoid"
                                                     : std::string_view(spec.kind);
}

std::span<const std::string_view> options_of(std::string_view kind) {
  return kind == "cosine"             ? std::span<const std::string_view>(kCosine)
         : kind == "perturbed_cosine" ? std::span<const std::string_view>(kPerturbedCosine)
         : kind == "sigmoid"          ? std::span<const std::string_view>(kSigmoid)
         : kind == "quadratic"        ? std::span<const std::string_view>(kQuadratic)
         : kind == "dense_to_sparse"  ? std::span<const std::string_view>(kDenseToSparse)
                                      : std::span<const std::string_view>(kCommon);
}

const Option<GateSpec>& gate_option(std::string_view name) {
  const std::span<const Option<GateSpec>> options = gate_options();
  return *std::find_if(options.begin(), options.end(),
                       [name](const Option<GateSpec>& option) { return option.name == name; });
}

Option<RouterSpec> option_of_gates(std::string_view name, Option<RouterSpec>::Member member,
                                   std::string_view name_in_gates) {
  const Option<GateSpec>& option = gate_option(name_in_gates);
  return {name, member, option.low, option.high, option.unit, option.sentence, option.choices};
}

bool learns(const RouterSpec& spec) {
  return is_one_sided(spec) ? spec.temperature.learned.value_or(false)
                            : router_info(spec.kind).has("temperature") && learns_temperature(gate_of(spec));
}

torch::Tensor norms(const torch::Tensor& rows) { return rows.norm(2, -1, /*keepdim=*/true); }

// The direction of each row; where it has none 0, with the derivative of the row itself.
torch::Tensor directions(const torch::Tensor& rows) {
  const torch::Tensor lengths = norms(rows);
  return rows / torch::where(lengths > 0, lengths, torch::ones_like(lengths));
}

torch::Tensor through_link(const std::string& link, const torch::Tensor& t) {
  return link == "tanh"      ? torch::tanh(t)
         : link == "gelu"    ? torch::gelu(t)
         : link == "sigmoid" ? torch::sigmoid(t)
                             : t;
}

std::string temperature_text(const RouterSpec& spec) {
  return learns(spec) ? fmt::format("temperature learned from {} in [{}, {}]", spec.temperature.value,
                                    PlainGate::kLeastTemperature, PlainGate::kMostTemperature)
         : spec.final_temperature ? fmt::format("temperature from {} to {} in the course of the training",
                                                spec.temperature.value, *spec.final_temperature)
                                  : fmt::format("temperature {}", spec.temperature.value);
}

std::string_view formula(const RouterSpec& spec) {
  return is_one_sided(spec) ? "softmax(omega_i.x / |omega_i| / temperature + b_i)"
                            : gate_info(gate_kind(spec)).formula;
}

std::string publication(const RouterSpec& spec) {
  const std::string_view constants = spec.bias ? ", with constants b_i besides" : "";
  if (spec.kind == "linear") {
    return fmt::format("the router of Switch transformers (arXiv 2101.03961){}", constants);
  }
  if (is_one_sided(spec)) {
    const bool is_published = spec.projection > 0 && spec.temperature.value == 1 && !learns(spec);
    return fmt::format("{}the scores of X-MoE's released code{}", is_published ? "" : "a variant of ",
                       constants);
  }
  if (spec.kind == "cosine" && spec.projection > 0 && learns(spec)) {
    return fmt::format("the router of X-MoE (arXiv 2204.09179){}", constants);
  }
  if (spec.kind == "dense_to_sparse" && spec.final_temperature) {
    return "the schedule of EvoMoE (arXiv 2112.14397) without its noise";
  }
  return "the gate of " + std::string(gate_info(gate_kind(spec)).source);
}

}  // namespace

std::span<const Option<RouterSpec>> router_options() {
  static const std::array kOptions{
      Option<RouterSpec>{"router", &RouterSpec::kind, 0, 0, "", "how the experts' scores are made", kKinds},
      option_of_gates("tau1", &RouterSpec::tau1, "tau1"),
      option_of_gates("tau2", &RouterSpec::tau2, "tau2"),
      option_of_gates("temperature", &RouterSpec::temperature, "temperature"),
      Option<RouterSpec>{
          "final_temperature", &RouterSpec::final_temperature, gate_option("temperature").low,
          gate_option("temperature").high, "",
          "the temperature is not learned but runs from --temperature to this in the course of "
          "the training"},
      Option<RouterSpec>{"normalized_sides", &RouterSpec::normalized_sides, 0, 0, "",
                         "whose lengths do not count in a cosine: those of experts and tokens, or only those "
                         "of experts",
                         kSides},
      option_of_gates("router_link", &RouterSpec::link, "router"),
      Option<RouterSpec>{"normalized", &RouterSpec::normalized, 0, 1, "",
                         "the sigmoids of the chosen experts are divided by their sum"},
      Option<RouterSpec>{"router_rank", &RouterSpec::rank, 1, 1e4, "",
                         "the largest rank of the matrices of quadratic scores"},
      Option<RouterSpec>{"router_projection", &RouterSpec::projection, 0, 1e6, "",
                         "the router sees a learned linear map of the token to so many numbers, 0 for the "
                         "token itself"},
      Option<RouterSpec>{"router_bias", &RouterSpec::bias, 0, 1, "", "the constants b_i in the scores"},
  };
  return kOptions;
}

std::vector<std::string> router_names() { return {kKinds.begin(), kKinds.end()}; }

const KindInfo& router_info(std::string_view kind) {
  static const std::vector<KindInfo> kInfos = [] {
    std::vector<KindInfo> infos;
    for (const std::string_view name : kKinds) {
      KindInfo info = gate_info(gate_kind({.kind = std::string(name)}));
      info.name = name;
      info.options = options_of(name);
      infos.push_back(info);
    }
    return infos;
  }();
  check_choice("router", kind, kKinds);
  return *std::find_if(kInfos.begin(), kInfos.end(),
                       [kind](const KindInfo& info) { return info.name == kind; });
}

GateSpec gate_of(const RouterSpec& spec) {
  GateSpec gate;
  gate.kind = gate_kind(spec);
  gate.tau1 = spec.tau1;
  gate.tau2 = spec.tau2;
  if (!is_one_sided(spec)) {
    gate.temperature = spec.temperature;
  }
  if (spec.final_temperature) {
    gate.temperature.learned = false;
  }
  gate.router = spec.link;
  return gate;
}

nlohmann::ordered_json router_json(const RouterSpec& spec) {
  RouterSpec said = spec;
  said.temperature.learned = learns(spec);
  return options_json(router_options(), said);
}

void check(const RouterSpec& spec) {
  const KindInfo& info = router_info(spec.kind);
  check_options(spec, router_options());
  for (const Option<RouterSpec>& option : router_options()) {
    if (option.name != "router" && !info.has(option.name) &&
        option_json(option, spec) != option_json(option, RouterSpec{})) {
      throw InputError(fmt::format("{} does not belong to the {} router", flag_name(option.name), spec.kind),
                       fmt::format("its options are {}", listed(std::vector<std::string>(
                                                             info.options.begin(), info.options.end()))),
                       "Leave it out, or choose another router.");
    }
  }
  if (spec.final_temperature && spec.temperature.learned.value_or(false)) {
    throw InputError("--final-temperature and a learned temperature are both given",
                     "a temperature on a schedule is not learned", "Give --temperature its first value.");
  }
  if (learns(spec)) {
    check_range("temperature", spec.temperature.value, PlainGate::kLeastTemperature,
                PlainGate::kMostTemperature);
  }
}

RouterImpl::RouterImpl(const RouterSpec& spec, std::int64_t num_inputs, std::int64_t num_experts)
    : spec_(spec) {
  check(spec);
  MOEST_EXPECT(num_inputs >= 1 && num_experts >= 1);
  const std::int64_t p = spec.projection > 0 ? spec.projection : num_inputs;
  if (spec.kind == "cosine" && p < CosineGate::kMinInputs) {
    throw InputError("the cosine router sees one number only", "the direction of a number is a sign",
                     "Give --router-projection 2 or more, or choose another router.");
  }
  // A generator of its own, so that what is made after it starts the same whatever the router.
  const auto seed = torch::randint(std::numeric_limits<std::int64_t>::max(), {1}).item<std::int64_t>();
  const at::Generator generator = at::detail::createCPUGenerator(static_cast<std::uint64_t>(seed));
  const auto small = [&generator](std::int64_t rows, std::int64_t columns, double variance) {
    return torch::randn({rows, columns}, generator) * std::sqrt(variance);
  };
  if (spec.projection > 0) {
    projection_ = register_parameter("projection", small(p, num_inputs, 1 / static_cast<double>(num_inputs)));
  }
  const bool has_directions = spec.kind == "cosine" || spec.kind == "perturbed_cosine";
  const double variance = spec.kind == "laplace" ? kFirstVariance
                          : has_directions       ? 1 / static_cast<double>(p)
                                                 : kFirstVariance / static_cast<double>(p);
  omega_ = register_parameter("omega", small(num_experts, p, variance));
  if (spec.kind == "quadratic") {
    quadratic_ = register_parameter("quadratic", small(num_experts * spec.rank, p, variance));
    const torch::Tensor signs = 1 - 2 * torch::arange(spec.rank, torch::kFloat).remainder(2);
    coefficients_ =
        register_parameter("coefficients", (signs / std::sqrt(spec.rank)).repeat({num_experts, 1}));
  }
  if (spec.bias) {
    bias_ = register_parameter("bias", torch::zeros({num_experts}));
  }
  const torch::Tensor log_temperature = torch::full({}, std::log(spec.temperature.value));
  if (learns(spec)) {
    log_temperature_ = register_parameter("log_temperature", log_temperature);
  } else if (spec.final_temperature) {
    log_temperature_ = register_buffer("log_temperature", log_temperature);
  }
}

torch::Tensor RouterImpl::over_temperature(const torch::Tensor& scores) const {
  if (!log_temperature_.defined()) {
    return scores / spec_.temperature.value;
  }
  // Beyond the interval the derivative is that at its end, so that a temperature comes back.
  const torch::Tensor clamped =
      log_temperature_.clamp(std::log(PlainGate::kLeastTemperature), std::log(PlainGate::kMostTemperature));
  const torch::Tensor log_temperature = log_temperature_ + (clamped - log_temperature_).detach();
  return scores * (-log_temperature).exp();
}

torch::Tensor RouterImpl::scores(const torch::Tensor& x) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  torch::Tensor z = x.to(omega_.scalar_type());
  if (projection_.defined()) {
    z = torch::matmul(z, projection_.t());
  }
  const auto with_bias = [this](const torch::Tensor& scores) {
    return bias_.defined() ? scores + bias_ : scores;
  };
  if (spec_.kind == "cosine") {
    const torch::Tensor features = is_one_sided(spec_) ? z : directions(z);
    return with_bias(over_temperature(torch::matmul(features, directions(omega_).t())));
  }
  if (spec_.kind == "perturbed_cosine") {
    const torch::Tensor features = z / (norms(z) + spec_.tau2);
    const torch::Tensor slopes = omega_ / (norms(omega_) + spec_.tau1);
    return with_bias(over_temperature(torch::matmul(features, slopes.t())));
  }
  if (spec_.kind == "laplace") {
    constexpr std::int64_t kByDifferences =
        2;  // and not by squares, which lose the digits of small distances
    return with_bias(-torch::cdist(z, omega_, 2, kByDifferences));
  }
  const torch::Tensor linear = torch::matmul(z, omega_.t());
  if (spec_.kind == "quadratic") {
    const torch::Tensor squares = torch::matmul(z, quadratic_.t()).square().view({z.size(0), -1, spec_.rank});
    return with_bias(linear + (squares * coefficients_).sum(-1));
  }
  if (spec_.kind == "dense_to_sparse") {
    return over_temperature(with_bias(through_link(spec_.link, linear)));
  }
  return with_bias(linear);
}

torch::Tensor RouterImpl::weights(const torch::Tensor& scores) const {
  if (spec_.kind != "sigmoid") {
    return torch::softmax(scores, -1);
  }
  return spec_.normalized ? torch::softmax(torch::log_sigmoid(scores), -1) : torch::sigmoid(scores);
}

void RouterImpl::set_share_done(double share) {
  MOEST_EXPECT(share >= 0 && share <= 1);
  if (spec_.final_temperature) {
    const torch::NoGradGuard no_gradients;
    log_temperature_.fill_((1 - share) * std::log(spec_.temperature.value) +
                           share * std::log(*spec_.final_temperature));
  }
}

std::string RouterImpl::variant() const {
  std::string text = fmt::format("{}: {}", spec_.kind, formula(spec_));
  if (spec_.kind == "dense_to_sparse") {
    text += fmt::format(", router() the {}", spec_.link);
  } else if (spec_.kind == "quadratic") {
    text += fmt::format(", A_i of rank {} at most", spec_.rank);
  } else if (spec_.kind == "perturbed_cosine") {
    text += fmt::format(", tau1 {}, tau2 {}", spec_.tau1, spec_.tau2);
  }
  if (router_info(spec_.kind).has("temperature")) {
    text += ", " + temperature_text(spec_);
  }
  if (spec_.projection > 0) {
    text += fmt::format(", x projected to {} numbers", spec_.projection);
  }
  if (!spec_.bias) {
    text += ", no b_i";
  }
  return text + "; " + publication(spec_) + ".";
}

}  // namespace moest::nn
