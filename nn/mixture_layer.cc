#include "nn/mixture_layer.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <string_view>
#include <vector>

#include "moest/base/error.h"

namespace moest::nn {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// The choices of n tokens, K each, sorted by expert.
struct Dispatch {
  torch::Tensor order;                     // n K: where a sorted choice stands among the choices
  torch::Tensor inverse;                   // n K: where a choice stands among the sorted ones
  torch::Tensor kept;                      // n x K: whether the expert has room; undefined where all have it
  std::vector<std::int64_t> begins, rows;  // of an expert: its first sorted choice, and how many it takes
};

torch::Tensor sorting_order(const torch::Tensor& values, bool descending) {
  return std::get<1>(values.sort(/*stable=*/true, 0, descending));
}

// An expert takes `room` choices at most, those of the largest weights; 0 for no limit.
Dispatch dispatch_of(const torch::Tensor& experts, const torch::Tensor& weights, std::int64_t num_experts,
                     std::int64_t room) {
  const torch::Tensor choices = experts.flatten();
  Dispatch result;
  if (room > 0) {
    const torch::Tensor by_weight = sorting_order(weights.flatten(), true);
    result.order = by_weight.index_select(0, sorting_order(choices.index_select(0, by_weight), false));
  } else {
    result.order = sorting_order(choices, false);
  }
  result.inverse = torch::empty_like(result.order)
                       .scatter_(0, result.order, torch::arange(choices.numel(), choices.options()));
  const torch::Tensor counts = torch::bincount(choices, {}, num_experts);
  if (room > 0) {
    const torch::Tensor begins = counts.cumsum(0) - counts;
    result.kept = (result.inverse - begins.index_select(0, choices) < room).view_as(experts);
  }
  const torch::Tensor counts_here = counts.cpu();
  std::int64_t begin = 0;
  for (std::int64_t expert = 0; expert < num_experts; ++expert) {
    const std::int64_t count = counts_here.data_ptr<std::int64_t>()[expert];
    result.begins.push_back(begin);
    result.rows.push_back(room > 0 ? std::min(count, room) : count);
    begin += count;
  }
  return result;
}

// The experts on their slices of the sorted tokens, and the weighted sums of what they say, as one step of
// automatic differentiation: an expert at a time, so that its neurons stay in the cache, and with gradients
// written in place.
class SortedExperts : public torch::autograd::Function<SortedExperts> {
 public:
  // x: n x width, weights: n x K. Returns n x width.
  static Variable forward(AutogradContext* context, const Variable& x, const Variable& weights,
                          const Variable& inner_weight, const Variable& inner_bias,
                          const Variable& outer_weight, const Variable& outer_bias,
                          const Dispatch& dispatch) {
    const torch::Tensor tokens = dispatch.order.div(weights.size(1), "floor");
    const torch::Tensor sorted = x.index_select(0, tokens);
    const torch::Tensor inner = torch::empty({sorted.size(0), inner_weight.size(2)}, x.options());
    const torch::Tensor hidden = torch::empty_like(inner);
    const torch::Tensor said = rows_like(sorted, dispatch.kept.defined());
    for_each_slice(sorted, dispatch.begins, dispatch.rows, [&](std::int64_t expert, const auto& slice) {
      torch::Tensor inner_here = slice(inner), hidden_here = slice(hidden), said_here = slice(said);
      torch::addmm_out(inner_here, inner_bias[expert], slice(sorted), inner_weight[expert]);
      torch::gelu_out(hidden_here, inner_here);
      torch::addmm_out(said_here, outer_bias[expert], hidden_here, outer_weight[expert]);
    });
    context->save_for_backward({weights, inner_weight, outer_weight, dispatch.order, dispatch.inverse, tokens,
                                sorted, inner, hidden, said});
    context->saved_data["begins"] = dispatch.begins;
    context->saved_data["rows"] = dispatch.rows;
    context->saved_data["drops"] = dispatch.kept.defined();

    const torch::Tensor by_slot =
        said.index_select(0, dispatch.inverse).view({x.size(0), weights.size(1), -1});
    torch::Tensor sums = by_slot.select(1, 0) * weights.narrow(1, 0, 1);
    for (std::int64_t slot = 1; slot < weights.size(1); ++slot) {
      sums.addcmul_(by_slot.select(1, slot), weights.narrow(1, slot, 1));
    }
    return sums;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor &weights = saved[0], &inner_weight = saved[1], &outer_weight = saved[2],
                        &order = saved[3], &inverse = saved[4], &tokens = saved[5], &sorted = saved[6],
                        &inner = saved[7], &hidden = saved[8], &said = saved[9];
    const std::vector<std::int64_t> begins = context->saved_data["begins"].toIntVector();
    const std::vector<std::int64_t> rows = context->saved_data["rows"].toIntVector();

    torch::Tensor of_said = gradients[0].index_select(0, tokens);
    const torch::Tensor of_weights = (of_said * said).sum(1).index_select(0, inverse).view_as(weights);
    of_said.mul_(weights.flatten().index_select(0, order).unsqueeze(1));
    const torch::Tensor of_inner_weight = torch::zeros_like(inner_weight);
    const torch::Tensor of_inner_bias = torch::zeros({inner_weight.size(0), inner.size(1)}, inner.options());
    const torch::Tensor of_outer_weight = torch::zeros_like(outer_weight);
    const torch::Tensor of_outer_bias = torch::zeros({inner_weight.size(0), said.size(1)}, said.options());
    const torch::Tensor of_sorted = rows_like(sorted, context->saved_data["drops"].toBool());
    for_each_slice(sorted, begins, rows, [&](std::int64_t expert, const auto& slice) {
      const torch::Tensor of_said_here = slice(of_said);
      set_products(of_outer_weight, of_outer_bias, expert, slice(hidden), of_said_here);
      const torch::Tensor of_inner_here =
          torch::gelu_backward(of_said_here.mm(outer_weight[expert].t()), slice(inner));
      set_products(of_inner_weight, of_inner_bias, expert, slice(sorted), of_inner_here);
      torch::Tensor of_sorted_here = slice(of_sorted);
      torch::mm_out(of_sorted_here, of_inner_here, inner_weight[expert].t());
    });
    const torch::Tensor by_slot =
        of_sorted.index_select(0, inverse).view({weights.size(0), weights.size(1), -1});
    torch::Tensor of_x = by_slot.select(1, 0).clone();
    for (std::int64_t slot = 1; slot < weights.size(1); ++slot) {
      of_x.add_(by_slot.select(1, slot));
    }
    return {of_x, of_weights, of_inner_weight, of_inner_bias, of_outer_weight, of_outer_bias, {}};
  }

