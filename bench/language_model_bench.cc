// Training a language model of the default size: tokens per second with mixture layers against the same model
// with dense layers of as many neurons as a token uses. Rounds of a few steps take turns, so that whatever
// else the machine does meets all alike; the ratio is the median over the rounds.
#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "moest/base/random.h"
#include "moest/report/text_table.h"
#include "nn/adamw.h"
#include "nn/language_model.h"

namespace moest::nn {
namespace {

constexpr int kRounds = 15;
constexpr int kStepsOfRound = 4;

std::string random_letters(int length) {
  Stream stream(1, 0, "language model bench");
  std::string text;
  for (int i = 0; i < length; ++i) {
    text.push_back(static_cast<char>('a' + stream.below(26)));
  }
  return text;
}

/// A model in training, and how fast it was in each round.
class Contestant {
 public:
  Contestant(std::string name, const Corpus& corpus, const TransformerOptions& options)
      : name_(std::move(name)),
        task_(corpus, {{}, options}, training_),
        optimizer_(task_.module(), training_.weight_decay, training_.beta2) {
    task_.module().train();
    run_round();  // memory and caches
    speeds_.clear();
  }

  void run_round() {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kStepsOfRound; ++i) {
      optimizer_.zero_grad();
      task_.loss(step_++).backward();
      torch::nn::utils::clip_grad_norm_(optimizer_.parameters(), training_.clip);
      optimizer_.step(training_.learning_rate);
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
    speeds_.push_back(kStepsOfRound * training_.batch * LanguageOptions{}.context / elapsed.count());
  }

  const std::string& name() const { return name_; }
  const std::vector<double>& speeds() const { return speeds_; }
  std::int64_t num_active() const { return num_active_parameters(task_.model()); }

 private:
  std::string name_;
  TrainingOptions training_;
  LanguageTask task_;
  AdamW optimizer_;
  std::int64_t step_ = 0;
  std::vector<double> speeds_;
};

double quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

void run(int num_threads) {
  torch::set_num_threads(num_threads);
  const std::string text = random_letters(20000);
  const Corpus corpus = make_corpus({text, text, "", "byte", "", {}, ""}, {}, 2);
  std::vector<std::unique_ptr<Contestant>> contestants;
  TransformerOptions options;
  options.mixture_every = 0;
  contestants.push_back(std::make_unique<Contestant>("dense", corpus, options));
  options.mixture_every = 1;
  for (const auto& [num_experts, top_k] : {std::pair{8, 2}, {8, 1}, {16, 2}}) {
    options.mixture.num_experts = num_experts;
    options.mixture.top_k = top_k;
    contestants.push_back(
        std::make_unique<Contestant>(fmt::format("top {} of {}", top_k, num_experts), corpus, options));
  }
  for (int round = 0; round < kRounds; ++round) {
    for (const auto& contestant : contestants) {
      contestant->run_round();
    }
  }
  TextTable table({"layers", "active parameters", "tokens per second", "of the dense", "quartiles"});
  const std::vector<double>& dense = contestants.front()->speeds();
  for (const auto& contestant : contestants) {
    std::vector<double> ratios;
    for (std::size_t round = 0; round < dense.size(); ++round) {
      ratios.push_back(contestant->speeds()[round] / dense[round]);
    }
    table.add_row({contestant->name(), std::to_string(contestant->num_active()),
                   fmt::format("{:.0f}", quantile(contestant->speeds(), 0.5)),
                   fmt::format("{:.2f}", quantile(ratios, 0.5)),
                   fmt::format("{:.2f} to {:.2f}", quantile(ratios, 0.25), quantile(ratios, 0.75))});
  }
  fmt::print("{} threads, {} rounds of {} steps\n\n{}", num_threads, kRounds, kStepsOfRound, table.text());
}

}  // namespace
}  // namespace moest::nn

int main(int argc, char** argv) { moest::nn::run(argc > 1 ? std::atoi(argv[1]) : torch::get_num_threads()); }
