// The one place that runs oneTBB's algorithms; use moest/base/parallel.h instead.
#pragma once

namespace moest {

/// The number of threads that oneTBB is ready to run.
int tbb_concurrency();

/// Calls call(context, 0), .., call(context, count - 1), each once, in no order, on at most `num_threads`
/// threads of oneTBB. The first exception is rethrown. The thread sanitizer does not see that the calls
/// happen after what came before and before what comes next.
void tbb_loop(int num_threads, int count, void (*call)(void* context, int i), void* context);

}  // namespace moest
