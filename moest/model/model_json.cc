#include "moest/model/model_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/base/json_reader.h"
#include "moest/base/json_text.h"
#include "moest/base/option_json.h"
#include "moest/model/catalogue.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

Affine affine_of(const Json& json, const std::string& path) {
  ObjectReader reader(json, path);
  Affine affine;
  affine.offset = number_of(reader.require("offset"), reader.path_of("offset"));
  affine.scale = number_of(reader.require("scale"), reader.path_of("scale"));
  reader.refuse_the_rest();
  if (!(affine.scale > 0)) {
    refuse_type(reader.path_of("scale"), json["scale"], "a positive number");
  }
  return affine;
}

TargetRange target_range_of(const Json& json, const std::string& path) {
  ObjectReader reader(json, path);
  const TargetRange range{number_of(reader.require("low"), reader.path_of("low")),
                          number_of(reader.require("high"), reader.path_of("high"))};
  reader.refuse_the_rest();
  if (range.low > range.high) {
    refuse_type(reader.path_of("high"), json["high"], "no less than low");
  }
  return range;
}

Json affine_json(const Affine& affine) { return {{"offset", affine.offset}, {"scale", affine.scale}}; }

Atom gate_of(ObjectReader& reader) {
  Atom atom;
  if (const Json* bias = reader.find("bias")) {
    atom.bias = number_of(*bias, reader.path_of("bias"));
  }
  atom.gate = list_of(reader.require("gate"), reader.path_of("gate"), number_of);
  return atom;
}

/// The lists of a model with several outputs, one after the other.
std::vector<double> joined(const Json& json, const std::string& path, const std::vector<int>& sizes) {
  const auto lists = list_of(json, path, [](const Json& list, const std::string& path_of_list) {
    return list_of(list, path_of_list, number_of);
  });
  const auto expect = [&](const std::string& where, std::size_t given, std::size_t wanted,
                          std::string_view what) {
    if (given != wanted) {
      throw InputError(fmt::format("{} has {} {}", where, given, what),
                       fmt::format("this expert, its inputs and targets need {}", wanted),
                       "Correct the list or the expert, inputs and target fields.");
    }
  };
  expect(path, lists.size(), sizes.size(), "lists");
  std::vector<double> all;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    expect(fmt::format("{}[{}]", path, i), lists[i].size(), static_cast<std::size_t>(sizes[i]), "numbers");
    all.insert(all.end(), lists[i].begin(), lists[i].end());
  }
  return all;
}

Json expert_json(const MixtureSpec& spec, const std::vector<double>& expert) {
  if (spec.num_outputs == 1) {
    return expert;
  }
  Json lists = Json::array();
  auto next = expert.begin();
  for (const int size : expert_places(spec).list_sizes()) {
    lists.push_back(std::vector<double>(next, next + size));
    next += size;
  }
  return lists;
}

Atom atom_of(const Json& json, const std::string& path, const MixtureSpec& spec) {
  ObjectReader reader(json, path);
  Atom atom = gate_of(reader);
  const Json& expert = reader.require("expert");
  const bool is_flat =
      spec.num_outputs == 1 && !(expert.is_array() && !expert.empty() && expert[0].is_array());
  if (is_flat) {
    atom.expert = list_of(expert, reader.path_of("expert"), number_of);
  } else {
    atom.expert = joined(expert, reader.path_of("expert"), expert_places(spec).list_sizes());
  }
  reader.refuse_the_rest();
  return atom;
}

/// The gates of the groups, and their sizes if the file gives them here and not among the options.
void read_groups(const Json& json, Model& model) {
  std::vector<int> sizes;
  model.groups = list_of(json, "groups", [&](const Json& item, const std::string& path) {
    ObjectReader reader(item, path);
    Atom group = gate_of(reader);
    if (const Json* size = reader.find("size")) {
      sizes.push_back(whole_of(*size, reader.path_of("size")));
    }
    reader.refuse_the_rest();
    return group;
  });
  const auto refuse = [](const std::string& problem, const std::string& why) {
    throw InputError(problem, why, "Correct the sizes of the groups or gate.groups.");
  };
  Partition& partition = model.spec.gate.groups;
  if (!sizes.empty() && sizes.size() != model.groups.size()) {
    refuse("some groups have no size", "either all have one, or none");
  }
  const bool from_options = !(partition == Partition{});
  if (!from_options) {
    partition = sizes.empty() ? Partition{static_cast<int>(model.groups.size()), {}} : Partition{0, sizes};
  }
  partition.sizes = at_path(from_options ? "gate.groups" : "groups", [&] { return group_sizes(model.spec); });
  partition.number = 0;
  if (!sizes.empty() && sizes != partition.sizes) {
    refuse(fmt::format("the groups have the sizes {}", fmt::join(sizes, ", ")),
           fmt::format("gate.groups says {}", fmt::join(partition.sizes, ", ")));
  }
}

