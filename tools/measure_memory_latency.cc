// Measures how long one load from memory takes, as a function of the size of the working set.
//
// A working set of b bytes is divided into nodes, `stride` bytes apart; each node holds the address of the
// next, and the addresses form one random cycle through all nodes (Sattolo's algorithm). Following them is a
// chain of dependent loads: no load can start before the last has ended, and no prefetcher can guess the next
// address. The time per load is then the latency of the level of the memory hierarchy in which the working
// set still fits, with soft steps between the levels. The sizes are visited in several sweeps, each with
// cycles of its own, so that a passing disturbance of the machine meets a point once at most. At a visit the
// cycle is walked once in full to warm the caches, then timed `repeats` times for about 10 ms each; the
// median and the quartiles over all sweeps are written.
//
// With 4 KiB pages, large working sets also miss the translation buffers, which adds page walks to the
// latency;
// `--pages huge` asks for 2 MiB pages and removes most of that.

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/base/random.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMinBytes = 4096;
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 40;
constexpr double kSecondsPerRepeat = 0.010;

enum class Pages { normal, huge };

struct Options {
  std::string output = "-";
  std::vector<std::uint64_t> strides{64};
  std::uint64_t max_bytes = std::uint64_t{512} << 20;
  int points_per_doubling = 12;
  int sweeps = 3;
  int repeats = 5;
  std::uint64_t seed = 1;
  Pages pages = Pages::normal;
};

struct Point {
  std::uint64_t bytes = 0;
  std::uint64_t stride = 0;
};

struct Quartiles {
  double first = 0;
  double median = 0;
  double third = 0;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Memory straight from the kernel, so that the size of its pages can be asked for; every page is touched.
class Arena {
 public:
  Arena(std::uint64_t bytes, Pages pages)
      : size_(bytes),
        data_(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (data_ == MAP_FAILED) {
      throw moest::EnvironmentError(fmt::format("cannot reserve {} bytes", bytes), std::strerror(errno),
                                    "Give a smaller --max-bytes.");
    }
    // A refusal leaves normal pages: the measurement stays valid, and the steps show the page walks.
    static_cast<void>(::madvise(data_, size_, pages == Pages::huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE));
    std::memset(data_, 1, size_);
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { ::munmap(data_, size_); }

  std::byte* data() const { return static_cast<std::byte*>(data_); }

 private:
  std::size_t size_;
  void* data_;
};

/// successors[i] follows node i on one random cycle through all nodes (Sattolo's algorithm).
std::vector<std::uint32_t> random_cycle(std::uint64_t num_nodes, moest::Stream& stream) {
  std::vector<std::uint32_t> successors(num_nodes);
  for (std::size_t i = 0; i < num_nodes; ++i) {
    successors[i] = static_cast<std::uint32_t>(i);
  }
  for (std::size_t i = num_nodes - 1; i > 0; --i) {
    std::swap(successors[i], successors[static_cast<std::size_t>(stream.below(static_cast<int>(i)))]);
  }
  return successors;
}

void** node(const Arena& arena, std::uint64_t stride, std::uint64_t index) {
  return reinterpret_cast<void**>(arena.data() + index * stride);
}

/// Writes the cycle into the arena and returns its first node.
void** link_nodes(const Arena& arena, const Point& point, moest::Stream stream) {
  const std::vector<std::uint32_t> successors = random_cycle(point.bytes / point.stride, stream);
  for (std::size_t i = 0; i < successors.size(); ++i) {
    *node(arena, point.stride, i) = node(arena, point.stride, successors[i]);
  }
  return node(arena, point.stride, 0);
}

constexpr std::uint64_t kUnrolled = 16;

/// Follows `rounds` times kUnrolled dependent loads and returns where they end.
void** chase(void** start, std::uint64_t rounds) {
  void** here = start;
  for (std::uint64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (std::uint64_t i = 0; i < kUnrolled; ++i) {
      here = static_cast<void**>(*here);
    }
    asm volatile("" : "+r"(here));  // the chain is used: the compiler must keep it
  }
  return here;
}

Quartiles quartiles_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const double position = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (position - static_cast<double>(below)) * (values[above] - values[below]);
  };
  return {at(0.25), at(0.5), at(0.75)};
}

/// The time per load in each of `repeats` timed walks.
std::vector<double> latencies_ns(const Arena& arena, const Point& point, int repeats,
                                 const moest::Stream& stream) {
  void** here = link_nodes(arena, point, stream);
  const std::uint64_t rounds_per_cycle = point.bytes / point.stride / kUnrolled + 1;
  here = chase(here, rounds_per_cycle);
  // A trial that doubles until its time can be trusted tells how many loads fill a repeat.
  std::uint64_t rounds = 256;
  double seconds = 0;
  while (seconds < kSecondsPerRepeat / 8) {
    rounds *= 2;
    const auto start = Clock::now();
    here = chase(here, rounds);
    seconds = seconds_since(start);
  }
  rounds =
      static_cast<std::uint64_t>(static_cast<double>(rounds) * std::max(1.0, kSecondsPerRepeat / seconds));
  std::vector<double> nanoseconds;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const auto start = Clock::now();
    here = chase(here, rounds);
    nanoseconds.push_back(1e9 * seconds_since(start) / static_cast<double>(rounds * kUnrolled));
  }
  return nanoseconds;
}

