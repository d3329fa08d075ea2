// Parameters of an expert that are different numbers for the same function.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "moest/model/specification.h"

namespace moest {

/// The parameters of the same expert that lie nearest to `reference`, by the symmetries of its neurons:
///
///     (a, b) -> -(a, b)                                  phi even
///     (a, b, c) -> -(a, b, c)                            phi odd, with an output weight
///     (a, b, c, c_0) -> (-a, -b, -c, c_0 + c)            sigmoid, with a weight and an offset
///
/// and, in a network, the order of the neurons, which is that of the least sum of squared distances. The
/// distance is that of a, b and c; an output offset does not count. Both
/// lists are an atom's expert (BasicAtom::expert).
std::vector<double> nearest_equivalent(const MixtureSpec& spec, std::vector<double> expert,
                                       std::span<const double> reference);

/// Distances between experts that do not tell the parameters of the same function apart by the symmetries
/// above: of e from e', the least ‖g(e) - e'‖ over all equivalents g(e), here with the output offsets. (It is
/// that of e' from e too, but where an offset takes weights.) It is exact but for networks of more than
/// kMostCoupled sigmoids, whose offset couples the choices of all neurons: there each neuron is reflected or
/// not as a, b and c say, which may give more than the least distance.
class ExpertDistance {
 public:
  static constexpr int kMostCoupled = 8;

  explicit ExpertDistance(const MixtureSpec& spec);
  ExpertDistance(const ExpertDistance&) = delete;
  ExpertDistance& operator=(const ExpertDistance&) = delete;
  ~ExpertDistance();

  double squared(std::span<const double> expert, std::span<const double> reference) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace moest
