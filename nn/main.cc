// moest-nn: its commands, and what its help says of it.
#include <torch/torch.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <new>
#include <string_view>

#include "app/program.h"
#include "moest/base/build_info.h"
#include "moest/base/parallel.h"
#include "nn/command.h"

namespace moest::nn {

int run_with_torch(int threads, const std::function<int()>& action) {
  torch::set_num_threads(resolve_threads(threads));
  try {
    return action();
  } catch (const c10::Error& error) {
    constexpr std::array<std::string_view, 3> kMemoryWords{"can't allocate memory", "not enough memory",
                                                           "out of memory"};
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
