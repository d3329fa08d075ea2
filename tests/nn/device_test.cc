// Training on another device than the CPU: nothing may be left behind on it.
#include <gmock/gmock.h>

#include "moest/base/random.h"
#include "nn/language_model.h"
#include "nn/vision_transformer.h"
#include "tests/base/temporary_folder.h"
#include "tests/nn/strict_device.h"

namespace moest::nn {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using Json = nlohmann::ordered_json;

TEST(StrictDevice, RefusesTensorsOfTheCpu) {
  const torch::Tensor here = torch::arange(6);
  const torch::Tensor there = here.to(strict_device());
  EXPECT_TRUE(there.index_select(0, there).cpu().equal(here));
  EXPECT_THAT([&] { return there.index_select(0, here); },
              ThrowsMessage<std::runtime_error>(HasSubstr("index_select mixes tensors of two devices")));
  EXPECT_THROW(there + here, c10::Error);
  EXPECT_EQ((there + torch::tensor(2)).sum().item<int>(), 27);
}

struct Case {
  std::string name;
  MixtureOptions mixture;
};

std::ostream& operator<<(std::ostream& out, const Case& tested) { return out << tested.name; }

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string& router : router_names()) {
    MixtureOptions mixture{.num_experts = 8, .top_k = 2, .balance_weight = 0.01, .z_weight = 0.001};
    mixture.router.kind = router;
    all.push_back({router, mixture});
  }
  const auto add = [&all](const std::string& name, const std::string& like, auto&& change) {
    const auto found = std::ranges::find(all, like, &Case::name);
    Case changed{name, found->mixture};
    change(changed.mixture);
    all.push_back(changed);
  };
  add("one_expert", "linear", [](MixtureOptions& mixture) { mixture.top_k = 1; });
  add("all_experts", "linear", [](MixtureOptions& mixture) { mixture.top_k = 8; });
  add("capacity", "linear", [](MixtureOptions& mixture) { mixture.capacity = 1; });
  add("xmoe", "cosine", [](MixtureOptions& mixture) {
    mixture.router.projection = 4;
    mixture.router.bias = true;
    mixture.router.temperature.learned = true;
  });
  add("schedule", "dense_to_sparse", [](MixtureOptions& mixture) { mixture.router.final_temperature = 0.5; });
  return all;
}

TransformerOptions transformer_of(const MixtureOptions& mixture) {
  return {.layers = 2, .width = 16, .heads = 2, .mixture_every = 1, .mixture = mixture};
}

/// The strict one, and a GPU where there is one.
std::vector<torch::Device> other_devices() {
  std::vector<torch::Device> devices{strict_device()};
  if (torch::cuda::is_available()) {
    devices.emplace_back(torch::kCUDA, 0);
  }
  return devices;
}

class OnADevice : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(Of, OnADevice, testing::ValuesIn(cases()),
                         [](const auto& tested) { return tested.param.name; });

Corpus letters() {
  Stream stream(2024, 0, "test: letters");
  std::string text;
  for (int i = 0; i < 600; ++i) {
    text.push_back(static_cast<char>('a' + stream.below(6)));
  }
  return make_corpus({text.substr(0, 500), text.substr(500), "", "character", "by hand", {"text"}, "0"}, {},
                     9);
}

// The evaluations of a training of six steps, which is interrupted after the third and goes on.
std::vector<Json> evaluations_on(const torch::Device& device, const MixtureOptions& mixture) {
  const TemporaryFolder folder;
  const Corpus corpus = letters();
  const LanguageSpecification specification{{.context = 8, .evaluation_tokens = 64}, transformer_of(mixture)};
  const TrainingOptions options{.steps = 6, .batch = 4, .evaluate_every = 2, .log_every = 1, .device = "cpu"};
  std::vector<Json> evaluations;
  for (const Beginning beginning : {Beginning::fresh, Beginning::checkpoint}) {
    LanguageTask task(corpus, specification, options);
    task.module().to(device);
    std::atomic<bool> interrupt = false;
    TrainingControl control{&interrupt};
    control.progress = [&](const TrainingProgress& progress) {
      interrupt = beginning == Beginning::fresh && progress.step == 3;
    };
    evaluations = train(task, options, folder.path("run"), beginning, control).evaluations;
  }
  return evaluations;
}

TEST_P(OnADevice, ALanguageModelLearnsTheSame) {
  constexpr const char* kValue = "validation_bits_per_character";
  const std::vector<Json> here = evaluations_on(torch::kCPU, GetParam().mixture);
  ASSERT_EQ(here.size(), 4U);
  EXPECT_NE(here[0].at(kValue), here[3].at(kValue));
  for (const torch::Device& device : other_devices()) {
    const std::vector<Json> there = evaluations_on(device, GetParam().mixture);
    ASSERT_EQ(there.size(), here.size());
    for (std::size_t i = 0; i < here.size(); ++i) {
      EXPECT_NEAR(there[i].at(kValue).get<double>(), here[i].at(kValue).get<double>(), 1e-5) << device;
      EXPECT_EQ(there[i].at("routing").size(), 2U);
    }
  }
}

std::vector<torch::Tensor> gradients_on(const torch::Device& device, const MixtureOptions& mixture) {
  torch::manual_seed(5);
  VisionTransformer model(ImageShape{1, 8, 8}, 3,
                          VisionOptions{.patch = 4, .transformer = transformer_of(mixture)});
  const torch::Tensor images = torch::rand({5, 1, 8, 8}), labels = torch::arange(5).remainder(3);
  model->to(device);
  const torch::Tensor loss =
      torch::nn::functional::cross_entropy(model(images.to(device)), labels.to(device)) +
      model->transformer()->auxiliary_loss();
  loss.backward();
  std::vector<torch::Tensor> gradients;
  for (const torch::Tensor& parameter : model->parameters()) {
    EXPECT_TRUE(parameter.grad().device() == device);
    gradients.push_back(parameter.grad().cpu());
  }
  return gradients;
}

TEST_P(OnADevice, AVisionTransformerHasTheSameGradients) {
  const std::vector<torch::Tensor> here = gradients_on(torch::kCPU, GetParam().mixture);
  for (const torch::Device& device : other_devices()) {
    const std::vector<torch::Tensor> there = gradients_on(device, GetParam().mixture);
    ASSERT_EQ(there.size(), here.size());
    for (std::size_t i = 0; i < here.size(); ++i) {
      EXPECT_TRUE(there[i].allclose(here[i], 1e-4, 1e-6)) << device << i;
      EXPECT_GT(here[i].abs().max().item<double>(), 0) << i;
    }
  }
}

}  // namespace
}  // namespace moest::nn
