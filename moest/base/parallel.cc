#include "moest/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "moest/base/error.h"
#include "moest/base/tbb_loop.h"

namespace moest {
namespace {

// oneTBB hands tasks out and collects them by a synchronisation inside its own library, where the thread
// sanitizer does not see it. A Job says the same in code that it does see: what the caller did before happens
// before every task, and every task happens before what the caller does next. Two tasks are not ordered, so
// that a race between them is still found.
class Job {
 public:
  explicit Job(const std::function<void(int)>& task) : task_(task) {
    opened_.store(1, std::memory_order_release);
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job() { static_cast<void>(num_ended_.load(std::memory_order_acquire)); }

  void run(int i) {
    static_cast<void>(opened_.load(std::memory_order_acquire));
    const EndMark mark(num_ended_);
    task_(i);
  }

 private:
  class EndMark {
   public:
    explicit EndMark(std::atomic<int>& num_ended) : num_ended_(num_ended) {}
    EndMark(const EndMark&) = delete;
    EndMark& operator=(const EndMark&) = delete;
    ~EndMark() { num_ended_.fetch_add(1, std::memory_order_release); }

   private:
    std::atomic<int>& num_ended_;
  };

  const std::function<void(int)>& task_;
  std::atomic<int> opened_{0};
  std::atomic<int> num_ended_{0};
};

}  // namespace

int resolve_threads(int requested) {
  MOEST_EXPECT(requested >= 0);
  return requested > 0 ? requested : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void parallel_for(int num_threads, int count, const std::function<void(int)>& task) {
  // More threads than cores would not help, and TBB refuses them with a warning on standard error.
  const int threads = std::min(resolve_threads(num_threads), tbb_concurrency());
  if (threads == 1 || count <= 1) {
    for (int i = 0; i < count; ++i) {
      task(i);
    }
    return;
  }
  Job job(task);
  tbb_loop(
      threads, count, [](void* context, int i) { static_cast<Job*>(context)->run(i); }, &job);
}

}  // namespace moest
