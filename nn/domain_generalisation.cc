#include "nn/domain_generalisation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <string_view>

#include "moest/base/error.h"
#include "moest/base/option_json.h"
#include "moest/base/random.h"
#include "nn/routing_statistics.h"

namespace moest::nn {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr int kHeldOutPart = 5;  // one image of so many is held out
constexpr std::int64_t kEvaluationBatch = 250;
constexpr double kLeastSeconds = 1e-3;

// A hexadecimal number that tells these domains from others.
std::string fingerprint(const DomainSet& domains) {
  std::uint64_t sum = 0;
  for (const Domain& domain : domains.domains) {
    const auto* pixels = reinterpret_cast<const char*>(domain.images.pixels.data());
    const auto* labels = reinterpret_cast<const char*>(domain.images.labels.data());
    for (const std::uint64_t part : {text_hash(domain.name), text_hash({pixels, domain.images.pixels.size()}),
                                     text_hash({labels, domain.images.labels.size() * sizeof(int)})}) {
      sum = 31 * sum + part;
    }
  }
  return fmt::format("{:016x}", sum);
}

// Bytes -> numbers in [0, 1].
torch::Tensor inputs(const torch::Tensor& pixels) { return pixels.to(torch::kFloat32) / 255; }

double mean_over(const std::vector<DomainResult>& results, double DomainResult::*field) {
  MOEST_EXPECT(!results.empty());
  double sum = 0;
  for (const DomainResult& result : results) {
    sum += result.*field;
  }
  return sum / static_cast<double>(results.size());
}

using Loads = std::vector<std::vector<double>>;  // of each layer, of each expert

// The mean over layers of the total variation between two loads.
double distance(const Loads& one, const Loads& other) {
  double sum = 0;
  for (std::size_t layer = 0; layer < one.size(); ++layer) {
    for (std::size_t i = 0; i < one[layer].size(); ++i) {
      sum += std::abs(one[layer][i] - other[layer][i]) / 2;
    }
  }
  return sum / static_cast<double>(one.size());
}

// The mean of all loads but the one at `left_out`.
Loads mean_of_others(const std::vector<Loads>& loads, std::size_t left_out) {
  Loads mean;
  for (std::size_t domain = 0; domain < loads.size(); ++domain) {
    if (domain == left_out) {
      continue;
    }
    mean.resize(loads[domain].size());
    for (std::size_t layer = 0; layer < mean.size(); ++layer) {
      mean[layer].resize(loads[domain][layer].size());
      for (std::size_t i = 0; i < mean[layer].size(); ++i) {
        mean[layer][i] += loads[domain][layer][i] / static_cast<double>(loads.size() - 1);
      }
    }
  }
  return mean;
}

// How far the load of one domain is from the mean of the others', on average over these domains.
Json mean_shift(const std::vector<Loads>& loads) {
  if (loads.size() < 2 || loads.front().empty()) {
    return nullptr;
  }
  double sum = 0;
  for (std::size_t domain = 0; domain < loads.size(); ++domain) {
    sum += distance(loads[domain], mean_of_others(loads, domain));
  }
  return sum / static_cast<double>(loads.size());
}

Json shift_of_last(const std::vector<Loads>& loads) {
  if (loads.front().empty()) {
    return nullptr;
  }
  return distance(loads.back(), mean_of_others(loads, loads.size() - 1));
}

}  // namespace

ValidationSplit split_for_validation(int num_images, std::uint64_t seed, std::uint64_t index) {
  MOEST_EXPECT(num_images >= 2);
  const std::vector<int> order = random_order(num_images, seed, index, "held-out images");
  const auto border = order.begin() + std::max(1, num_images / kHeldOutPart);
  return {{border, order.end()}, {order.begin(), border}};
}

std::vector<Draw> balanced_batch(const std::vector<int>& num_images, int batch, std::uint64_t seed,
                                 std::int64_t step) {
  Stream stream(seed, static_cast<std::uint64_t>(step), "batch of images");
  std::vector<Draw> draws;
  for (int j = 0; j < batch; ++j) {
    const std::size_t domain = static_cast<std::size_t>(step + j) % num_images.size();
    draws.push_back({domain, stream.below(num_images[domain])});
  }
  return draws;
}

