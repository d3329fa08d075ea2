#include "moest/study/crew.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "moest/base/build_info.h"
#include "moest/base/parallel.h"

namespace moest {
namespace {

Provenance provenance(int threads, int rank) {
  const BuildInfo build = build_info();
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return {fmt::format("{} {}", build.version, build.git_revision), host.data(), threads, rank};
}

}  // namespace

Crew::Crew(const Study& study, int threads, int rank, const std::atomic<bool>* interrupt)
    : laboratory_(study),
      by_(provenance(resolve_threads(threads), rank)),
      interrupt_(interrupt),
      leader_([this] { parallel_for(by_.threads, by_.threads, [this](int) { work(); }); }) {}

Crew::~Crew() {
  {
    const std::scoped_lock lock(mutex_);
    is_closed_ = true;
    keys_.clear();
  }
  changed_.notify_all();
  leader_.join();
}

void Crew::give(const std::vector<TrialKey>& keys) {
  {
    const std::scoped_lock lock(mutex_);
    keys_.insert(keys_.end(), keys.begin(), keys.end());
  }
  changed_.notify_all();
}

std::vector<FinishedTrial> Crew::take(double seconds) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return !finished_.empty(); });
  return std::exchange(finished_, {});
}

std::optional<TrialKey> Crew::next_key() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return is_closed_ || !keys_.empty(); });
  if (is_closed_) {
    return std::nullopt;
  }
  TrialKey key = std::move(keys_.front());
  keys_.pop_front();
  return key;
}

void Crew::work() {
  while (const std::optional<TrialKey> key = next_key()) {
    FinishedTrial finished{*key, laboratory_.run(*key, interrupt_)};
    if (finished.row) {
      finished.row->by = by_;
    }
    {
      const std::scoped_lock lock(mutex_);
      finished_.push_back(std::move(finished));
    }
    changed_.notify_all();
  }
}

}  // namespace moest