/// Sizes evenly spaced in log2, rounded to a whole number of nodes, smallest first.
std::vector<Point> planned_points(const Options& options) {
  std::vector<Point> points;
  for (const std::uint64_t stride : options.strides) {
    for (int i = 0;; ++i) {
      const double bytes =
          static_cast<double>(kMinBytes) * std::exp2(i / static_cast<double>(options.points_per_doubling));
      const auto nodes = static_cast<std::uint64_t>(std::llround(bytes / static_cast<double>(stride)));
      if (nodes * stride > options.max_bytes) {
        break;
      }
      const bool is_new =
          points.empty() || points.back().stride != stride || points.back().bytes != nodes * stride;
      if (nodes >= 2 && is_new) {
        points.push_back({nodes * stride, stride});
      }
    }
  }
  return points;
}

/// Writes the share done and an estimate of the time left to standard error: one line that is rewritten on a
/// terminal, a line per tenth elsewhere.
class Progress {
 public:
  Progress(const std::vector<Point>& points, const Options& options) : repeats_(options.repeats) {
    for (const Point& point : points) {
      total_ += options.sweeps * cost(point);
    }
  }

  void add(const Point& point) {
    done_ += cost(point);
    const double share = done_ / total_;
    const int tenth = static_cast<int>(10 * share + 1e-9);
    if (!on_terminal_ && tenth == last_tenth_) {
      return;
    }
    last_tenth_ = tenth;
    const double left_seconds = std::max(0.0, seconds_since(start_) * (1 - share) / share);
    fmt::print(stderr, "{}{:3.0f} % measured, about {:.0f} s left{}", on_terminal_ ? "\r" : "", 100 * share,
               left_seconds, !on_terminal_ || share > 1 - 1e-9 ? "\n" : "   ");
    std::fflush(stderr);
  }

 private:
  // Every point is timed for a fixed time; building and warming its cycle costs about 150 ns per node on top.
  double cost(const Point& point) const {
    return (repeats_ + 0.25) * kSecondsPerRepeat +
           150e-9 * static_cast<double>(point.bytes) / static_cast<double>(point.stride);
  }

  Clock::time_point start_ = Clock::now();
  bool on_terminal_ = ::isatty(STDERR_FILENO) == 1;
  int repeats_;
  double total_ = 0;
  double done_ = 0;
  int last_tenth_ = 0;
};

std::string as_csv(const std::vector<Point>& points, const std::vector<std::vector<double>>& nanoseconds) {
  std::string text = "log2_bytes,latency_ns,log2_latency,stride_bytes,first_quartile_ns,third_quartile_ns\n";
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Quartiles latency = quartiles_of(nanoseconds[i]);
    text += fmt::format("{:.4f},{:.4f},{:.4f},{},{:.4f},{:.4f}\n",
                        std::log2(static_cast<double>(points[i].bytes)), latency.median,
                        std::log2(latency.median), points[i].stride, latency.first, latency.third);
  }
  return text;
}

void check_options(const Options& options) {
  for (const std::uint64_t stride : options.strides) {
    if (stride < sizeof(void*) || stride % sizeof(void*) != 0 || stride > kMinBytes) {
      throw moest::InputError(
          fmt::format("--stride {} cannot be used", stride),
          fmt::format("a node must hold one aligned address of {} bytes, and the smallest "
                      "working set is {} bytes",
                      sizeof(void*), kMinBytes),
          "Give a multiple of 8 between 8 and 4096; 64 is a cache line.");
    }
    if (options.max_bytes / stride > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) {
      throw moest::InputError(fmt::format("--max-bytes {} is too large", options.max_bytes),
                              "a cycle has at most 2^31 - 1 nodes",
                              "Give a smaller size or a larger --stride.");
    }
  }
  moest::check_output(options.output);
}

void run(const Options& options) {
  check_options(options);
  const std::vector<Point> points = planned_points(options);
  if (points.empty()) {
    throw moest::InputError("there is nothing to measure", "no working set holds two nodes",
                            "Give a larger --max-bytes or a smaller --stride.");
  }
  const Arena arena(options.max_bytes, options.pages);
  Progress progress(points, options);
  std::vector<std::vector<double>> nanoseconds(points.size());
  for (int sweep = 0; sweep < options.sweeps; ++sweep) {
    const std::string purpose = fmt::format("pointer chase, sweep {}", sweep);
    for (std::size_t i = 0; i < points.size(); ++i) {
      const moest::Stream stream(options.seed, points[i].bytes, purpose);
      const std::vector<double> new_ones = latencies_ns(arena, points[i], options.repeats, stream);
      nanoseconds[i].insert(nanoseconds[i].end(), new_ones.begin(), new_ones.end());
      progress.add(points[i]);
    }
  }
  moest::write_output(options.output, as_csv(points, nanoseconds));
}

void declare_options(CLI::App& app, Options& options) {
  const std::map<std::string, Pages> page_names{{"normal", Pages::normal}, {"huge", Pages::huge}};
  app.add_option("--output", options.output, "CSV file to write, or - for standard output")
      ->capture_default_str();
  app.add_option("--stride", options.strides,
                 "bytes between two nodes; several, separated by commas, are measured in turn")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--max-bytes", options.max_bytes, "largest working set, such as 512MiB")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(kMinBytes, kMaxBytes))
      ->capture_default_str();
  app.add_option("--points", options.points_per_doubling, "points per doubling of the working set")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--sweeps", options.sweeps, "visits of each size, each with another random cycle")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--repeats", options.repeats, "timed walks per visit of a size, of about 10 ms each")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "seed of the random cycles")->capture_default_str();
  app.add_option("--pages", options.pages, "size of the memory pages: normal or huge")
      ->transform(CLI::CheckedTransformer(page_names))
      ->default_str("normal");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Measures the latency of dependent loads over growing working sets and writes it as CSV.");
  Options options;
  try {
    declare_options(app, options);
    app.parse(argc, argv);
    run(options);
    return 0;
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr,
               "the command line cannot be used ({}) `measure_memory_latency --help` lists the options.\n",
               error.what());
    return 2;
  } catch (const moest::InputError& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
