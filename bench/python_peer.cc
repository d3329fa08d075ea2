// What a fit and a prediction take without Python: `python_peer DATA.npy SEED` prints their seconds as JSON.
// The table has four inputs and the target; the fits are those of bench/python_bench.py.
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "moest/data/dataset.h"
#include "moest/data/table.h"
#include "moest/fit/fit.h"
#include "moest/model/predict.h"

namespace {

template <class Work>
double seconds_of(const Work& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: python_peer DATA.npy SEED\n";
    return 2;
  }
  const moest::Dataset data = moest::make_dataset(moest::read_table(argv[1]), {.targets = {"x5"}});
  moest::MixtureSpec spec;
  spec.expert.kind = "tanh";
  spec.num_experts = 3;
  moest::FitOptions options;
  options.starts = 8;
  options.threads = 1;
  options.seed = std::stoull(argv[2]);
  moest::FitResult result;
  constexpr int kCopies = 10;
  const Eigen::MatrixXd many = data.inputs.replicate(kCopies, 1);
  Eigen::MatrixXd mean;
  nlohmann::json times;
  times["fit"] = seconds_of([&] { result = moest::fit(spec, data, options); });
  times["predict"] = seconds_of([&] { mean = moest::predict_mean(result.model, many, 1); });
  times["rss"] = result.summary.rss;
  std::cout << times << "\n";
  return mean.allFinite() ? 0 : 1;
}
