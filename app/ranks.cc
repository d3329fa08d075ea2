#include "app/ranks.h"

#include <cstdlib>

#include "moest/base/error.h"
#include "moest/base/parallel.h"

#ifdef MOEST_WITH_MPI
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <list>
#include <thread>
#endif

namespace moest::app {
namespace {

/// Open MPI's mpirun, or a scheduler that speaks PMIx (srun), started this process.
bool is_under_mpirun() {
  return std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr || std::getenv("PMIX_RANK") != nullptr;
}

#ifdef MOEST_WITH_MPI

/// Messages by MPI, all of one tag. MPI is called by one thread only. That a rank has died is no error here:
/// who waits for it finds out by its silence.
class MpiRanks : public Ranks {
 public:
  MpiRanks() {
    int level = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    MPI_Comm node = MPI_COMM_NULL;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_size(node, &num_on_node_);
    MPI_Comm_free(&node);
  }
  MpiRanks(const MpiRanks&) = delete;
  MpiRanks& operator=(const MpiRanks&) = delete;
  ~MpiRanks() override {
    constexpr auto kPatience = std::chrono::seconds(5);
    const auto begin = std::chrono::steady_clock::now();
    for (forget_sent(); !sent_.empty() && std::chrono::steady_clock::now() - begin < kPatience;
         forget_sent()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (!others_given_up_) {
      MPI_Finalize();
    }
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void give_up_others() override { others_given_up_ = true; }
  bool has_given_up_others() const override { return others_given_up_; }

  int num_threads(int requested) const override {
    return requested > 0 ? requested : std::max(1, resolve_threads(0) / num_on_node_);
  }

  void send(int to, const std::string& text) override {
    forget_sent();
    Sent& sent = sent_.emplace_back(Sent{text, MPI_REQUEST_NULL});
    MPI_Isend(sent.text.data(), static_cast<int>(sent.text.size()), MPI_CHAR, to, 0, MPI_COMM_WORLD,
              &sent.request);
  }

  std::optional<RankMessage> receive() override {
    int is_there = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status;
    if (MPI_Improbe(MPI_ANY_SOURCE, 0, MPI_COMM_WORLD, &is_there, &message, &status) != MPI_SUCCESS ||
        is_there == 0) {
      return std::nullopt;
    }
    int size = 0;
    MPI_Get_count(&status, MPI_CHAR, &size);
    RankMessage received{status.MPI_SOURCE, std::string(static_cast<std::size_t>(size), '\0')};
    MPI_Mrecv(received.text.data(), size, MPI_CHAR, &message, MPI_STATUS_IGNORE);
    return received;
  }

 private:
  /// A text must stay where it is until MPI has sent it.
  struct Sent {
    std::string text;
    MPI_Request request;
  };

  void forget_sent() {
    sent_.remove_if([](Sent& sent) {
      int is_done = 0;
      return MPI_Test(&sent.request, &is_done, MPI_STATUS_IGNORE) != MPI_SUCCESS || is_done != 0;
    });
  }

  int rank_ = 0, size_ = 1, num_on_node_ = 1;
  bool others_given_up_ = false;
  std::list<Sent> sent_;
};

#endif

}  // namespace

int Ranks::num_threads(int requested) const { return resolve_threads(requested); }

std::unique_ptr<Ranks> make_ranks() {
  if (is_under_mpirun()) {
#ifdef MOEST_WITH_MPI
    return std::make_unique<MpiRanks>();
#else
    throw EnvironmentError("mpirun has started this program, which cannot talk to its other copies",
                           "it was built without MPI",
                           "Install libopenmpi-dev and build again, or run it without mpirun.");
#endif
  }
  return std::make_unique<Ranks>();
}

}  // namespace moest::app
