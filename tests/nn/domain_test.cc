#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "moest/base/error.h"
#include "moest/base/random.h"
#include "nn/domain_generalisation.h"
#include "tests/base/temporary_folder.h"

namespace moest::nn {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Json = nlohmann::ordered_json;

constexpr int kNumImages = 60;
constexpr int kSide = 8;
constexpr int kNumClasses = 3;

// A bright bar whose place is the class, on a noisy ground whose brightness is the domain.
DomainSet bars() {
  DomainSet set{"folder", {"left", "middle", "right"}, {}};
  for (int domain = 0; domain < 3; ++domain) {
    Stream stream(2024, static_cast<std::uint64_t>(domain), "test: bars");
    ImageSet images{{1, kSide, kSide}, {}, {}};
    for (int i = 0; i < kNumImages; ++i) {
      const int label = stream.below(kNumClasses);
      std::vector<std::uint8_t> image;
      for (int place = 0; place < kSide * kSide; ++place) {
        const bool is_bar = (place % kSide) / 2 == label + (label == 2 ? 1 : 0);
        image.push_back(static_cast<std::uint8_t>(30 * domain + stream.below(30) + (is_bar ? 120 : 0)));
      }
      images.add(image, label);
    }
    set.domains.push_back({fmt::format("ground{}", domain), images});
  }
  return set;
}

// Noise in place of these images, and other labels.
void spoil(ImageSet& images, const std::vector<int>& which) {
  Stream stream(2024, 0, "test: noise");
  for (const int i : which) {
    const auto begin = images.pixels.begin() + i * kSide * kSide;
    std::generate(begin, begin + kSide * kSide, [&] { return static_cast<std::uint8_t>(stream.below(256)); });
    int& label = images.labels[static_cast<std::size_t>(i)];
    label = (label + 1) % kNumClasses;
  }
}

std::vector<int> all_images() {
  std::vector<int> all(kNumImages);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

VisionOptions tiny_model() {
  VisionOptions options{.patch = 4, .transformer = {.layers = 1, .width = 16, .heads = 2}};
  options.transformer.mixture.num_experts = 4;
  options.transformer.mixture.router.kind = "perturbed_cosine";
  return options;
}

TrainingOptions brief_training() {
  return {
      .steps = 60, .batch = 24, .learning_rate = 1e-2, .warmup = 5, .evaluate_every = 20, .device = "cpu"};
}

std::vector<double> parameters_of(torch::nn::Module& module) {
  std::vector<double> values;
  for (const torch::Tensor& parameter : module.parameters()) {
    const torch::Tensor flat = parameter.detach().to(torch::kDouble).contiguous().view({-1});
    values.insert(values.end(), flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel());
  }
  return values;
}

// The accuracy of a model on all images of a domain, image by image.
double accuracy_of(VisionTransformer model, const ImageSet& images) {
  const torch::NoGradGuard no_gradients;
  model->eval();
  int num_right = 0;
  for (int i = 0; i < images.size(); ++i) {
    torch::Tensor image = torch::empty({1, 1, kSide, kSide});
    for (int place = 0; place < kSide * kSide; ++place) {
      image.view({-1})[place] = images.image(i)[static_cast<std::size_t>(place)] / 255.0;
    }
    const int label = images.labels[static_cast<std::size_t>(i)];
    num_right += model->forward(image).argmax(1).item<int>() == label ? 1 : 0;
  }
  return static_cast<double>(num_right) / images.size();
}

// What a training without the first domain ends with, and the lines of its log.
struct Trained {
  std::vector<double> parameters;
  TrainingSummary summary;
};

Trained trained(const DomainSet& set) {
  const TemporaryFolder folder;
  DomainTask task(set, 0, tiny_model(), brief_training());
  const TrainingSummary summary = train(task, brief_training(), folder.path("run"), Beginning::fresh);
  return {parameters_of(task.module()), summary};
}

std::vector<double> column(const TrainingSummary& summary, const std::string& field) {
  std::vector<double> values;
  for (const Json& line : summary.evaluations) {
    values.push_back(line.at(field));
  }
  return values;
}

// --- splits and batches

TEST(ValidationSplit, HoldsOutAFifthOfTheImages) {
  const ValidationSplit split = split_for_validation(103, 5, 1);
  EXPECT_EQ(split.validation.size(), 20u);
  std::multiset<int> both(split.training.begin(), split.training.end());
  both.insert(split.validation.begin(), split.validation.end());
  EXPECT_EQ(both.size(), 103u);
  EXPECT_EQ(std::set<int>(both.begin(), both.end()).size(), 103u);
  EXPECT_EQ(*both.begin(), 0);
  EXPECT_EQ(*both.rbegin(), 102);
  EXPECT_EQ(split.validation, split_for_validation(103, 5, 1).validation);
  EXPECT_NE(split.validation, split_for_validation(103, 6, 1).validation);
  EXPECT_NE(split.validation, split_for_validation(103, 5, 2).validation);
}

TEST(BalancedBatch, TakesEqualPartsFromAllDomainsAndDrawsEveryImage) {
  const std::vector<int> sizes{3, 10, 5};
  std::vector<std::set<int>> drawn(sizes.size());
  std::vector<int> total(sizes.size());
  for (std::int64_t step = 0; step < 60; ++step) {
    std::vector<int> counts(sizes.size());
    for (const Draw& draw : balanced_batch(sizes, 7, 11, step)) {
      drawn[draw.domain].insert(draw.image);
      ++counts[draw.domain];
      ++total[draw.domain];
    }
    const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
    EXPECT_LE(*most - *least, 1);
  }
  EXPECT_THAT(total, Each(140));
  for (std::size_t domain = 0; domain < sizes.size(); ++domain) {
    // One of 10 images is missed in 140 draws with a probability below 10^-5.
    EXPECT_EQ(static_cast<int>(drawn[domain].size()), sizes[domain]);
    EXPECT_EQ(*drawn[domain].begin(), 0);
  }
}

// --- training

TEST(LeavingOneOut, LearnsWhatTheDomainsShare) {
  const DomainSet set = bars();
  const TemporaryFolder folder;
  DomainTask task(set, 0, tiny_model(), brief_training());
  const TrainingSummary summary = train(task, brief_training(), folder.path("run"), Beginning::fresh);
  // Chance gets 40 of 60 right with a probability below 10^-6.
  EXPECT_GT(column(summary, "accuracy").back(), 2.0 / 3);
  EXPECT_GT(column(summary, "validation_accuracy").back(), 2.0 / 3);
  EXPECT_NEAR(column(summary, "accuracy").back(), accuracy_of(task.model(), set.domains[0].images), 1e-12);
}

TEST(LeavingOneOut, SeesNothingOfTheDomainLeftOut) {
  DomainSet spoilt = bars();
  spoil(spoilt.domains[0].images, all_images());
  const Trained one = trained(bars());
  const Trained other = trained(spoilt);
  EXPECT_EQ(one.parameters, other.parameters);
  EXPECT_EQ(one.summary.kept_step, other.summary.kept_step);
  for (const std::string field : {"validation_accuracy", "validation_loss", "training_load_shift"}) {
    EXPECT_EQ(column(one.summary, field), column(other.summary, field));
  }
  EXPECT_NE(column(one.summary, "accuracy"), column(other.summary, "accuracy"));
}

TEST(LeavingOneOut, LearnsFromEveryOtherDomain) {
  const std::vector<double> parameters = trained(bars()).parameters;
  for (const std::size_t domain : {1, 2}) {
    DomainSet spoilt = bars();
    const ValidationSplit split = split_for_validation(kNumImages, brief_training().seed, domain);
    spoil(spoilt.domains[domain].images, split.training);
    EXPECT_NE(trained(spoilt).parameters, parameters) << domain;
  }
}

TEST(LeavingOneOut, TrainsOnNothingThatIsHeldOut) {
  DomainSet spoilt = bars();
  for (const std::size_t domain : {1, 2}) {
    const ValidationSplit split = split_for_validation(kNumImages, brief_training().seed, domain);
    spoil(spoilt.domains[domain].images, split.validation);
  }
  const Trained one = trained(bars());
  const Trained other = trained(spoilt);
  EXPECT_EQ(one.parameters, other.parameters);
  EXPECT_NE(column(one.summary, "validation_loss"), column(other.summary, "validation_loss"));
}

TEST(LeavingOneOut, ReportsTheModelThatDoesBestOnTheOtherDomains) {
  const DomainSet set = bars();
  const TemporaryFolder folder;
  const DomainResult result =
      leave_one_out(set, 0, tiny_model(), brief_training(), folder.path("run"), Beginning::fresh);
  const std::vector<double> validation = column(result.summary, "validation_accuracy");
  const std::vector<double> accuracy = column(result.summary, "accuracy");
  const auto best = std::max_element(validation.begin(), validation.end()) - validation.begin();
  EXPECT_EQ(result.validation_accuracy, validation[static_cast<std::size_t>(best)]);
  EXPECT_EQ(result.accuracy, accuracy[static_cast<std::size_t>(best)]);
  EXPECT_EQ(result.final_accuracy, accuracy.back());
  DomainTask kept(set, 0, tiny_model(), brief_training());
  load_model(folder.path("run"), kept.module());
  EXPECT_NEAR(accuracy_of(kept.model(), set.domains[0].images), result.accuracy, 1e-12);
}

TEST(LeavingOneOut, GoesOnExactlyWhereItWasInterrupted) {
  const DomainSet set = bars();
  const std::array<std::size_t, 2> left_out{2, 0};
  const TemporaryFolder folder;
  const DomainRun whole = leave_each_out(set, left_out, tiny_model(), brief_training(), folder.path("whole"));
  std::atomic<bool> interrupt = false;
  const auto stop_in_the_second = [&](std::size_t i, const TrainingProgress& state) {
    interrupt = i == 1 && state.step == 33;
  };
  const DomainRun part = leave_each_out(set, left_out, tiny_model(), brief_training(), folder.path("parts"),
                                        &interrupt, stop_in_the_second);
  EXPECT_EQ(part.status, TrainingStatus::interrupted);
  ASSERT_EQ(part.results.size(), 2u);
  EXPECT_EQ(part.results[1].summary.steps, 33);
  const DomainRun parts = leave_each_out(set, left_out, tiny_model(), brief_training(), folder.path("parts"));
  EXPECT_EQ(parts.status, TrainingStatus::finished);
  EXPECT_EQ(parts.mean_accuracy(), whole.mean_accuracy());
  for (std::size_t i = 0; i < left_out.size(); ++i) {
    EXPECT_EQ(parts.results[i].final_accuracy, whole.results[i].final_accuracy);
    EXPECT_EQ(column(parts.results[i].summary, "validation_loss").back(),
              column(whole.results[i].summary, "validation_loss").back());
  }
}

TEST(LeavingOneOut, RefusesACheckpointOfOtherImages) {
  const TemporaryFolder folder;
  const std::array<std::size_t, 1> left_out{0};
  leave_each_out(bars(), left_out, tiny_model(), brief_training(), folder.path());
  DomainSet spoilt = bars();
  spoil(spoilt.domains[1].images, {7});
  EXPECT_THAT([&] { leave_each_out(spoilt, left_out, tiny_model(), brief_training(), folder.path()); },
              ThrowsMessage<InputError>(AllOf(HasSubstr("without_ground0"), HasSubstr("images"))));
}

// --- routing

TEST(LoadShift, IsTheTotalVariationBetweenLoadsOfDomains) {
  const TrainingSummary summary = trained(bars()).summary;
  for (const Json& line : summary.evaluations) {
    std::vector<std::vector<double>> loads;  // of each domain
    for (const Domain& domain : bars().domains) {
      loads.push_back(line.at("load").at(domain.name).at(0));
      ASSERT_EQ(loads.back().size(), 4u);
      EXPECT_NEAR(std::accumulate(loads.back().begin(), loads.back().end(), 0.0), 1, 1e-12);
    }
    double of_left_out = 0;
    double of_others = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      of_left_out += std::abs(loads[0][i] - (loads[1][i] + loads[2][i]) / 2) / 2;
      of_others += std::abs(loads[1][i] - loads[2][i]) / 2;
    }
    EXPECT_NEAR(line.at("load_shift").get<double>(), of_left_out, 1e-12);
    EXPECT_NEAR(line.at("training_load_shift").get<double>(), of_others, 1e-12);
    EXPECT_EQ(line.at("routing").size(), 1u);
  }
}

TEST(LoadShift, IsAbsentForADenseNetwork) {
  VisionOptions dense = tiny_model();
  dense.transformer.mixture_every = 0;
  const DomainSet set = bars();
  DomainTask task(set, 0, dense, brief_training());
  const torch::NoGradGuard no_gradients;
  const Json fields = task.evaluate().fields;
  EXPECT_TRUE(fields.at("load_shift").is_null());
  EXPECT_TRUE(fields.at("training_load_shift").is_null());
}

TEST(DomainTask, FailsAnEvaluationThatIsNotFinite) {
  const DomainSet set = bars();
  DomainTask task(set, 0, tiny_model(), brief_training());
  const torch::NoGradGuard no_gradients;
  EXPECT_TRUE(std::isfinite(task.evaluate().loss));
  task.module().parameters().back().fill_(std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(std::isfinite(task.evaluate().loss));
}

}  // namespace
}  // namespace moest::nn
