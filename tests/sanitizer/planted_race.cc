// Two threads of moest::parallel_for write one int: unsynchronised ("race") or under a lock ("lock"). The
// barrier makes sure that two threads really run at once; without it one thread might run both tasks.
#include <barrier>
#include <cstdio>
#include <mutex>
#include <string_view>
#include <thread>

#include "moest/base/parallel.h"

namespace {

constexpr int kNumThreads = 2;
constexpr int kNumWrites = 1000;

int shared_value = 0;
std::mutex shared_value_mutex;

__attribute__((noinline)) void write_without_lock(int value) { shared_value = value; }

__attribute__((noinline)) void write_with_lock(int value) {
  const std::lock_guard lock(shared_value_mutex);
  shared_value = value;
}

}  // namespace

int main(int argc, char** argv) {
  if (std::thread::hardware_concurrency() < kNumThreads) {
    return 77;
  }
  const bool locks = argc > 1 && std::string_view(argv[1]) == "lock";
  std::barrier both_here(kNumThreads);
  moest::parallel_for(kNumThreads, kNumThreads, [&](int task) {
    both_here.arrive_and_wait();
    for (int i = 0; i < kNumWrites; ++i) {
      if (locks) {
        write_with_lock(task + i);
      } else {
        write_without_lock(task + i);
      }
    }
  });
  std::printf("last value %d\n", shared_value);
  return 0;
}