 private:
  // Numbers to be written: those of choices without room stay 0.
  static torch::Tensor rows_like(const torch::Tensor& sorted, bool has_dropped) {
    return has_dropped ? torch::zeros_like(sorted) : torch::empty_like(sorted);
  }

  // The derivatives by weight and bias of an expert's linear map, by its inputs and the derivatives by its
  // outputs.
  static void set_products(const torch::Tensor& of_weight, const torch::Tensor& of_bias, std::int64_t expert,
                           const torch::Tensor& inputs, const torch::Tensor& of_outputs) {
    torch::Tensor of_weight_here = of_weight[expert], of_bias_here = of_bias[expert];
    torch::mm_out(of_weight_here, inputs.t(), of_outputs);
    torch::sum_out(of_bias_here, of_outputs, 0);
  }

  // On a CPU the threads take one expert after the other, unless one has much more than a thread's equal
  // share: then they share its matrix products.
  template <class F>
  static void for_each_slice(const torch::Tensor& sorted, const std::vector<std::int64_t>& begins,
                             const std::vector<std::int64_t>& rows, F&& f) {
    const auto run = [&](std::size_t expert) {
      const torch::NoGradGuard no_gradients;  // on this thread
      if (rows[expert] > 0) {
        f(static_cast<std::int64_t>(expert),
          [&](const torch::Tensor& all) { return all.narrow(0, begins[expert], rows[expert]); });
      }
    };
    const std::int64_t num_threads = sorted.is_cpu() ? at::get_num_threads() : 1;
    const std::int64_t most = *std::max_element(rows.begin(), rows.end());
    std::atomic<std::size_t> next = 0;
    const auto run_rest = [&](std::int64_t, std::int64_t) {
      for (std::size_t expert = next++; expert < rows.size(); expert = next++) {
        run(expert);
      }
    };
    if (most * num_threads < 2 * sorted.size(0)) {
      at::parallel_for(0, num_threads, 1, run_rest);
    } else {
      run_rest(0, 1);
    }
  }
};

// The number type of matrix products on x: a shorter one under autocast.
torch::ScalarType product_type(const torch::Tensor& x) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  const bool is_shortened = at::autocast::is_autocast_enabled(x.device().type());
  return is_shortened ? at::autocast::get_autocast_dtype(x.device().type()) : x.scalar_type();
#else
  if (x.is_cuda()) {
    return at::autocast::is_enabled() ? at::autocast::get_autocast_gpu_dtype() : x.scalar_type();
  }
  return at::autocast::is_cpu_enabled() ? at::autocast::get_autocast_cpu_dtype() : x.scalar_type();
#endif
}

