// moest-nn: its commands, and what its help says of it.
#include <torch/torch.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "app/program.h"
#include "moest/base/build_info.h"
#include "moest/base/parallel.h"
#include "nn/command.h"

namespace moest::nn {

namespace {

/// Starts the program again with a limit on how long OpenMP's threads spin while they wait for one another.
/// Without one, trainings whose threads and those of other programs are more than the cores take ten times as
/// long; a short spin serves them and idle machines alike. OpenMP reads the limit before main() begins.
void limit_spinning() {
  constexpr const char* kLimit = "GOMP_SPINCOUNT";
  if (std::getenv(kLimit) != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) {
    return;
  }
  std::ifstream stream("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(stream, word, '\0');) {
    words.push_back(word);
  }
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  ::setenv(kLimit, "1000", 1);
  if (!words.empty()) {
    ::execv("/proc/self/exe", arguments.data());
  }
}

}  // namespace

int run_with_torch(int threads, const std::function<int()>& action) {
  if (resolve_threads(threads) > 1) {
    limit_spinning();
  }
  // On a GPU: the same sums in each run, and float32 that is not rounded to fewer bits.
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);
  at::globalContext().setAllowTF32CuBLAS(false);
  torch::set_num_threads(resolve_threads(threads));
  try {
    return action();
  } catch (const c10::Error& error) {
    constexpr std::array<std::string_view, 4> kMemoryWords{"can't allocate memory", "not enough memory",
                                                           "out of memory", "CUBLAS_STATUS_ALLOC_FAILED"};
    const std::string message = error.what_without_backtrace();
    if (std::ranges::any_of(
            kMemoryWords, [&](std::string_view words) { return message.find(words) != std::string::npos; })) {
      throw std::bad_alloc();
    }
    throw EnvironmentError("LibTorch failed", message, "Check the options and the device.");
  }
}

}  // namespace moest::nn

int main(int argc, char** argv) {
  const moest::app::Program program{
      "moest-nn",
      "moest-nn trains networks with mixture layers, so that a router can be chosen by measurement.",
      moest::build_line() + ", LibTorch " + TORCH_VERSION,
      "print version, git revision, compiler, SIMD target and LibTorch",
      "Exit status: 0 done, 1 failed, 2 wrong command or input, 3 interrupted before it was done.",
      "(the model or a batch does not fit) Use a smaller --batch, --width, --context or --image-size.",
      {moest::nn::make_lm_command, moest::nn::make_domain_command, moest::nn::make_compare_command}};
  return moest::app::run_program(program, argc, argv);
}