/// What all atoms share: the learned temperature, 1 if the file does not say.
void read_shared(const Json* json, GateSpec& gate) {
  if (json == nullptr) {
    return;
  }
  ObjectReader reader(*json, "shared");
  const Json& temperature = reader.require("temperature");
  gate.temperature.value = number_of(temperature, "shared.temperature");
  reader.refuse_the_rest();
  if (!(gate.temperature.value > 0)) {
    refuse_type("shared.temperature", temperature, "a positive number");
  }
}

Scaling scaling_of(const Json& json, const std::string& path) {
  ObjectReader reader(json, path);
  Scaling scaling;
  scaling.inputs = list_of(reader.require("inputs"), reader.path_of("inputs"), affine_of);
  scaling.targets = list_of(reader.require("targets"), reader.path_of("targets"), affine_of);
  reader.refuse_the_rest();
  return scaling;
}

Categories categories_of(const Json& json, const std::string& path) {
  if (!json.is_object()) {
    refuse_type(path, json, "an object of lists");
  }
  Categories categories;
  for (const auto& [column, levels] : json.items()) {
    categories[column] = list_of(levels, fmt::format("{}.{}", path, column), string_of);
  }
  return categories;
}

/// The lower triangle, row by row.
Json covariance_json(const ParameterCovariance& covariance) {
  Json rows = Json::array();
  for (Eigen::Index i = 0; i < covariance.matrix.rows(); ++i) {
    const auto row = covariance.matrix.row(i).head(i + 1);
    rows.push_back(std::vector<double>(row.begin(), row.end()));
  }
  return {{"degrees_of_freedom", covariance.degrees_of_freedom}, {"lower_triangle", rows}};
}

ParameterCovariance covariance_of(const Json& json) {
  ObjectReader reader(json, "covariance");
  ParameterCovariance covariance;
  covariance.degrees_of_freedom =
      number_of(reader.require("degrees_of_freedom"), "covariance.degrees_of_freedom");
  const std::string path = "covariance.lower_triangle";
  const auto rows =
      list_of(reader.require("lower_triangle"), path,
              [](const Json& row, const std::string& at) { return list_of(row, at, number_of); });
  reader.refuse_the_rest();
  const auto size = static_cast<Eigen::Index>(rows.size());
  covariance.matrix.resize(size, size);
  for (Eigen::Index i = 0; i < size; ++i) {
    const std::vector<double>& row = rows[static_cast<std::size_t>(i)];
    if (static_cast<Eigen::Index>(row.size()) != i + 1) {
      throw InputError(fmt::format("{}[{}] has {} numbers", path, i, row.size()),
                       fmt::format("row {} of a lower triangle has {}", i + 1, i + 1), "Correct the list.");
    }
    for (Eigen::Index j = 0; j <= i; ++j) {
      covariance.matrix(i, j) = covariance.matrix(j, i) = row[static_cast<std::size_t>(j)];
    }
  }
  return covariance;
}

/// Columns that `simulate` and `predict` write must have names that differ.
void check_targets(const Model& model) {
  std::vector<std::string> seen = model.inputs;
  for (const std::string& name : model.targets) {
    const bool is_taken = std::find(seen.begin(), seen.end(), name) != seen.end();
    if (name.empty() || is_taken) {
      throw InputError(fmt::format("the target `{}` cannot be used", name),
                       name.empty() ? "it has no name" : "another target, or an input, has its name",
                       "Give it a name of its own.");
    }
    seen.push_back(name);
  }
}

void check_version(ObjectReader& reader) {
  const Json& version = reader.require("moest_model");
  if (!version.is_number_integer() || version != Json(kModelFileVersion)) {
    throw InputError(fmt::format("moest_model = {} is not supported", version.dump()),
                     fmt::format("this program reads version {}", kModelFileVersion),
                     "Use the moest that wrote the file, or a newer one.");
  }
}

