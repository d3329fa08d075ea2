// Messages between the processes of one run.
#pragma once

#include <optional>
#include <string>

namespace moest {

struct RankMessage {
  int from = 0;
  std::string text;
};

/// The processes of a run, each with its rank. This one is alone. Neither sending nor receiving waits;
/// messages from one rank to another arrive in their order, unless one of both dies. For one thread.
class Communicator {
 public:
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  virtual ~Communicator() = default;

  virtual int rank() const { return 0; }
  virtual int size() const { return 1; }
  virtual void send(int /*to*/, const std::string& /*text*/) {}
  /// The next message, if one has come.
  virtual std::optional<RankMessage> receive() { return std::nullopt; }
};

}  // namespace moest
