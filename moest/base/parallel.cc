#include "moest/base/parallel.h"

#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <thread>

#include "moest/base/error.h"

namespace moest {

int resolve_threads(int requested) {
  MOEST_EXPECT(requested >= 0);
  return requested > 0 ? requested : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void parallel_for(int num_threads, int count, const std::function<void(int)>& task) {
  const int threads = resolve_threads(num_threads);
  if (threads == 1 || count <= 1) {
    for (int i = 0; i < count; ++i) {
      task(i);
    }
    return;
  }
  oneapi::tbb::task_arena arena(threads);
  arena.execute([&] {
    oneapi::tbb::parallel_for(0, count, [&](int i) { task(i); }, oneapi::tbb::simple_partitioner());
  });
}

}  // namespace moest
