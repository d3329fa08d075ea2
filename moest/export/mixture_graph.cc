#include "moest/export/mixture_graph.h"

#include <fmt/format.h>

#include <numeric>
#include <utility>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

/// The graph of one model.
class ModelWriter {
 public:
  ModelWriter(const Model& model, GraphWriter& writer)
      : spec_(model.spec), model_(model), writer_(writer), k_(spec_.num_experts), m_(spec_.num_outputs) {
    spec_.gate.temperature.learned = false;  // it is known now
    measure_ = measure_in_chart(spec_, model.measure());
  }

  /// w (n x k) of the scaled inputs.
  std::string weights(const std::string& x);
  /// f (n x m), in the targets' units.
  std::string mean(const std::string& x, const std::string& weights);

 private:
  std::string gate_features(const std::string& seen);
  std::string affine_scores(const std::string& z, const std::vector<Atom>& atoms);
  std::string distance_scores(const std::string& seen);
  std::string softmax_of_largest(const std::string& scores);
  std::string hierarchical_weights(const std::string& z);
  std::string neurons(const std::string& x);
  std::string experts(const std::string& x);

  std::vector<std::int64_t> shape(std::initializer_list<int> sizes) { return {sizes.begin(), sizes.end()}; }

  MixtureSpec spec_;
  const Model& model_;
  GraphWriter& writer_;
  int k_, m_;
  Measure measure_;
};

/// z (n x p), as the gate of that kind has it.
std::string ModelWriter::gate_features(const std::string& seen) {
  const std::string& kind = spec_.gate.kind;
  const bool are_inputs = visit_gate(kind, [](auto gate) { return decltype(gate)::kFeaturesAreInputs; });
  if (are_inputs) {
    return seen;
  }
  if (kind == CosineGate::kInfo.name) {
    const GraphWriter::Length length = writer_.length(seen);
    return writer_.add("Div", {length.direction, length.relative});
  }
  if (kind == PerturbedCosineGate::kInfo.name) {
    const GraphWriter::Length length = writer_.length(seen);
    const std::string norm = writer_.add("Mul", {length.relative, length.unit});
    return writer_.add("Div", {seen, writer_.add("Add", {norm, writer_.graph().number(spec_.gate.tau2)})});
  }
  if (kind == QuadraticGate::kInfo.name || kind == MonomialGate::kInfo.name) {
    std::vector<std::int64_t> first, second;
    std::vector<double> counts;
    for (int u = 0; u < spec_.num_inputs; ++u) {
      for (int v = u; v < spec_.num_inputs; ++v) {
        first.push_back(u);
        second.push_back(v);
        counts.push_back(u == v ? 1 : 2);
      }
    }
    const auto pick = [&](const std::vector<std::int64_t>& columns) {
      return writer_.add("Gather", {seen, writer_.graph().whole_numbers(columns)}, {{"axis", {1}}});
    };
    const std::string products =
        writer_.add("Mul", {writer_.add("Mul", {pick(first), pick(second)}), writer_.row(counts)});
    return kind == QuadraticGate::kInfo.name ? writer_.add("Concat", {products, seen}, {{"axis", {1}}})
                                             : products;
  }
  throw InputError(fmt::format("a model with the {} gate cannot be exported", kind),
                   "its features have no graph of operators", "Fit a model with another gate.");
}

/// r(v_i . z + b_i) or, where the bias is outside, r(v_i . z) / temperature + b_i.
std::string ModelWriter::affine_scores(const std::string& z, const std::vector<Atom>& atoms) {
  const std::size_t size = atoms.size();
  const std::size_t num_features = atoms.front().gate.size();
  std::vector<double> slopes(num_features * size);
  std::vector<double> biases;
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < num_features; ++j) {
      slopes[j * size + i] = atoms[i].gate[j];
    }
    biases.push_back(atoms[i].bias);
  }
  const std::string matrix = writer_.graph().constant(
      {static_cast<std::int64_t>(num_features), static_cast<std::int64_t>(size)}, std::move(slopes));
  const std::string bias = writer_.row(std::move(biases));
  const Link link = gate_link(spec_.gate);
  if (!gate_bias_is_outside(spec_.gate)) {
    return writer_.link(link, writer_.add("Gemm", {z, matrix, bias}));
  }
  const std::string value = writer_.link(link, writer_.add("MatMul", {z, matrix}));
  const std::string factor = writer_.graph().number(1 / spec_.gate.temperature.value);
  return writer_.add("Add", {writer_.add("Mul", {value, factor}), bias});
}

