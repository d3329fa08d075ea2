#include <fmt/format.h>

#include "moest/base/build_info.h"

int main() { fmt::print("{}\n", moest::build_line()); }
