// A small program that uses the installed library, and through it oneTBB, fmt and zlib, so that a link line
// that lacks one of them fails.
#include <atomic>
#include <iostream>

#include "moest/base/build_info.h"
#include "moest/base/file.h"
#include "moest/base/parallel.h"

int main() {
  moest::check_output("-");
  std::atomic<int> sum = 0;
  moest::parallel_for(2, 10, [&](int i) { sum += i; });
  std::cout << moest::build_line() << '\n';
  return sum == 45 ? 0 : 1;
}