void check_members(const Ensemble& ensemble) {
  if (ensemble.members.empty()) {
    throw InputError("members is empty", "an ensemble has at least one model", "Add a model.");
  }
  const auto is_positive = [](double weight) { return weight > 0; };
  const bool fits = ensemble.weights.size() == ensemble.members.size() &&
                    std::all_of(ensemble.weights.begin(), ensemble.weights.end(), is_positive);
  if (!ensemble.weights.empty() && !fits) {
    throw InputError(
        fmt::format("weights has {} numbers, or one that is not positive", ensemble.weights.size()),
        fmt::format("there are {} members", ensemble.members.size()),
        "Give each member a positive weight, or leave the field out.");
  }
  const Model& first = ensemble.members.front();
  for (std::size_t i = 1; i < ensemble.members.size(); ++i) {
    const Model& member = ensemble.members[i];
    if (member.inputs != first.inputs || member.targets != first.targets ||
        member.categories != first.categories) {
      throw InputError(fmt::format("members[{}] has other inputs or targets than members[0]", i),
                       "the predictions of an ensemble are averaged",
                       "Put models of the same data together.");
    }
  }
}

/// What from_json makes of the text, which messages call source.
template <class FromJson>
auto parsed(const std::string& text, const std::string& source, const FromJson& from_json) {
  const Json json = parse_json(text, source, "a model file",
                               "Was the file cut short? Write it again with `moest fit ... --output`.");
  try {
    return from_json(json);
  } catch (const InputError& error) {
    throw InputError::at(source, error);
  }
}

std::string name_of_source(const std::string& path) { return path == "-" ? "standard input" : path; }

}  // namespace

Json to_json(const Model& model) {
  GateSpec gate = model.spec.gate;
  gate.temperature.learned = learns_temperature(gate);
  gate.groups = {0, group_sizes(model.spec)};
  Json json{
      {"moest_model", kModelFileVersion},
      {"gate", kind_json(gate_info(model.spec.gate.kind), gate_options(), gate)},
      {"expert", kind_json(expert_kind(model.spec.expert.kind).info, expert_options(), model.spec.expert)},
      {"inputs", model.inputs},
      {"target", one_or_all(model.targets)}};
  Json& atoms = json["atoms"] = Json::array();
  for (const Atom& atom : model.atoms) {
    atoms.push_back(
        {{"bias", atom.bias}, {"gate", atom.gate}, {"expert", expert_json(model.spec, atom.expert)}});
  }
  for (std::size_t g = 0; g < model.groups.size(); ++g) {
    const Atom& group = model.groups[g];
    json["groups"].push_back({{"bias", group.bias}, {"gate", group.gate}, {"size", gate.groups.sizes[g]}});
  }
  if (gate.temperature.learned.value_or(false)) {
    json["shared"] = {{"temperature", gate.temperature.value}};
  }
  if (!model.noise_variance.empty()) {
    json["noise_variance"] = one_or_all(model.noise_variance);
  }
  if (model.scaling) {
    Json inputs = Json::array();
    for (const Affine& affine : model.scaling->inputs) {
      inputs.push_back(affine_json(affine));
    }
    Json targets = Json::array();
    for (const Affine& affine : model.scaling->targets) {
      targets.push_back(affine_json(affine));
    }
    json["scaling"] = {{"inputs", inputs}, {"targets", targets}};
  }
  for (const TargetRange& range : model.target_ranges) {
    json["target_ranges"].push_back({{"low", range.low}, {"high", range.high}});
  }
  if (!model.categories.empty()) {
    json["categories"] = model.categories;
  }
  if (model.fit) {
    json["fit"] = *model.fit;
  }
  if (model.covariance) {
    json["covariance"] = covariance_json(*model.covariance);
  }
  return json;
}

Json to_json(const Ensemble& ensemble) {
  MOEST_EXPECT(!ensemble.members.empty());
  if (ensemble.members.size() == 1) {
    return to_json(ensemble.members.front());
  }
  Json members = Json::array();
  for (const Model& member : ensemble.members) {
    members.push_back(to_json(member));
  }
  Json json{{"moest_model", kModelFileVersion}, {"members", members}};
  if (!ensemble.weights.empty()) {
    json["weights"] = ensemble.weights;
  }
  return json;
}

Ensemble ensemble_from_json(const Json& json) {
  if (!json.is_object() || !json.contains("members")) {
    return {{model_from_json(json)}};
  }
  ObjectReader reader(json, "");
  check_version(reader);
  Ensemble ensemble;
  ensemble.members =
      list_of(reader.require("members"), "members", [](const Json& member, const std::string& path) {
        try {
          return model_from_json(member);
        } catch (const InputError& error) {
          throw InputError::at(path, error);
        }
      });
  if (const Json* weights = reader.find("weights")) {
    ensemble.weights = list_of(*weights, "weights", number_of);
    if (ensemble.weights.empty()) {
      refuse_type("weights", *weights, "a number for each member");
    }
  }
  reader.refuse_the_rest();
  check_members(ensemble);
  return ensemble;
}

