// Errors that a user can mend, failures of the environment, and contracts between pieces of code.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace moest {

/// An input of the user that cannot be used: a file, an option, a field. what() reads
/// `problem (why) suggestion`; the program prints it and exits with status 2.
class InputError : public std::runtime_error {
 public:
  InputError(std::string_view problem, std::string_view why, std::string_view suggestion);
  /// The same error with its place, a file say, in front.
  static InputError at(std::string_view place, const InputError& error);

 private:
  explicit InputError(const std::string& message) : std::runtime_error(message) {}
};

/// The environment failed (a file could not be written, a disk is full); same grammar, exit status 1.
class EnvironmentError : public std::runtime_error {
 public:
  EnvironmentError(std::string_view problem, std::string_view why, std::string_view suggestion);
};

/// A caller broke the contract of a function: a bug in the calling code, never a user's mistake.
class ContractError : public std::logic_error {
 public:
  ContractError(std::string_view condition, std::string_view file, int line);
};

/// The shortest candidate that begins with `given`, of three letters or more; else the nearest in edit
/// distance, if it is near enough to be a likely slip (distance at most a third of the longer word, rounded
/// up); otherwise empty. The first of equal ones.
std::string nearest_name(std::string_view given, std::span<const std::string> candidates);

/// The names separated by ", ", for messages that list what is known.
std::string listed(std::span<const std::string> names);

}  // namespace moest

/// Checks a precondition of a public function; throws ContractError in every build type.
#define MOEST_EXPECT(condition)                                     \
  do {                                                              \
    if (!(condition)) {                                             \
      throw ::moest::ContractError(#condition, __FILE__, __LINE__); \
    }                                                               \
  } while (false)
