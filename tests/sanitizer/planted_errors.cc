// One error on purpose, named on the command line: `heap` reads past the end of an allocation, `overflow`
// exceeds the largest int, `none` does neither. The numbers hang on argc, so that no compiler sees the error
// coming.
#include <cstddef>
#include <cstdio>
#include <limits>
#include <memory>
#include <string_view>

int main(int argc, char** argv) {
  const std::string_view error = argc > 1 ? argv[1] : "none";
  const auto one = static_cast<std::size_t>(argc / 2);
  const auto numbers = std::make_unique<int[]>(one + 3);
  const std::size_t index = error == "heap" ? one + 3 : one;
  const int start = error == "overflow" ? std::numeric_limits<int>::max() : 0;
  std::printf("%d %d\n", numbers[index], start + static_cast<int>(one));
  return 0;
}
