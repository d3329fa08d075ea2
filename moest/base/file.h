// Files: read whole, written whole or not at all.
#pragma once

#include <string>
#include <string_view>

namespace moest {

/// The whole content of `path`; "-" is standard input; content that starts with the gzip magic number is
/// decompressed. Throws InputError when the file is missing, unreadable, a directory or a damaged gzip.
std::string read_input(const std::string& path);

/// Writes `content` to `path` through a temporary file in the same folder that is renamed at the end, so that
/// `path` holds either the old or the new content, never a part; "-" is standard output; a device or a pipe
/// is written in place. Throws EnvironmentError.
void write_output(const std::string& path, std::string_view content);

/// Throws InputError now if `path` clearly cannot be written at the end of a long job: its folder does not
/// exist or is not writable, or it is a folder.
void check_output(const std::string& path);

}  // namespace moest
