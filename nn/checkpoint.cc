#include "nn/checkpoint.h"

#include <fmt/format.h>

#include "moest/base/error.h"
#include "moest/base/file.h"

namespace moest::nn {
namespace {

using Json = nlohmann::ordered_json;
using TensorDict = c10::Dict<std::string, torch::Tensor>;

InputError damaged(const std::string& path) {
  return {fmt::format("cannot read {}", path), "it is no checkpoint, or it is damaged",
          "Name the folder of a training, or begin another one."};
}

TensorDict dict_of(const NamedTensors& tensors) {
  TensorDict dict;
  for (const auto& [name, tensor] : tensors) {
    dict.insert(name, tensor.detach().to(torch::kCPU));
  }
  return dict;
}

NamedTensors tensors_in(const c10::IValue& value) {
  NamedTensors tensors;
  for (const auto& entry : value.toGenericDict()) {
    tensors[entry.key().toStringRef()] = entry.value().toTensor();
  }
  return tensors;
}

/// As it stands in a message: long values are cut.
std::string value_text(const Json& value) {
  constexpr std::size_t kLongest = 60;
  const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + " ..";
}

struct Difference {
  std::string field, stored, given;
};

std::optional<Difference> first_difference(const Json& stored, const Json& given, const std::string& path) {
  if (stored == given) {
    return std::nullopt;
  }
  if (!stored.is_object() || !given.is_object()) {
    return Difference{path, value_text(stored), value_text(given)};
  }
  const auto path_of = [&](const std::string& field) { return path.empty() ? field : path + "." + field; };
  for (const auto& [field, value] : stored.items()) {
    const auto found = given.find(field);
    if (found == given.end()) {
      return Difference{path_of(field), value_text(value), "absent"};
    }
    if (auto difference = first_difference(value, *found, path_of(field))) {
      return difference;
    }
  }
  for (const auto& [field, value] : given.items()) {
    if (!stored.contains(field)) {
      return Difference{path_of(field), "absent", value_text(value)};
    }
  }
  return std::nullopt;  // the same fields in another order
}

}  // namespace

NamedTensors tensors_of(torch::nn::Module& module) {
  NamedTensors tensors;
  for (const auto& item : module.named_parameters()) {
    tensors[item.key()] = item.value();
  }
  for (const auto& item : module.named_buffers()) {
    tensors[item.key()] = item.value();
  }
  return tensors;
}

void write_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  c10::impl::GenericDict content(c10::StringType::get(), c10::AnyType::get());
  content.insert("header", checkpoint.header.dump());
  content.insert("module", dict_of(checkpoint.module));
  content.insert("optimizer", dict_of(checkpoint.optimizer));
  content.insert("memory", dict_of(checkpoint.memory));
  const std::vector<char> bytes = torch::pickle_save(content);
  write_output(path, {bytes.data(), bytes.size()});
}

Checkpoint read_checkpoint(const std::string& path) {
  const std::string bytes = read_input(path);
  try {
    const auto content = torch::pickle_load({bytes.begin(), bytes.end()}).toGenericDict();
    return {Json::parse(content.at("header").toStringRef()), tensors_in(content.at("module")),
            tensors_in(content.at("optimizer")), tensors_in(content.at("memory"))};
  } catch (const c10::Error&) {
    throw damaged(path);
  } catch (const std::out_of_range&) {
    throw damaged(path);
  } catch (const Json::exception&) {
    throw damaged(path);
  }
}

void copy_tensors(const NamedTensors& source, const NamedTensors& target, const std::string& path) {
  const torch::NoGradGuard no_gradients;
  const auto refuse = [&](const std::string& name, const std::string& why) {
    throw InputError(fmt::format("{} does not fit: {}", path, name), why,
                     "It was written by another version; begin another training.");
  };
  for (const auto& [name, tensor] : source) {
    if (!target.contains(name)) {
      refuse(name, "this model has no such tensor");
    }
  }
  for (const auto& [name, tensor] : target) {
    const auto found = source.find(name);
    if (found == source.end()) {
      refuse(name, "the file lacks it");
    }
    if (found->second.sizes() != tensor.sizes()) {
      refuse(name, "its shape is another");
    }
    torch::Tensor values = tensor;
    values.copy_(found->second);
  }
}

void check_same_specification(const Json& stored, const Json& given, const std::string& path) {
  const auto difference = first_difference(stored, given, "");
  if (difference) {
    throw InputError(
        fmt::format("{} is of another configuration", path),
        fmt::format("{}: there {}, here {}", difference->field, difference->stored, difference->given),
        "Go on with what it was begun with, or begin another training in another folder.");
  }
}

}  // namespace moest::nn
