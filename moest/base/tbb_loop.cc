#include "moest/base/tbb_loop.h"

#include <oneapi/tbb/info.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

namespace moest {

int tbb_concurrency() { return oneapi::tbb::info::default_concurrency(); }

void tbb_loop(int num_threads, int count, void (*call)(void* context, int i), void* context) {
  oneapi::tbb::task_arena arena(num_threads);
  arena.execute([&] {
    oneapi::tbb::parallel_for(
        0, count, [&](int i) { call(context, i); }, oneapi::tbb::simple_partitioner());
  });
}

}  // namespace moest