DomainTask::DomainTask(const DomainSet& domains, std::size_t left_out, const VisionOptions& vision,
                       const TrainingOptions& training)
    : domains_(domains),
      left_out_(left_out),
      vision_(vision),
      training_(training),
      device_(training_device(training)) {
  MOEST_EXPECT(left_out < domains.domains.size() && domains.domains.size() >= 2);
  seed_torch(training.seed, 0, "initial parameters");
  model_ = VisionTransformer(domains.shape(), static_cast<std::int64_t>(domains.classes.size()), vision);
  model_->to(device_);
  std::vector<torch::Tensor> pixels;
  std::vector<torch::Tensor> labels;
  std::int64_t first = 0;
  for (std::size_t domain = 0; domain < domains.domains.size(); ++domain) {
    const int size = domains.domains[domain].images.size();
    if (domain == left_out) {
      std::vector<int> all(static_cast<std::size_t>(size));
      std::iota(all.begin(), all.end(), 0);
      unseen_ = images_of(domain, all);
    } else {
      const ValidationSplit split = split_for_validation(size, training.seed, domain);
      seen_.push_back(domain);
      const Images images = images_of(domain, split.training);
      pixels.push_back(images.pixels);
      labels.push_back(images.labels);
      num_trained_on_.push_back(static_cast<int>(split.training.size()));
      first_trained_on_.push_back(first);
      first += num_trained_on_.back();
      held_out_.push_back(images_of(domain, split.validation));
    }
  }
  trained_on_ = {torch::cat(pixels), torch::cat(labels)};
}

DomainTask::Images DomainTask::images_of(std::size_t domain, const std::vector<int>& indices) const {
  const ImageSet& source = domains_.domains[domain].images;
  ImageSet chosen{source.shape, {}, {}};
  for (const int i : indices) {
    chosen.add(source.image(i), source.labels[static_cast<std::size_t>(i)]);
  }
  const auto pixels = torch::from_blob(
      chosen.pixels.data(), {chosen.size(), source.shape.channels, source.shape.height, source.shape.width},
      torch::kUInt8);
  const auto labels = torch::from_blob(chosen.labels.data(), {chosen.size()}, torch::kInt32);
  return {pixels.clone().to(device_), labels.to(torch::kInt64).to(device_)};
}

nlohmann::ordered_json DomainTask::specification() const {
  Json json{{"command", "domain"},
            {"kind", domains_.kind},
            {"left_out", domains_.domains[left_out_].name},
            {"images", fingerprint(domains_)}};
  json.update(options_json(vision_options(), vision_));
  json.update(options_json(transformer_options(), vision_.transformer));
  json.update(options_json(mixture_options(), vision_.transformer.mixture));
  json.update(router_json(vision_.transformer.mixture.router));
  return json;
}

torch::Tensor DomainTask::loss(std::int64_t step) {
  std::vector<std::int64_t> places;
  for (const Draw& draw : balanced_batch(num_trained_on_, training_.batch, training_.seed, step)) {
    places.push_back(first_trained_on_[draw.domain] + draw.image);
  }
  const torch::Tensor batch = torch::tensor(places, torch::kInt64).to(device_);
  const torch::Tensor logits = model_(inputs(trained_on_.pixels.index_select(0, batch)));
  return torch::nn::functional::cross_entropy(logits, trained_on_.labels.index_select(0, batch)) +
         model_->transformer()->auxiliary_loss();
}

DomainTask::Measure DomainTask::measure(const Images& images) {
  const std::int64_t size = images.labels.size(0);
  const std::vector<MixtureLayer> mixtures = model_->transformer()->mixtures();
  std::vector<std::vector<Routing>> parts(mixtures.size());
  Measure measure;
  for (std::int64_t begin = 0; begin < size; begin += kEvaluationBatch) {
    const std::int64_t end = std::min(size, begin + kEvaluationBatch);
    const torch::Tensor labels = images.labels.slice(0, begin, end);
    const torch::Tensor logits = model_(inputs(images.pixels.slice(0, begin, end))).to(torch::kFloat64);
    measure.accuracy += logits.argmax(1).eq(labels).sum().item<double>() / static_cast<double>(size);
    measure.loss += torch::nn::functional::cross_entropy(logits, labels).item<double>() *
                    static_cast<double>(end - begin) / static_cast<double>(size);
    for (std::size_t layer = 0; layer < mixtures.size(); ++layer) {
      parts[layer].push_back(mixtures[layer]->routing());
    }
  }
  measure.routing = joined(parts);
  return measure;
}