// sum_i w_i(x) times expert i at x, all experts at all tokens. x: n x width, weights: n x k. Returns n x
// width.
torch::Tensor all_experts(const torch::Tensor& x, const torch::Tensor& weights,
                          const torch::Tensor& inner_weight, const torch::Tensor& inner_bias,
                          const torch::Tensor& outer_weight, const torch::Tensor& outer_bias) {
  const torch::Tensor hidden = torch::gelu(torch::baddbmm(
      inner_bias.unsqueeze(1), x.unsqueeze(0).expand({weights.size(1), -1, -1}), inner_weight));
  return torch::addbmm(torch::matmul(weights, outer_bias), hidden * weights.t().unsqueeze(2), outer_weight);
}

torch::Tensor uniform(at::IntArrayRef sizes, std::int64_t num_inputs) {
  const double bound = 1 / std::sqrt(static_cast<double>(num_inputs));
  return torch::rand(sizes) * (2 * bound) - bound;
}

}  // namespace

bool weighs_over_all(const MixtureOptions& options) {
  return options.weights_over == "auto" ? options.top_k == 1 : options.weights_over == "all";
}

std::span<const Option<MixtureOptions>> mixture_options() {
  static constexpr std::array<std::string_view, 3> kWeighings{"auto", "chosen", "all"};
  static const std::array kOptions{
      Option<MixtureOptions>{"experts", &MixtureOptions::num_experts, 1, 4096, "", "experts in a layer"},
      Option<MixtureOptions>{"top_k", &MixtureOptions::top_k, 1, 4096, "", "experts that a token uses"},
      Option<MixtureOptions>{
          "expert_hidden", &MixtureOptions::hidden, 0, 1e6, "",
          "hidden neurons of an expert, 0 for 4 width / top_k: those in use are as many as in "
          "a dense layer"},
      Option<MixtureOptions>{
          "weights_over", &MixtureOptions::weights_over, 0, 0, "",
          "the experts among which a chosen one's weight is normalised; auto means all for "
          "--top-k 1, where the router could not learn else, and the chosen ones for more",
          kWeighings},
      Option<MixtureOptions>{
          "capacity", &MixtureOptions::capacity, 0, 1e6, "",
          "in training an expert takes at most so many times its equal share of the tokens of a "
          "step, and those with the least weight beyond are dropped; 0 for no limit"},
      Option<MixtureOptions>{"balance_weight", &MixtureOptions::balance_weight, 0, 1e6, "",
                             "of the load-balancing loss, which is 1 for equal loads"},
      Option<MixtureOptions>{"z_weight", &MixtureOptions::z_weight, 0, 1e6, "",
                             "of the squared logarithm of the sum of the scores' exponentials"},
  };
  return kOptions;
}

void check(const MixtureOptions& options) {
  check_options(options, mixture_options());
  if (options.top_k > options.num_experts) {
    throw InputError(fmt::format("--top-k {} is more than --experts {}", options.top_k, options.num_experts),
                     "a token cannot use more experts than there are", "Lower it, or have more experts.");
  }
  check(options.router);
}

std::int64_t Routing::num_dropped() const {
  return kept.defined() ? kept.numel() - kept.sum().item<std::int64_t>() : 0;
}

Routing joined(std::span<const Routing> parts) {
  MOEST_EXPECT(!parts.empty());
  const auto joined_field = [parts](torch::Tensor Routing::*field) {
    std::vector<torch::Tensor> tensors;
    for (const Routing& part : parts) {
      tensors.push_back(part.*field);
    }
    return tensors.front().defined() ? torch::cat(tensors) : torch::Tensor();
  };
  return {joined_field(&Routing::experts), joined_field(&Routing::weights), joined_field(&Routing::scores),
          joined_field(&Routing::probabilities), joined_field(&Routing::kept)};
}