/// b_i - |omega_i - x|.
std::string ModelWriter::distance_scores(const std::string& seen) {
  std::vector<double> centres, biases;
  for (const Atom& atom : measure_.atoms) {
    centres.insert(centres.end(), atom.gate.begin(), atom.gate.end());
    biases.push_back(atom.bias);
  }
  const std::string points = writer_.add("Unsqueeze", {seen, writer_.graph().whole_numbers({1})});
  const std::string centre = writer_.graph().constant(shape({k_, spec_.num_inputs}), std::move(centres));
  const GraphWriter::Length length = writer_.length(writer_.add("Sub", {points, centre}));  // n x k x 1
  const std::string distance = writer_.add("Mul", {length.relative, length.unit});
  return writer_.add("Sub", {writer_.row(std::move(biases)), writer_.sum_over(2, distance)});
}

/// The softmax of the top_k largest scores; TopK prefers the lower index among equal ones, as the model does.
std::string ModelWriter::softmax_of_largest(const std::string& scores) {
  const std::vector<GraphAttribute> of_row{{"axis", {1}}};
  if (spec_.gate.top_k == 0 || spec_.gate.top_k == k_) {
    return writer_.add("Softmax", {scores}, of_row);
  }
  Graph& graph = writer_.graph();
  const std::vector<std::string> largest =
      graph.add_many("TopK", {scores, graph.whole_numbers({spec_.gate.top_k})}, 2, of_row);
  const std::string kept = writer_.add("Softmax", {largest[0]}, of_row);
  const std::string zeros = writer_.add("Expand", {graph.number(0), writer_.add("Shape", {scores})});
  return writer_.add("ScatterElements", {zeros, largest[1], kept}, of_row);
}

std::string ModelWriter::hierarchical_weights(const std::string& z) {
  const std::vector<GraphAttribute> of_row{{"axis", {1}}};
  const auto softmax = [&](const std::vector<Atom>& atoms) {
    return writer_.add("Softmax", {affine_scores(z, atoms)}, of_row);
  };
  std::vector<std::string> inside;
  std::vector<std::int64_t> group_of_expert;
  auto next = measure_.atoms.begin();
  for (const int size : group_sizes(spec_)) {
    group_of_expert.insert(group_of_expert.end(), static_cast<std::size_t>(size),
                           static_cast<std::int64_t>(inside.size()));
    inside.push_back(softmax({next, next + size}));
    next += size;
  }
  const std::string shares = writer_.add(
      "Gather", {softmax(measure_.groups), writer_.graph().whole_numbers(group_of_expert)}, of_row);
  return writer_.add("Mul", {writer_.add("Concat", inside, of_row), shares});
}

std::string ModelWriter::weights(const std::string& x) {
  const std::string seen = spec_.gate.input_map == "tanh" ? writer_.add("Tanh", {x}) : x;
  if (gate_link(spec_.gate) == Link::negative_distance) {
    return softmax_of_largest(distance_scores(seen));
  }
  const std::string z = gate_features(seen);
  switch (gate_combiner(spec_.gate)) {
    case Combiner::softmax:
      return softmax_of_largest(affine_scores(z, measure_.atoms));
    case Combiner::hierarchical:
      return hierarchical_weights(z);
    case Combiner::separate:
      break;
  }
  return affine_scores(z, measure_.atoms);
}

/// a . x + b of all neurons: n x m x k or, of networks, n x (m, or 1 where outputs share them) x k x H. Of
/// experts that do not look at x, m x k.
std::string ModelWriter::neurons(const std::string& x) {
  const ExpertForm form = expert_form(spec_.expert);
  const ExpertPlaces places = expert_places(spec_);
  const int copies = places.shares_neurons() ? 1 : m_;
  std::vector<std::vector<double>> slopes(static_cast<std::size_t>(form.uses_inputs ? spec_.num_inputs : 0));
  std::vector<double> biases;
  for (int copy = 0; copy < copies; ++copy) {
    for (const Atom& atom : measure_.atoms) {
      for (int neuron = 0; neuron < form.num_neurons; ++neuron) {
        auto next = static_cast<std::size_t>(places.inner(copy, neuron));
        for (std::vector<double>& of_input : slopes) {
          of_input.push_back(atom.expert[next++]);
        }
        biases.push_back(form.bias ? atom.expert[next] : 0);
      }
    }
  }
  if (slopes.empty()) {
    return writer_.graph().constant(shape({m_, k_}), std::move(biases));
  }
  const auto width = static_cast<std::int64_t>(biases.size());
  std::vector<double> matrix;
  for (const std::vector<double>& of_input : slopes) {
    matrix.insert(matrix.end(), of_input.begin(), of_input.end());
  }
  std::vector<std::string> factors{x, writer_.graph().constant({spec_.num_inputs, width}, std::move(matrix))};
  if (form.bias) {
    factors.push_back(writer_.row(std::move(biases)));
  }
  const std::string t = writer_.add("Gemm", std::move(factors));
  // In a shape, 0 stands for the size that is there.
  const std::vector<std::int64_t> sizes =
      form.is_network ? shape({0, copies, k_, form.num_neurons}) : shape({0, m_, k_});
  return writer_.add("Reshape", {t, writer_.graph().whole_numbers(sizes)});
}

