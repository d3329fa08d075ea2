// The smallest program that uses the installed library.
#include <iostream>

#include "moest/base/build_info.h"

int main() { std::cout << moest::build_line() << '\n'; }
