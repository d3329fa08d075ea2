// A small program that uses the installed library, and through it oneTBB, fmt, zlib and, where it was
// built with it, ONNX, so that a link line that lacks one of them fails.
#include <atomic>
#include <iostream>

#include "moest/base/build_info.h"
#include "moest/base/file.h"
#include "moest/base/parallel.h"
#include "moest/export/onnx.h"

int main() {
  moest::check_output("-");
  std::atomic<int> sum = 0;
  moest::parallel_for(2, 10, [&](int i) { sum += i; });
  std::cout << moest::build_line() << '\n';
  const moest::Model model{.spec = {}, .inputs = {"x"}, .targets = {"y"}, .atoms = {{0, {0}, {1, 2}}}};
  if (moest::has_onnx() && moest::onnx_bytes({{model}}, moest::OnnxPrecision::float32).empty()) {
    return 1;
  }
  return sum == 45 ? 0 : 1;
}
