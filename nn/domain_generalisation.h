// Domain generalisation: how well a model does on a domain that it has not seen.
#pragma once

#include <torch/torch.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "nn/domains.h"
#include "nn/routing_statistics.h"
#include "nn/training.h"
#include "nn/vision_transformer.h"

namespace moest::nn {

/// The images of one domain that are trained on, and those that are held out: a fifth, chosen at random.
struct ValidationSplit {
  std::vector<int> training;
  std::vector<int> validation;
};

/// The split of domain `index`, the same whichever domain is left out. Requires two images at least.
ValidationSplit split_for_validation(int num_images, std::uint64_t seed, std::uint64_t index);

/// The images of a batch: image j is one of training domain (step + j) modulo their number, so that the
/// domains take equal parts, drawn with replacement from the stream (seed, step).
struct Draw {
  std::size_t domain = 0;  // among the training domains
  int image = 0;           // among its training images
};
std::vector<Draw> balanced_batch(const std::vector<int>& num_images, int batch, std::uint64_t seed,
                                 std::int64_t step);

/// Training on all domains but one. The loss of a step is the mean cross-entropy of a balanced_batch() and
/// the auxiliary loss of the mixtures. An evaluation tells
///     validation_accuracy  the mean over the training domains of the accuracy on what they hold out; 1 minus
///                          it is the loss that decides which model is kept (train-domain validation)
///     accuracy             on the domain left out, which decides nothing
///     routing              routing_statistics() of each mixture layer, over the held-out images
///     load                 of each domain, the load of each layer
///     load_shift, training_load_shift
///                          how far the load of the domain left out is from the mean of the others', and how
///                          far that of one of these is from the mean of the rest: total variation, the mean
///                          over layers (and domains); null for a dense network.
class DomainTask : public Task {
 public:
  /// Builds the model from the seed. `domains` must outlive the task. Requires left_out to be one of two or
  /// more domains. Throws InputError as VisionTransformer.
  DomainTask(const DomainSet& domains, std::size_t left_out, const VisionOptions& vision,
             const TrainingOptions& training);

  nlohmann::ordered_json specification() const override;
  torch::nn::Module& module() override { return *model_; }
  torch::Tensor loss(std::int64_t step) override;
  Evaluation evaluate() override;
  NamedTensors memory() const override { return routing_.memory(); }
  void set_memory(const NamedTensors& memory) override { routing_.set_memory(memory); }
  /// routing: the statistics of each mixture layer over the batch.
  nlohmann::ordered_json step_fields() override;
  void set_share_done(double share) override { model_->transformer()->set_share_done(share); }

  VisionTransformer model() const { return model_; }

 private:
  struct Images {
    torch::Tensor pixels;  // n x C x H x W, bytes
    torch::Tensor labels;  // n
  };
  /// What the model makes of some images.
  struct Measure {
    double accuracy = 0;
    double loss = 0;               // mean cross-entropy
    std::vector<Routing> routing;  // of each mixture layer
  };

  Images images_of(std::size_t domain, const std::vector<int>& indices) const;
  Measure measure(const Images& images);

  const DomainSet& domains_;
  std::size_t left_out_;
  VisionOptions vision_;
  TrainingOptions training_;
  torch::Device device_;
  VisionTransformer model_{nullptr};
  std::vector<std::size_t> seen_;               // the training domains
  Images trained_on_;                           // of all of these together
  std::vector<std::int64_t> first_trained_on_;  // where those of each begin
  std::vector<int> num_trained_on_;
  std::vector<Images> held_out_;  // of each
  Images unseen_;
  RoutingHistory routing_;  // over the held-out images
};

/// What came of leaving out one domain.
struct DomainResult {
  std::string domain;
  int num_images = 0;                 // of the domain
  double accuracy = 0;                // on it, of the model that validation chose
  double validation_accuracy = 0;     // of that model, on the other domains
  double final_accuracy = 0;          // on the domain left out, at the end of the training
  nlohmann::ordered_json load_shift;  // of the model that validation chose, as DomainTask tells
  nlohmann::ordered_json training_load_shift;
  std::int64_t num_active_parameters = 0;  // of the model, in use at a token
  TrainingSummary summary;
};

/// Trains on all domains but one in a folder, as train() does, and tells how that went.
DomainResult leave_one_out(const DomainSet& domains, std::size_t left_out, const VisionOptions& vision,
                           const TrainingOptions& training, const std::string& folder, Beginning beginning,
                           const TrainingControl& control = {});

/// What came of leaving out several domains in turn.
struct DomainRun {
  TrainingStatus status = TrainingStatus::finished;  // time_limit if that ended any of them
  std::string message;
  std::vector<DomainResult> results;  // of those that were begun; the last one is unfinished if the run is
  double seconds = 0;                 // of all trainings, over all runs
  std::int64_t num_parameters = 0;
  std::int64_t num_active_parameters = 0;  // in use at a token

  /// The sum over the results.
  std::int64_t steps() const;
  /// The means over the results, at least one.
  double mean_accuracy() const;
  double mean_validation_accuracy() const;
};

/// Leaves out these domains, one after the other, each in the folder FOLDER/without_NAME: where that holds a
/// checkpoint, its training goes on. Each gets an equal part of the seconds of training.max_seconds that are
/// left. Ends at the first that is interrupted or fails. progress(i, state) is told of the i-th.
DomainRun leave_each_out(const DomainSet& domains, std::span<const std::size_t> left_out,
                         const VisionOptions& vision, const TrainingOptions& training,
                         const std::string& folder, const std::atomic<bool>* interrupt = nullptr,
                         const std::function<void(std::size_t, const TrainingProgress&)>& progress = {});

}  // namespace moest::nn
