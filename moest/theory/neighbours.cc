#include "moest/theory/neighbours.h"

#include <algorithm>
#include <functional>

#include "moest/model/catalogue.h"

namespace moest {
namespace {

struct Change {
  std::string text;
  std::string options;
  std::function<void(MixtureFamily&)> apply;
};

void set_gate(MixtureFamily& family, const std::string& kind) {
  family.spec.gate.kind = kind;
  family.spec.gate.router = "identity";
  family.spec.gate.temperature = {1.0, {}};
  family.spec.gate.groups = {};
}

std::vector<Change> gate_changes(const MixtureSpec& spec) {
  std::vector<Change> changes;
  const auto offer = [&](const std::string& text, const std::string& options,
                         std::function<void(MixtureFamily&)> f) {
    changes.push_back({text, options, std::move(f)});
  };
  if (spec.gate.kind == "cosine") {
    offer("perturb both norms", "--gate perturbed_cosine",
          [](MixtureFamily& f) { set_gate(f, "perturbed_cosine"); });
  } else if (spec.gate.kind == "perturbed_cosine" && learns_temperature(spec.gate)) {
    offer("fix the temperature", "--temperature 1", [](MixtureFamily& f) {
      f.spec.gate.temperature = {1.0, false};
    });
  } else if (spec.gate.kind == "dense_to_sparse" && spec.gate.router == "identity") {
    offer("a nonlinear router", "--router tanh", [](MixtureFamily& f) { f.spec.gate.router = "tanh"; });
    offer("fix the temperature", "--temperature 1", [](MixtureFamily& f) {
      f.spec.gate.temperature = {1.0, false};
    });
  } else if (spec.gate.kind == "quadratic") {
    offer("leave out the linear part of the scores", "--gate monomial",
          [](MixtureFamily& f) { set_gate(f, "monomial"); });
    offer("linear scores", "--gate softmax", [](MixtureFamily& f) { set_gate(f, "softmax"); });
  } else if (spec.gate.kind == "laplace" && spec.num_inputs == 1) {
    offer("scores without a kink", "--gate softmax", [](MixtureFamily& f) { set_gate(f, "softmax"); });
  }
  return changes;
}

std::vector<Change> expert_changes(const MixtureFamily& family) {
  const ExpertSpec& expert = family.spec.expert;
  std::vector<Change> changes;
  const auto neuron = [](const std::string& kind) {
    return [kind](MixtureFamily& f) {
      f.formula.reset();
      f.activation.reset();
      f.spec.expert = ExpertSpec{};
      f.spec.expert.kind = kind;
    };
  };
  if (!family.formula && (expert.output_weight || expert.output_offset)) {
    changes.push_back(
        {"drop the output weight and offset", "without --output-weight and --output-offset",
         [](MixtureFamily& f) { f.spec.expert.output_weight = f.spec.expert.output_offset = false; }});
  }
  if (family.activation && expert.bias && !expert_form(expert).is_network) {
    changes.push_back({"drop the bias", "--no-bias", [](MixtureFamily& f) { f.spec.expert.bias = false; }});
  }
  for (const char* kind : {"tanh", "sigmoid", "gelu"}) {
    if (family.formula || family.activation || expert.kind != kind) {
      changes.push_back(
          {std::string(kind) + " neurons as experts", std::string("--expert ") + kind, neuron(kind)});
    }
  }
  return changes;
}

Verdict verdict_of(MixtureFamily family, std::uint64_t seed) {
  family.spec.num_experts = 2;
  family.spec.num_inputs = std::min(family.spec.num_inputs, 2);
  family.spec.num_outputs = 1;
  if (family.formula) {
    family.spec.num_inputs =
        static_cast<int>(family.formula->names().size()) - family.num_expert_parameters();
  }
  IdentifiabilityOptions options;
  options.num_experts = 3;
  options.num_truths = 1;
  options.seed = seed;
  return analyze(family, std::nullopt, options).over.verdict;
}

}  // namespace

std::vector<Neighbour> regular_neighbours(const Identifiability& result, std::uint64_t seed) {
  const Verdict now = result.over.verdict;
  if (now != Verdict::flat && now != Verdict::slow && now != Verdict::scale_gauge) {
    return {};
  }
  const std::vector<Change> gates = gate_changes(result.family.spec);
  const std::vector<Change> experts = expert_changes(result.family);
  std::vector<Neighbour> found;
  const auto attempt = [&](const std::vector<Change>& changes) {
    MixtureFamily family = result.family;
    family.spec.gate.top_k = 0;
    Neighbour neighbour;
    for (const Change& change : changes) {
      change.apply(family);
      neighbour.change += (neighbour.change.empty() ? "" : ", and ") + change.text;
      neighbour.options += (neighbour.options.empty() ? "" : " ") + change.options;
    }
    neighbour.over = verdict_of(family, seed);
    if (neighbour.over == Verdict::regular) {
      found.push_back(neighbour);
    }
  };
  for (const Change& change : gates) {
    attempt({change});
  }
  for (const Change& change : experts) {
    attempt({change});
  }
  if (found.empty()) {
    for (const Change& gate : gates) {
      for (const Change& expert : experts) {
        if (found.empty()) {
          attempt({gate, expert});
        }
      }
    }
  }
  return found;
}

}  // namespace moest