GateSpec gate_from_json(const Json& json, const std::string& path) {
  ObjectReader reader(json, path);
  GateSpec gate;
  gate.kind = string_of(reader.require("kind"), reader.path_of("kind"));
  const KindInfo* info = at_path(reader.path_of("kind"), [&] { return &gate_info(gate.kind); });
  read_options(reader, gate_options(), gate, [&](auto name) { return info->has(name); });
  reader.refuse_the_rest();
  return gate;
}

ExpertSpec expert_from_json(const Json& json, const std::string& path) {
  ObjectReader reader(json, path);
  ExpertSpec expert;
  expert.kind = string_of(reader.require("kind"), reader.path_of("kind"));
  const KindInfo* info = at_path(reader.path_of("kind"), [&] { return &expert_kind(expert.kind).info; });
  read_options(reader, expert_options(), expert, [&](auto name) { return info->has(name); });
  reader.refuse_the_rest();
  return expert;
}

Model model_from_json(const Json& json) {
  ObjectReader reader(json, "");
  check_version(reader);
  if (reader.find("members") != nullptr) {
    throw InputError("the file holds an ensemble", "a single model is needed here",
                     "Fit without --ensemble, or write one of its members into a file of its own.");
  }
  Model model;

  model.spec.gate = gate_from_json(reader.require("gate"), "gate");
  model.spec.expert = expert_from_json(reader.require("expert"), "expert");
  model.inputs = list_of(reader.require("inputs"), "inputs", string_of);
  model.targets = one_or_list_of(reader.require("target"), "target", string_of);
  if (model.targets.empty()) {
    refuse_type("target", reader.require("target"), "a text, or a list of them");
  }
  check_targets(model);
  model.spec.num_inputs = static_cast<int>(model.inputs.size());
  model.spec.num_outputs = static_cast<int>(model.targets.size());
  model.atoms = list_of(reader.require("atoms"), "atoms", [&](const Json& atom, const std::string& path) {
    return atom_of(atom, path, model.spec);
  });
  model.spec.num_experts = static_cast<int>(model.atoms.size());
  if (has_groups(model.spec.gate)) {
    read_groups(reader.require("groups"), model);
  } else if (reader.find("groups") != nullptr) {
    throw InputError("the field groups does not belong to this model",
                     fmt::format("the {} gate has no groups", model.spec.gate.kind),
                     R"(Remove it, or write "kind": "hierarchical" in gate.)");
  }
  const Json* shared = reader.find("shared");
  if (learns_temperature(model.spec.gate)) {
    read_shared(shared, model.spec.gate);
  } else if (shared != nullptr) {
    throw InputError("the field shared does not belong to this model", "it holds a learned temperature",
                     R"(Remove it, or write "temperature": "learned" in gate.)");
  }
  if (const Json* variance = reader.find("noise_variance")) {
    model.noise_variance = one_or_list_of(*variance, "noise_variance", number_of);
    if (std::any_of(model.noise_variance.begin(), model.noise_variance.end(),
                    [](double value) { return value < 0; })) {
      refuse_type("noise_variance", *variance, "a number >= 0, or one per target");
    }
  }
  if (const Json* scaling = reader.find("scaling")) {
    model.scaling = scaling_of(*scaling, "scaling");
  }
  if (const Json* ranges = reader.find("target_ranges")) {
    model.target_ranges = list_of(*ranges, "target_ranges", target_range_of);
  }
  if (const Json* categories = reader.find("categories")) {
    model.categories = categories_of(*categories, "categories");
  }
  if (const Json* covariance = reader.find("covariance")) {
    model.covariance = covariance_of(*covariance);
  }
  if (const Json* fit = reader.find("fit")) {
    model.fit = *fit;
  }
  reader.refuse_the_rest();
  check(model);
  return model;
}

Model parse_model(const std::string& text, const std::string& source) {
  return parsed(text, source, model_from_json);
}

Ensemble parse_ensemble(const std::string& text, const std::string& source) {
  return parsed(text, source, ensemble_from_json);
}

Model read_model(const std::string& path) { return parse_model(read_input(path), name_of_source(path)); }

Ensemble read_ensemble(const std::string& path) {
  return parse_ensemble(read_input(path), name_of_source(path));
}

void write_model(const std::string& path, const Model& model) {
  check(model);
  write_output(path, readable_text(to_json(model)));
}

void write_ensemble(const std::string& path, const Ensemble& ensemble) {
  for (const Model& member : ensemble.members) {
    check(member);
  }
  check_members(ensemble);
  write_output(path, readable_text(to_json(ensemble)));
}

}  // namespace moest
