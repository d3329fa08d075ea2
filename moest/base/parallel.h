// Loops over independent tasks on a chosen number of threads.
#pragma once

#include <functional>

namespace moest {

/// The number of threads that `requested` means: itself, or all cores for 0. Requires requested >= 0.
int resolve_threads(int requested);

/// Calls task(0), .., task(count - 1), each once, on at most `num_threads` threads (0: all cores). The order
/// is not specified: a task writes only to places of its own, and then the results do not depend on the
/// number of threads. The first exception that a task throws is rethrown here after the others have ended.
void parallel_for(int num_threads, int count, const std::function<void(int)>& task);

}  // namespace moest
