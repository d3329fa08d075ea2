// Pictures by gnuplot, run as a program.
#pragma once

#include <Eigen/Core>
#include <string>
#include <string_view>

namespace moest {

/// Throws InputError unless the ending of `path` says a format of pictures: .svg, .pdf or .png, in either
/// case of letters.
void check_picture(const std::string& path);

/// Draws `script`, which sets neither terminal nor output, into `path`. Throws InputError as check_picture,
/// EnvironmentError when gnuplot is missing or fails.
void run_gnuplot(const std::string& script, const std::string& path);

/// `text` as a label, whatever it holds.
std::string in_quotes(std::string_view text);

/// `text` as one word of a shell's command line, whatever it holds.
std::string in_shell_quotes(std::string_view text);

/// A named block of rows, $name; a value that is not finite leaves a gap.
std::string data_block(std::string_view name, const Eigen::MatrixXd& rows);

/// One of a few colours that colour-blind readers can tell apart; beyond the last they start again.
std::string colour(Eigen::Index index);

}  // namespace moest