/// h (n x m x k, or m x k), in scaled units.
std::string ModelWriter::experts(const std::string& x) {
  const ExpertForm form = expert_form(spec_.expert);
  const ExpertPlaces places = expert_places(spec_);
  std::vector<double> outer, offsets;
  for (int output = 0; output < m_; ++output) {
    for (const Atom& atom : measure_.atoms) {
      for (int neuron = 0; form.weight && neuron < form.num_neurons; ++neuron) {
        outer.push_back(atom.expert[static_cast<std::size_t>(places.weight(output, neuron))]);
      }
      if (form.offset) {
        offsets.push_back(atom.expert[static_cast<std::size_t>(places.offset(output))]);
      }
    }
  }
  std::string value = writer_.link(form.shape.link, neurons(x));
  if (form.weight) {
    const std::vector<std::int64_t> sizes =
        form.is_network ? shape({m_, k_, form.num_neurons}) : shape({m_, k_});
    value = writer_.add("Mul", {value, writer_.graph().constant(sizes, std::move(outer))});
  }
  if (form.is_network) {
    value = writer_.sum_over(3, value);
  }
  if (form.offset) {
    value = writer_.add("Add", {value, writer_.graph().constant(shape({m_, k_}), std::move(offsets))});
  }
  return value;
}

std::string ModelWriter::mean(const std::string& x, const std::string& weights) {
  const std::string of_each = writer_.add("Unsqueeze", {weights, writer_.graph().whole_numbers({1})});
  std::string mean = writer_.sum_over(2, writer_.add("Mul", {of_each, experts(x)}));
  if (model_.scaling) {
    std::vector<double> scales, offsets;
    for (const Affine& map : model_.scaling->targets) {
      scales.push_back(map.scale);
      offsets.push_back(map.offset);
    }
    mean = writer_.add("Add", {writer_.add("Mul", {mean, writer_.row(scales)}), writer_.row(offsets)});
  }
  if (!model_.target_ranges.empty()) {
    std::vector<double> lows, highs;
    for (const TargetRange& range : model_.target_ranges) {
      lows.push_back(range.low);
      highs.push_back(range.high);
    }
    mean = writer_.add("Min", {writer_.add("Max", {mean, writer_.row(lows)}), writer_.row(highs)});
  }
  return mean;
}

}  // namespace

Graph mixture_graph(const Ensemble& ensemble, OnnxPrecision precision) {
  MOEST_EXPECT(!ensemble.members.empty());
  MOEST_EXPECT(ensemble.weights.empty() || ensemble.weights.size() == ensemble.members.size());
  const bool is_single = ensemble.members.size() == 1;
  const auto count = static_cast<double>(ensemble.members.size());
  const double total = ensemble.weights.empty()
                           ? count
                           : std::accumulate(ensemble.weights.begin(), ensemble.weights.end(), 0.0);
  Graph graph;
  GraphWriter writer(graph, precision);
  std::vector<std::string> means;
  for (std::size_t i = 0; i < ensemble.members.size(); ++i) {
    const Model& model = ensemble.members[i];
    check(model);
    const std::string x = model.scaling ? writer.scaled(kGraphInputs, model.scaling->inputs) : kGraphInputs;
    ModelWriter member(model, writer);
    const std::string weights = member.weights(x);
    std::string mean = member.mean(x, weights);
    if (is_single) {
      graph.give_out(weights, kGraphWeights);
    } else {
      const double share = (ensemble.weights.empty() ? 1 : ensemble.weights[i]) / total;
      mean = writer.add("Mul", {mean, graph.number(share)});
    }
    means.push_back(std::move(mean));
  }
  graph.give_out(is_single ? means.front() : writer.add("Sum", std::move(means)), kGraphMean);
  return graph;
}

}  // namespace moest