std::vector<Routing> joined(std::span<const std::vector<Routing>> layers) {
  std::vector<Routing> routing;
  routing.reserve(layers.size());
  for (const std::vector<Routing>& parts : layers) {
    routing.push_back(joined(std::span<const Routing>(parts)));
  }
  return routing;
}

MixtureLayerImpl::MixtureLayerImpl(std::int64_t width, const MixtureOptions& options) : options_(options) {
  MOEST_EXPECT(width >= 1);
  check(options);
  const std::int64_t k = options.num_experts;
  const std::int64_t hidden =
      options.hidden > 0 ? options.hidden : std::max<std::int64_t>(1, 4 * width / options.top_k);
  router_ = register_module("router", Router(options.router, width, k));
  inner_weight_ = register_parameter("inner_weight", uniform({k, width, hidden}, width));
  inner_bias_ = register_parameter("inner_bias", uniform({k, hidden}, width));
  outer_weight_ = register_parameter("outer_weight", uniform({k, hidden, width}, hidden));
  outer_bias_ = register_parameter("outer_bias", uniform({k, width}, hidden));
}

torch::Tensor MixtureLayerImpl::forward(const torch::Tensor& x) {
  const torch::Tensor tokens = x.reshape({-1, x.size(-1)});
  MOEST_EXPECT(tokens.size(0) >= 1);
  const torch::Tensor scores = router_->scores(tokens);
  const auto [best_scores, experts] = scores.topk(options_.top_k, 1);
  const torch::Tensor open = router_->weights(scores);
  const torch::Tensor weights =
      weighs_over_all(options_) ? open.gather(1, experts) : router_->weights(best_scores);
  note_routing(scores, open, experts, weights);
  return combined_experts(tokens, experts, weights).view_as(x);
}

void MixtureLayerImpl::note_routing(const torch::Tensor& scores, const torch::Tensor& open,
                                    const torch::Tensor& experts, const torch::Tensor& weights) {
  const std::int64_t k = options_.num_experts;
  const torch::Tensor probabilities = open / open.sum(1, /*keepdim=*/true);
  const torch::Tensor shares =
      torch::bincount(experts.flatten(), {}, k).to(scores.scalar_type()) / experts.numel();
  const torch::Tensor balance = static_cast<double>(k) * (shares * probabilities.mean(0)).sum();
  auxiliary_loss_ =
      options_.balance_weight * balance + options_.z_weight * scores.logsumexp(1).square().mean();
  routing_ = {experts, weights.detach(), scores.detach(), probabilities.detach(), {}};
}

// Where sorting costs more than it saves: measured at widths from 64 to 256 on two cores.
bool MixtureLayerImpl::is_dense(std::int64_t num_tokens) const {
  const bool is_small = num_tokens <= 8 && options_.num_experts <= 4 * options_.top_k;
  return (options_.capacity == 0 || !is_training()) && (options_.top_k == options_.num_experts || is_small);
}

torch::Tensor MixtureLayerImpl::combined_experts(const torch::Tensor& x, const torch::Tensor& experts,
                                                 const torch::Tensor& weights) {
  const torch::ScalarType type = product_type(x);
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const auto typed = [type](const torch::Tensor& tensor) { return tensor.to(type); };
  if (is_dense(x.size(0))) {
    const torch::Tensor all_weights =
        torch::zeros({x.size(0), options_.num_experts}, weights.options()).scatter(1, experts, weights);
    return all_experts(typed(x), typed(all_weights), typed(inner_weight_), typed(inner_bias_),
                       typed(outer_weight_), typed(outer_bias_));
  }
  const double share = static_cast<double>(experts.numel()) / options_.num_experts;
  const double room = is_training() ? std::ceil(options_.capacity * share) : 0;
  const Dispatch dispatch =
      dispatch_of(experts, routing_.weights, options_.num_experts, static_cast<std::int64_t>(room));
  routing_.kept = dispatch.kept;
  return SortedExperts::apply(typed(x), typed(weights), typed(inner_weight_), typed(inner_bias_),
                              typed(outer_weight_), typed(outer_bias_), dispatch);
}

torch::Tensor MixtureLayerImpl::auxiliary_loss() const {
  return auxiliary_loss_.defined() ? auxiliary_loss_ : torch::zeros({}, outer_bias_.options());
}

}  // namespace moest::nn
