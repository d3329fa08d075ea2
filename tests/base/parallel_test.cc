#include "moest/base/parallel.h"

#include <gmock/gmock.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "moest/base/error.h"

namespace moest {
namespace {

TEST(ResolveThreads, TakesZeroAsAllCores) {
  EXPECT_GE(resolve_threads(0), 1);
  EXPECT_EQ(resolve_threads(3), 3);
  EXPECT_THROW(resolve_threads(-1), ContractError);
}

TEST(ParallelFor, CallsEachIndexOnceForAnyNumberOfThreads) {
  for (const int num_threads : {0, 1, 2, 5}) {
    for (const int count : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
      parallel_for(num_threads, count, [&](int i) { ++calls[static_cast<std::size_t>(i)]; });
      for (const auto& number : calls) {
        EXPECT_EQ(number.load(), 1) << num_threads << " threads, " << count << " tasks";
      }
    }
  }
}

TEST(ParallelFor, UsesAtMostTheGivenNumberOfThreads) {
  for (const int num_threads : {1, 2, 3}) {
    std::mutex mutex;
    std::set<std::thread::id> threads;
    std::atomic<int> num_running = 0;
    std::atomic<int> most_running = 0;
    parallel_for(num_threads, 200, [&](int) {
      const int running = ++num_running;
      int most = most_running;
      while (running > most && !most_running.compare_exchange_weak(most, running)) {
      }
      {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
      }
      std::this_thread::yield();
      --num_running;
    });
    EXPECT_LE(most_running.load(), num_threads);
    EXPECT_GE(threads.size(), 1u);
  }
}

TEST(ParallelFor, RethrowsAnExceptionAfterTheOthersHaveEnded) {
  for (const int num_threads : {0, 1, 2, 5}) {
    std::atomic<int> num_running = 0;
    const auto task = [&](int i) {
      ++num_running;
      std::this_thread::yield();
      --num_running;
      if (i == 37) {
        throw std::runtime_error("task 37");
      }
    };
    EXPECT_THAT([&] { parallel_for(num_threads, 100, task); },
                testing::ThrowsMessage<std::runtime_error>("task 37"));
    EXPECT_EQ(num_running.load(), 0);
  }
}

TEST(ParallelFor, MayBeNested) {
  std::atomic<int> num_calls = 0;
  parallel_for(2, 10, [&](int) { parallel_for(2, 10, [&](int) { ++num_calls; }); });
  EXPECT_EQ(num_calls.load(), 100);
}

}  // namespace
}  // namespace moest
