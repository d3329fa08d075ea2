// Which atoms of a mixture are nearly the same: merging them two by two.
#pragma once

#include <optional>
#include <vector>

#include "moest/data/dataset.h"
#include "moest/model/model.h"

namespace moest {

/// Two atoms become one. The atoms of the whole mixture are the nodes 0 .. K - 1, and merge m makes node K +
/// m.
struct Merge {
  int first = 0, second = 0;  // nodes; first has the more weight
  double height = 0;          // sqrt of their dissimilarity
};

/// A mixture on its way from K experts to one.
struct DendrogramLevel {
  Model model;                 // of so many experts; the first level is the mixture itself
  std::optional<Merge> merge;  // the cheapest one, which leads to the next level; none for a single expert
};

/// The dendrogram of a mixing measure: the idea of arXiv 2510.12744 (there for densities)
/// for least squares. At each level the two atoms i, j merge that have the least dissimilarity
///
///     d = p_i p_j / (p_i + p_j) q / (1 + q),   q = V(log w_i - log w_j) + M((h_i - h_j)^2) / s^2
///
/// with p_i the mean weight of atom i over the samples, V and M variance and mean over the samples with the
/// weights w_i + w_j, and s^2 the variance of the target. That does not depend on how experts are
/// parametrised; for a softmax over standardised inputs V is the squared distance of the gates' slopes. That
/// q is bounded makes far apart and further apart alike, where gates are sharp and experts extrapolate. The
/// merged gate is their mean by p_i, its bias that of both masses together; the merged expert has their
/// mean parameters or, where that is nearer to their mean by p_i as a function, those of the heavier one.
///
/// One level for each number of experts, K first. Throws InputError for mixtures whose atoms come in groups.
std::vector<DendrogramLevel> dendrogram(const Model& model, const Dataset& data);

}  // namespace moest