Evaluation DomainTask::evaluate() {
  const auto num_seen = static_cast<double>(seen_.size());
  double validation_accuracy = 0;
  double validation_loss = 0;
  std::vector<Loads> loads;  // of the training domains, then of the one left out
  std::vector<std::vector<Routing>> held_out_routing;
  const auto loads_of = [](const std::vector<Routing>& routing) {
    Loads result;
    for (const Routing& layer : routing) {
      result.push_back(routing_statistics(layer).load);
    }
    return result;
  };
  for (const Images& images : held_out_) {
    const Measure measured = measure(images);
    validation_accuracy += measured.accuracy / num_seen;
    validation_loss += measured.loss / num_seen;
    loads.push_back(loads_of(measured.routing));
    held_out_routing.resize(measured.routing.size());
    for (std::size_t layer = 0; layer < measured.routing.size(); ++layer) {
      held_out_routing[layer].push_back(measured.routing[layer]);
    }
  }
  const Json training_load_shift = mean_shift(loads);
  const Measure unseen = measure(unseen_);
  loads.push_back(loads_of(unseen.routing));

  Json load = Json::object();
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    load[domains_.domains[seen_[i]].name] = loads[i];
  }
  load[domains_.domains[left_out_].name] = loads.back();
  return {std::isfinite(validation_loss) ? 1 - validation_accuracy : validation_loss,
          {{"validation_accuracy", validation_accuracy},
           {"validation_loss", validation_loss},
           {"accuracy", unseen.accuracy},
           {"load_shift", shift_of_last(loads)},
           {"training_load_shift", training_load_shift},
           {"load", load},
           {"routing", routing_.next_json(joined(held_out_routing))}}};
}

Json DomainTask::step_fields() { return {{"routing", last_routing_json(model_->transformer()->mixtures())}}; }

DomainResult leave_one_out(const DomainSet& domains, std::size_t left_out, const VisionOptions& vision,
                           const TrainingOptions& training, const std::string& folder, Beginning beginning,
                           const TrainingControl& control) {
  DomainTask task(domains, left_out, vision, training);
  DomainResult result;
  result.domain = domains.domains[left_out].name;
  result.num_images = domains.domains[left_out].images.size();
  result.num_active_parameters = num_active_parameters(task.module(), task.model()->transformer());
  result.summary = train(task, training, folder, beginning, control);
  for (const Json& line : result.summary.evaluations) {
    result.final_accuracy = line.at("accuracy");
    if (line.at("step") == result.summary.kept_step) {
      result.accuracy = line.at("accuracy");
      result.validation_accuracy = line.at("validation_accuracy");
      result.load_shift = line.at("load_shift");
      result.training_load_shift = line.at("training_load_shift");
    }
  }
  return result;
}

std::int64_t DomainRun::steps() const {
  std::int64_t sum = 0;
  for (const DomainResult& result : results) {
    sum += result.summary.steps;
  }
  return sum;
}

double DomainRun::mean_accuracy() const { return mean_over(results, &DomainResult::accuracy); }

double DomainRun::mean_validation_accuracy() const {
  return mean_over(results, &DomainResult::validation_accuracy);
}

DomainRun leave_each_out(const DomainSet& domains, std::span<const std::size_t> left_out,
                         const VisionOptions& vision, const TrainingOptions& training,
                         const std::string& folder, const std::atomic<bool>* interrupt,
                         const std::function<void(std::size_t, const TrainingProgress&)>& progress) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  DomainRun run;
  for (std::size_t i = 0; i < left_out.size(); ++i) {
    TrainingOptions options = training;
    if (training.max_seconds) {
      const double left = *training.max_seconds - std::chrono::duration<double>(Clock::now() - begin).count();
      options.max_seconds = std::max(left / static_cast<double>(left_out.size() - i), kLeastSeconds);
    }
    TrainingControl control{interrupt};
    if (progress) {
      control.progress = [&progress, i](const TrainingProgress& state) { progress(i, state); };
    }
    const fs::path place = fs::path(folder) / ("without_" + domains.domains[left_out[i]].name);
    const Beginning beginning =
        fs::exists(place / kCheckpointFile) ? Beginning::checkpoint : Beginning::fresh;
    run.results.push_back(
        leave_one_out(domains, left_out[i], vision, options, place.string(), beginning, control));
    const DomainResult& result = run.results.back();
    run.seconds += result.summary.seconds;
    run.num_parameters = result.summary.num_parameters;
    run.num_active_parameters = result.num_active_parameters;
    if (result.summary.status != TrainingStatus::finished) {
      run.status = result.summary.status;
    }
    if (run.status == TrainingStatus::interrupted || run.status == TrainingStatus::failed) {
      run.message = fmt::format("without {}: {}", result.domain, result.summary.message);
      return run;
    }
  }
  if (run.status == TrainingStatus::finished) {
    run.message = "all steps are done";
  } else {
    run.message = "the time was up before all steps were done";
  }
  return run;
}

}  // namespace moest::nn
