// Voronoi losses as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "moest/theory/voronoi.h"

namespace moest {

/// `l1`, `l2r` (null where it was not asked for), `true_mass`, `cells`: a list of `truth`, `atoms`, `mass`,
/// `true_mass`, `mass_error`, `largest_error`, `split_rms` (null where the cell has another number of atoms),
/// and, where there are groups, `groups`: the same with `groups` for `atoms`. Atoms and groups are numbered
/// from 0, as in the paths of the model file.
nlohmann::ordered_json to_json(const VoronoiLoss& loss);

}  // namespace moest
