// Routers: the scores of experts at a token, by the definitions of the estimator's gates.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "moest/base/option.h"
#include "moest/model/specification.h"

namespace moest::nn {

/// A kind of router and its options; an option that does not belong to the kind must be at its default.
struct RouterSpec {
  std::string kind = "linear";
  double tau1 = GateSpec{}.tau1;
  double tau2 = GateSpec{}.tau2;
  Learnable temperature = GateSpec{}.temperature;
  std::optional<double> final_temperature = {};
  std::string normalized_sides = "both";
  std::string link = GateSpec{}.router;
  bool normalized = false;
  int rank = 4;
  int projection = 0;
  bool bias = true;

  bool operator==(const RouterSpec&) const = default;
};

/// The options of routers. Those that the estimator's gates have too are as gate_options() declares them.
std::span<const Option<RouterSpec>> router_options();

/// linear, cosine, perturbed_cosine, sigmoid, quadratic, laplace, dense_to_sparse.
std::vector<std::string> router_names();

/// What a router is, in the words of the estimator's catalogue, and the names of the options that belong to
/// it. Throws InputError for an unknown kind.
const KindInfo& router_info(std::string_view kind);

/// The estimator's gate with the weights of this router, after the projection if there is one. A cosine of
/// which only the experts' side is normalised is the softmax gate, with omega_i / (‖omega_i‖ tau).
GateSpec gate_of(const RouterSpec& spec);

/// All options by their names, from which the same router can be read: whether its temperature is learned is
/// said where the kind decides it, too.
nlohmann::ordered_json router_json(const RouterSpec& spec);

/// Throws InputError for an unknown kind, a number out of range, an option of another router, a temperature
/// that is both learned and on a schedule.
void check(const RouterSpec& spec);

/// The scores s_i(x) of k experts and the weights that they give, of the estimator's gate of that name
/// (theory.md, section 1), with z = x, or z = P x of `projection` numbers:
///     linear            omega_i . z + b_i
///     cosine            cos(omega_i, z) / tau + b_i, where cos = 0 if either is 0; with `normalized_sides`
///                       "experts" omega_i . z / ‖omega_i‖ / tau + b_i
///     perturbed_cosine  omega_i . z / ((‖omega_i‖ + tau_1) (‖z‖ + tau_2)) / tau + b_i
///     sigmoid           omega_i . z + b_i, weights sigmoid(s_i), over their sum if `normalized`
///     quadratic         z' A_i z + omega_i . z + b_i, A_i = sum_{r <= rank} c_ir u_ir u_ir'
///     laplace           b_i - ‖omega_i - z‖
///     dense_to_sparse   (r(omega_i . z) + b_i) / tau, r the link
/// and weights softmax(s) for all but sigmoid. tau is fixed; or learned, as log tau clamped to the
/// estimator's interval [0.01, 100]; or, for dense_to_sparse, runs from `temperature` to `final_temperature`
/// in the course of a training, in equal steps of log tau.
///
/// Parameters: omega (k x p), bias (k), projection (p x d), quadratic (k rank x p: u_11, u_12, .., u_k,rank),
/// coefficients (k x rank: c), log_temperature (); on a schedule that one is a buffer. They start at small
/// random values: weights near 1/k that differ by token, for x whose coordinates have variance one (a cosine
/// of experts only: scores of variance 1 / tau^2). They take one number from LibTorch's generator, whatever
/// the router.
class RouterImpl : public torch::nn::Module {
 public:
  /// Throws InputError as check() does, and where the cosine would see fewer than two numbers.
  RouterImpl(const RouterSpec& spec, std::int64_t num_inputs, std::int64_t num_experts);

  /// x: n x d. Returns s: n x k. Computed in the precision of the parameters, also under autocast.
  torch::Tensor scores(const torch::Tensor& x);

  /// The weights of experts by their scores, along the last dimension; for some of the experts those of a
  /// top-k gate.
  torch::Tensor weights(const torch::Tensor& scores) const;

  /// How much of the training is done, in [0, 1]: a temperature on a schedule follows it.
  void set_share_done(double share);

  /// One sentence: the formula, what was done to x and tau, and which published router that is.
  std::string variant() const;

  const RouterSpec& spec() const { return spec_; }

 private:
  torch::Tensor over_temperature(const torch::Tensor& scores) const;

  RouterSpec spec_;
  torch::Tensor omega_, bias_, projection_, quadratic_, coefficients_, log_temperature_;
};
TORCH_MODULE(Router);

}  // namespace moest::nn
