// The processes that mpirun has started together.
#pragma once

#include <memory>

#include "moest/study/communicator.h"

namespace moest::app {

/// Ranks that can lose one of them and go on.
class Ranks : public Communicator {
 public:
  /// Threads of this rank: as many as were asked for or, for 0, its part of the cores.
  virtual int num_threads(int requested) const;
  /// From now on nothing waits for other ranks: what follows is the end of this process.
  virtual void give_up_others() {}
  virtual bool has_given_up_others() const { return false; }
};

/// All of them under mpirun, which this starts to use, else this process alone. To be destroyed before the
/// program ends. Throws EnvironmentError under mpirun if the program was built without MPI.
std::unique_ptr<Ranks> make_ranks();

}  // namespace moest::app
